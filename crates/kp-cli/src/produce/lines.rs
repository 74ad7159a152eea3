//! Lines of bytes from anything that can be read, borrowed from one buffer.
//! Owns: the buffer, and a bound on the length of a line; what is longer is counted, not kept.

use std::io::{self, Read};

/// Bytes asked of the system at once.
const BUFFER: usize = 256 * 1024;

/// A line without its line feed. A carriage return before it belongs to the line: input is bytes, not text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    Bytes(&'a [u8]),
    /// Longer than the limit; so many bytes.
    TooLong(u64),
}

/// Reads line by line. Memory: the buffer, and at most `limit` bytes for a line that spans buffers.
#[derive(Debug)]
pub(crate) struct LineReader<R> {
    input: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    spanning: Vec<u8>,
    limit: usize,
}

impl<R: Read> LineReader<R> {
    /// Lines of at most `limit` bytes.
    pub(crate) fn new(input: R, limit: usize) -> Self {
        Self::with_buffer(input, limit, BUFFER)
    }

    fn with_buffer(input: R, limit: usize, size: usize) -> Self {
        Self { input, buffer: vec![0; size].into(), start: 0, end: 0, spanning: Vec::new(), limit }
    }

    /// The next line; `None` at the end. What stands behind the last line feed is a line unless it is empty.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        match memchr::memchr(b'\n', &self.buffer[self.start..self.end]) {
            Some(length) => {
                let line = self.start..self.start + length;
                self.start = line.end + 1;
                Ok(Some(if length > self.limit {
                    Line::TooLong(length as u64)
                } else {
                    Line::Bytes(&self.buffer[line])
                }))
            }
            None => self.spanning_line(),
        }
    }

    /// Whether the next line is here already, so that asking for it reads nothing.
    pub(crate) fn has_line(&self) -> bool {
        memchr::memchr(b'\n', &self.buffer[self.start..self.end]).is_some()
    }

    /// A line whose end is not in the buffer yet.
    fn spanning_line(&mut self) -> io::Result<Option<Line<'_>>> {
        self.spanning.clear();
        let mut length = 0;
        loop {
            let piece = &self.buffer[self.start..self.end];
            let line_feed = memchr::memchr(b'\n', piece);
            let piece = &piece[..line_feed.unwrap_or(piece.len())];
            length += piece.len() as u64;
            if length <= self.limit as u64 {
                self.spanning.extend_from_slice(piece);
            }
            self.start += piece.len() + usize::from(line_feed.is_some());
            if line_feed.is_some() || (self.fill()? == 0) {
                if line_feed.is_none() && length == 0 {
                    return Ok(None);
                }
                break;
            }
        }
        Ok(Some(if length > self.limit as u64 { Line::TooLong(length) } else { Line::Bytes(&self.spanning) }))
    }

    fn fill(&mut self) -> io::Result<usize> {
        self.start = 0;
        self.end = loop {
            match self.input.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        Ok(self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All lines, with a buffer of every small size: what spans buffers has to come out the same.
    fn lines(input: &[u8]) -> Vec<Vec<u8>> {
        let mut answers = (1..=9).map(|size| {
            let mut reader = LineReader::with_buffer(input, 100, size);
            let mut lines = Vec::new();
            while let Some(line) = reader.next_line().unwrap() {
                let Line::Bytes(line) = line else { panic!("too long") };
                lines.push(line.to_vec());
            }
            lines
        });
        let first = answers.next().unwrap();
        assert!(answers.all(|answer| answer == first));
        first
    }

    #[test]
    fn lines_end_at_line_feeds_only() {
        assert_eq!(lines(b"one\ntwo\r\n\nlast"), [&b"one"[..], b"two\r", b"", b"last"]);
        assert_eq!(lines(b"one\n"), [b"one"]);
        assert_eq!(lines(b"\n"), [b""]);
    }

    #[test]
    fn a_line_that_is_in_the_buffer_is_known_before_it_is_asked_for() {
        let mut reader = LineReader::with_buffer(&b"a\nb\nc"[..], 100, 64);
        let mut known = Vec::new();
        while reader.next_line().unwrap().is_some() {
            known.push(reader.has_line());
        }
        assert_eq!(known, [true, false, false]);
    }

    #[test]
    fn an_empty_input_has_no_line() {
        assert!(lines(b"").is_empty());
    }

    #[test]
    fn bytes_that_are_no_text_come_through() {
        assert_eq!(lines(b"\xff\x00\n\xc3\n"), [&b"\xff\x00"[..], b"\xc3"]);
    }

    #[test]
    fn a_line_over_the_limit_is_counted_and_the_next_one_read() {
        for size in [4, 64] {
            let mut reader = LineReader::with_buffer(&b"abc\n0123456789\nabcde\nx"[..], 5, size);
            assert_eq!(reader.next_line().unwrap(), Some(Line::Bytes(b"abc")));
            assert_eq!(reader.next_line().unwrap(), Some(Line::TooLong(10)));
            assert_eq!(reader.next_line().unwrap(), Some(Line::Bytes(b"abcde")));
            assert_eq!(reader.next_line().unwrap(), Some(Line::Bytes(b"x")));
            assert_eq!(reader.next_line().unwrap(), None);
            assert!(reader.spanning.capacity() <= 64);
        }
    }
}
