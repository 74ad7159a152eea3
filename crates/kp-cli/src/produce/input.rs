//! The files that are sent, one after the other, and how a line becomes a record.
//! Owns: which file and line we are at. All files are opened before the first record is sent, so that a wrong name
//! is found before anything happened.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, IsTerminal as _, Read},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{
    gate::{Gate, Gated},
    input_record::InputRecord,
    lines::LineReader,
    ndjson,
};
use crate::args::Format;

/// How lines are to be understood.
#[derive(Debug, Clone)]
pub(crate) struct LineSyntax {
    pub(crate) format: Format,
    pub(crate) key_separator: Option<String>,
}

impl LineSyntax {
    /// # Errors
    /// What is wrong with the line, in words.
    pub(crate) fn parse<'a>(&self, line: &'a [u8]) -> Result<InputRecord<'a>, String> {
        match (self.format, &self.key_separator) {
            (Format::Ndjson, _) => ndjson::parse(line),
            (Format::Lines, None) => {
                Ok(InputRecord { value: Some(Cow::Borrowed(line)), ..InputRecord::default() })
            }
            (Format::Lines, Some(separator)) => {
                let at = memchr::memmem::find(line, separator.as_bytes())
                    .ok_or_else(|| format!("no key separator {separator:?} in it"))?;
                Ok(InputRecord {
                    key: Some(Cow::Borrowed(&line[..at])),
                    value: Some(Cow::Borrowed(&line[at + separator.len()..])),
                    ..InputRecord::default()
                })
            }
        }
    }
}

/// One opened input.
pub(crate) struct Source {
    /// How it is called in messages.
    pub(crate) name: String,
    pub(crate) lines: LineReader<Box<dyn Read + Send>>,
}

/// All inputs, opened.
pub(crate) struct Sources {
    pub(crate) sources: Vec<Source>,
    /// Bytes to come, if all of them are files.
    pub(crate) total_bytes: Option<u64>,
    /// Bytes read so far.
    pub(crate) bytes_read: Arc<AtomicU64>,
    /// Input comes from a keyboard.
    pub(crate) is_terminal: bool,
}

/// Opens everything; no path, or `-`, is stdin.
///
/// # Errors
/// The path, and what the system said.
pub(crate) fn open(
    paths: &[PathBuf],
    limit: usize,
    gate: &Arc<Gate>,
) -> Result<Sources, (String, io::Error)> {
    let bytes_read = Arc::new(AtomicU64::new(0));
    let stdin = [PathBuf::from("-")];
    let paths = if paths.is_empty() { &stdin[..] } else { paths };
    let mut total_bytes = Some(0);
    let mut sources = Vec::with_capacity(paths.len());
    for path in paths {
        let (name, size, input) = open_one(path).map_err(|error| (path.display().to_string(), error))?;
        total_bytes = total_bytes.zip(size).map(|(total, size): (u64, u64)| total + size);
        let counted = Counted { inner: input, bytes_read: Arc::clone(&bytes_read) };
        let gated: Box<dyn Read + Send> = Box::new(Gated { inner: counted, gate: Arc::clone(gate) });
        sources.push(Source { name, lines: LineReader::new(gated, limit) });
    }
    let is_terminal = paths.iter().any(|path| path == Path::new("-")) && io::stdin().is_terminal();
    Ok(Sources { sources, total_bytes, bytes_read, is_terminal })
}

type Opened = (String, Option<u64>, Box<dyn Read + Send>);

fn open_one(path: &Path) -> io::Result<Opened> {
    if path == Path::new("-") {
        return Ok(("stdin".to_owned(), None, Box::new(io::stdin())));
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
    }
    // A pipe has no size worth a progress bar.
    let size = metadata.is_file().then_some(metadata.len());
    Ok((path.display().to_string(), size, Box::new(file)))
}

/// The name of the input that is the same file as this one, whatever path leads there; stdin is an input, too.
pub(crate) fn find_same(paths: &[PathBuf], other: &Path) -> Option<String> {
    let other = identity(other)?;
    let stdin = [PathBuf::from("-")];
    let paths = if paths.is_empty() { &stdin[..] } else { paths };
    paths.iter().find_map(|path| {
        let is_stdin = path == Path::new("-");
        let at = if is_stdin { Path::new("/dev/stdin") } else { path };
        (identity(at)? == other)
            .then(|| if is_stdin { "stdin".to_owned() } else { path.display().to_string() })
    })
}

/// Device and inode of a regular file; a terminal or `/dev/null` may well be both.
#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path).ok()?;
    metadata.is_file().then(|| (metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<PathBuf> {
    std::fs::canonicalize(path).ok()
}

struct Counted<R> {
    inner: R,
    bytes_read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes_read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(separator: Option<&str>) -> LineSyntax {
        LineSyntax { format: Format::Lines, key_separator: separator.map(str::to_owned) }
    }

    #[test]
    fn a_line_is_a_value_as_it_is() {
        let record = lines(None).parse(b"\xff:x").unwrap();
        assert_eq!((record.key, record.value.as_deref()), (None, Some(&b"\xff:x"[..])));
    }

    #[test]
    fn the_key_stands_before_the_first_separator() {
        let record = lines(Some("::")).parse(b"k::v::w").unwrap();
        assert_eq!((record.key.as_deref(), record.value.as_deref()), (Some(&b"k"[..]), Some(&b"v::w"[..])));
        // An empty key is a key, and an empty value a value.
        let record = lines(Some(":")).parse(b":").unwrap();
        assert_eq!((record.key.as_deref(), record.value.as_deref()), (Some(&b""[..]), Some(&b""[..])));
    }

    #[test]
    fn a_line_without_the_separator_is_an_error() {
        assert_eq!(lines(Some("\t")).parse(b"k v"), Err("no key separator \"\\t\" in it".to_owned()));
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let gate = Arc::new(Gate::default());
        let (name, error) = open(&[PathBuf::from("no/such/file")], 10, &gate).err().unwrap();
        assert_eq!((name.as_str(), error.kind()), ("no/such/file", io::ErrorKind::NotFound));
        let (_, error) = open(&[std::env::temp_dir()], 10, &gate).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::IsADirectory);
    }
}
