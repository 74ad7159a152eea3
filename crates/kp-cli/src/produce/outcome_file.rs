//! `--outcomes FILE`: one JSON line per record, in the order in which they were settled.
//! Owns: the file, and the thread that writes it, so that the network thread never waits for a disk.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use kp_producer::Certainty;

use super::outcomes::{Outcomes, Place};

/// One line to be written.
#[derive(Debug)]
pub(crate) enum FileLine {
    Acked {
        place: Place,
        partition: i32,
        offset: Option<i64>,
        answered_ms: u64,
        latency: Duration,
    },
    Failed {
        place: Place,
        certainty: Certainty,
        error: String,
        answered_ms: u64,
    },
    /// No more lines.
    End,
}

impl FileLine {
    pub(crate) fn acked(place: Place, partition: i32, offset: Option<i64>, latency: Duration) -> Self {
        Self::Acked { place, partition, offset, answered_ms: now_ms(), latency }
    }

    pub(crate) fn failed(place: Place, certainty: Certainty, error: String) -> Self {
        Self::Failed { place, certainty, error, answered_ms: now_ms() }
    }

    /// `sources` are the names of the inputs; a single one is not named in every line.
    fn write(&self, sources: &[String], out: &mut impl Write) -> io::Result<()> {
        let start = |out: &mut dyn Write, place: &Place| {
            out.write_all(b"{")?;
            if let (true, Some(name)) = (sources.len() > 1, sources.get(place.source as usize)) {
                write!(out, "\"file\":{},", json(name))?;
            }
            write!(out, "\"line\":{}", place.line)
        };
        match self {
            Self::Acked { place, partition, offset, answered_ms, latency } => {
                start(out, place)?;
                let offset = offset.map_or_else(|| "null".to_owned(), |offset| offset.to_string());
                let latency_ms = latency.as_micros() as f64 / 1000.0;
                writeln!(
                    out,
                    ",\"partition\":{partition},\"offset\":{offset},\"answered_at_ms\":{answered_ms},\
                     \"latency_ms\":{latency_ms}}}"
                )
            }
            Self::Failed { place, certainty, error, answered_ms } => {
                start(out, place)?;
                let (error, certainty) = (json(error), certainty_name(*certainty));
                writeln!(
                    out,
                    ",\"error\":{error},\"certainty\":\"{certainty}\",\"answered_at_ms\":{answered_ms}}}"
                )
            }
            Self::End => Ok(()),
        }
    }
}

/// As in JSON everywhere: `written`, `not_written`, `unknown`.
fn certainty_name(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Written => "written",
        Certainty::NotWritten => "not_written",
        Certainty::Unknown => "unknown",
    }
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The file, created, and the way to it.
pub(crate) struct OutcomeFile {
    file: File,
    pub(crate) lines: mpsc::Sender<FileLine>,
    incoming: mpsc::Receiver<FileLine>,
}

impl OutcomeFile {
    /// # Errors
    /// The file cannot be created.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        let (lines, incoming) = mpsc::channel();
        Ok(Self { file, lines, incoming })
    }

    /// Starts the writer. It ends at [`FileLine::End`] and answers how the writing went; `ended` is dropped when
    /// the last line is in the file.
    pub(crate) fn start(
        self,
        sources: Vec<String>,
        outcomes: Arc<Outcomes>,
        ended: mpsc::Sender<()>,
    ) -> JoinHandle<io::Result<()>> {
        thread::spawn(move || {
            let _ended = ended;
            let mut out = BufWriter::with_capacity(256 * 1024, self.file);
            let mut result = Ok(());
            for line in self.incoming {
                if matches!(line, FileLine::End) {
                    break;
                }
                // A full disk ends the lines, not the sending: the error is told at the end.
                result = result.and_then(|()| line.write(&sources, &mut out));
                outcomes.release();
            }
            result.and_then(|()| out.flush())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(line: &FileLine, sources: &[&str]) -> serde_json::Value {
        let sources: Vec<String> = sources.iter().map(|name| (*name).to_owned()).collect();
        let mut out = Vec::new();
        line.write(&sources, &mut out).unwrap();
        assert_eq!(out.last(), Some(&b'\n'));
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_record_that_was_acked_says_where_it_is() {
        let place = Place { source: 0, line: 7 };
        let json = line(&FileLine::acked(place, 2, Some(41), Duration::from_micros(1500)), &["stdin"]);
        assert_eq!((&json["line"], &json["partition"], &json["offset"]), (&7.into(), &2.into(), &41.into()));
        assert_eq!(json["latency_ms"], 1.5);
        assert!(json["answered_at_ms"].as_u64().unwrap() > 1_600_000_000_000);
        assert!(json.get("file").is_none());
        let json = line(&FileLine::acked(place, 2, None, Duration::ZERO), &["stdin"]);
        assert!(json["offset"].is_null());
    }

    #[test]
    fn a_record_that_failed_says_why_and_how_certain_that_is() {
        let place = Place { source: 1, line: 7 };
        let error = "a \"quoted\" reason\n".to_owned();
        let json = line(&FileLine::failed(place, Certainty::NotWritten, error.clone()), &["a", "b"]);
        assert_eq!((&json["file"], &json["error"]), (&"b".into(), &error.into()));
        assert_eq!(json["certainty"], "not_written");
        let json = line(&FileLine::failed(place, Certainty::Unknown, String::new()), &["a", "b"]);
        assert_eq!(json["certainty"], "unknown");
    }
}
