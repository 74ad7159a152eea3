//! A line of the file of outcomes: which record of the input it was, and where it is or why it is not.

use std::{
    io::{self, Write},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use kp_producer::Certainty;

/// Where a record stands in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Which input, from 0.
    pub(crate) source: u32,
    /// Which line, from 1.
    pub(crate) line: u64,
}

/// One line to be written.
#[derive(Debug)]
pub(crate) enum OutcomeLine {
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

impl OutcomeLine {
    pub(crate) fn acked(place: Place, partition: i32, offset: Option<i64>, latency: Duration) -> Self {
        Self::Acked { place, partition, offset, answered_ms: now_ms(), latency }
    }

    pub(crate) fn failed(place: Place, certainty: Certainty, error: String) -> Self {
        Self::Failed { place, certainty, error, answered_ms: now_ms() }
    }

    /// `sources` are the names of the inputs; a single one is not named in every line.
    pub(crate) fn write(&self, sources: &[String], out: &mut impl Write) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn line(line: &OutcomeLine, sources: &[&str]) -> serde_json::Value {
        let sources: Vec<String> = sources.iter().map(|name| (*name).to_owned()).collect();
        let mut out = Vec::new();
        line.write(&sources, &mut out).unwrap();
        assert_eq!(out.last(), Some(&b'\n'));
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_record_that_was_acked_says_where_it_is() {
        let place = Place { source: 0, line: 7 };
        let json = line(&OutcomeLine::acked(place, 2, Some(41), Duration::from_micros(1500)), &["stdin"]);
        assert_eq!((&json["line"], &json["partition"], &json["offset"]), (&7.into(), &2.into(), &41.into()));
        assert_eq!(json["latency_ms"], 1.5);
        assert!(json["answered_at_ms"].as_u64().unwrap() > 1_600_000_000_000);
        assert!(json.get("file").is_none());
        let json = line(&OutcomeLine::acked(place, 2, None, Duration::ZERO), &["stdin"]);
        assert!(json["offset"].is_null());
    }

    #[test]
    fn a_record_that_failed_says_why_and_how_certain_that_is() {
        let place = Place { source: 1, line: 7 };
        let error = "a \"quoted\" reason\n".to_owned();
        let json = line(&OutcomeLine::failed(place, Certainty::NotWritten, error.clone()), &["a", "b"]);
        assert_eq!((&json["file"], &json["error"]), (&"b".into(), &error.into()));
        assert_eq!(json["certainty"], "not_written");
        let json = line(&OutcomeLine::failed(place, Certainty::Unknown, String::new()), &["a", "b"]);
        assert_eq!(json["certainty"], "unknown");
    }
}
