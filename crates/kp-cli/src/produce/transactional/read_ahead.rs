//! The thread that reads lines while another one waits for the end of a transaction.
//! Owns: the input. Bounded: a few chunks of lines, so the reader waits when the sender does.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc},
    thread,
};

use crate::produce::{gate::Gate, input::Source, lines::Line, outcome_line::Place, stopped::Stopped};

/// Bytes of lines that go to the other thread at once.
const CHUNK: usize = 64 * 1024;

/// Chunks that wait there.
const WAITING: usize = 2;

/// What was read.
#[derive(Debug)]
pub(crate) enum Incoming {
    Lines(Vec<ReadLine>),
    /// Nothing follows: the end, or the reason.
    End(Option<Stopped>),
}

/// A line, on its own.
#[derive(Debug)]
pub(crate) struct ReadLine {
    pub(crate) place: Place,
    /// Or how long it is, if that is too long.
    pub(crate) content: Result<Box<[u8]>, u64>,
}

/// Begins to read. The thread ends with the input, with the gate, or with the receiver; in a read that hangs it stays.
pub(crate) fn start(sources: Vec<Source>, gate: Arc<Gate>) -> mpsc::Receiver<Incoming> {
    let (out, lines) = mpsc::sync_channel(WAITING);
    thread::spawn(move || {
        let mut chunk = Chunk { lines: Vec::new(), bytes: 0, out: out.clone() };
        let read = catch_unwind(AssertUnwindSafe(|| {
            let stopped = read(sources, &gate, &mut chunk);
            chunk.hand_on();
            stopped
        }));
        let panicked = || Some(Stopped::because("the thread that reads the input has panicked"));
        // The receiver is gone when nothing is to be sent any more.
        let _ = out.send(Incoming::End(read.unwrap_or_else(|_| panicked())));
    });
    lines
}

/// Lines on their way.
struct Chunk {
    lines: Vec<ReadLine>,
    bytes: usize,
    out: mpsc::SyncSender<Incoming>,
}

impl Chunk {
    fn push(&mut self, place: Place, line: &Line<'_>) {
        let content: Result<Box<[u8]>, u64> = match line {
            Line::Bytes(bytes) => Ok(Box::from(*bytes)),
            Line::TooLong(bytes) => Err(*bytes),
        };
        self.bytes += content.as_ref().map_or(0, |bytes| bytes.len()) + size_of::<ReadLine>();
        self.lines.push(ReadLine { place, content });
    }

    /// Waits for a place. Whether the sender is still there to take them.
    fn hand_on(&mut self) -> bool {
        self.bytes = 0;
        self.lines.is_empty() || self.out.send(Incoming::Lines(std::mem::take(&mut self.lines))).is_ok()
    }
}

fn read(sources: Vec<Source>, gate: &Gate, chunk: &mut Chunk) -> Option<Stopped> {
    for (number, mut source) in (0..).zip(sources) {
        let mut place = Place { source: number, line: 0 };
        loop {
            // What is here goes its way before a read that may take for ever.
            let is_due = chunk.bytes >= CHUNK || !source.lines.has_line();
            if is_due && !chunk.hand_on() {
                return None;
            }
            let line = match source.lines.next_line() {
                Ok(line) => line,
                Err(error) => {
                    let what = format!("{}, after line {}: {error}", source.name, place.line);
                    return Some(Stopped::because(what));
                }
            };
            // A shut gate looks like the end of the input, perhaps in the middle of a line.
            if gate.is_shut() {
                return None;
            }
            let Some(line) = line else { break };
            place.line += 1;
            chunk.push(place, &line);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::produce::lines::LineReader;
    use std::io::Read;

    fn source(input: impl Read + Send + 'static) -> Source {
        Source { name: "input".to_owned(), lines: LineReader::new(Box::new(input), 10) }
    }

    /// The number of a line, and its text or its length.
    type Taken = (u64, Result<String, u64>);

    /// All lines, and how they ended.
    fn taken(lines: &mpsc::Receiver<Incoming>) -> (Vec<Taken>, Option<Stopped>) {
        let mut all = Vec::new();
        loop {
            match lines.recv().unwrap() {
                Incoming::Lines(lines) => all.extend(lines.into_iter().map(|line| {
                    (line.place.line, line.content.map(|bytes| String::from_utf8(bytes.into_vec()).unwrap()))
                })),
                Incoming::End(stopped) => return (all, stopped),
            }
        }
    }

    #[test]
    fn every_line_comes_with_its_place_and_a_long_one_with_its_length() {
        let lines = start(vec![source(&b"one\n0123456789a\nlast"[..])], Arc::default());
        let (all, stopped) = taken(&lines);
        let expected = [(1, Ok("one".to_owned())), (2, Err(11)), (3, Ok("last".to_owned()))];
        assert_eq!((all.as_slice(), stopped.is_none()), (&expected[..], true));
    }

    #[test]
    fn what_was_read_comes_before_a_read_that_does_not_return() {
        let (writer, input) = std::io::pipe().map(|(reader, writer)| (writer, reader)).unwrap();
        let mut kept = writer;
        let lines = start(vec![source(input)], Arc::default());
        std::io::Write::write_all(&mut kept, b"one\ntwo").unwrap();
        // The pipe stays open: only a line that is whole comes.
        let Incoming::Lines(first) = lines.recv().unwrap() else { panic!("no line") };
        assert_eq!((first.len(), first[0].content.as_deref()), (1, Ok(&b"one"[..])));
        drop(kept);
        assert_eq!(taken(&lines).0, [(2, Ok("two".to_owned()))]);
    }

    #[test]
    fn a_reader_that_nobody_listens_to_ends() {
        let endless = std::io::repeat(b'\n');
        let gate = Arc::new(Gate::default());
        let lines = start(vec![source(endless)], Arc::clone(&gate));
        assert!(matches!(lines.recv().unwrap(), Incoming::Lines(_)));
        drop(lines);
        // The thread holds the other one until its end.
        while Arc::strong_count(&gate) > 1 {
            thread::yield_now();
        }
    }
}
