//! A line of the file of outcomes: which record of the input it was, and where it is or why it is not.

use std::{
    io::{self, Write},
    sync::Arc,
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

/// What became of a record by the end of its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Readers see it.
    Committed,
    /// No reader will ever see it.
    Aborted,
    /// It cannot be learnt, and the record was not sent again.
    Unknown,
}

impl Fate {
    fn name(self) -> &'static str {
        match self {
            Self::Committed => "committed",
            Self::Aborted => "aborted",
            Self::Unknown => "unknown",
        }
    }
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
    /// A record whose transaction has ended, for the last time if it was sent more than once.
    Ended {
        place: Place,
        /// The transaction, if one was begun.
        transaction: Option<Arc<str>>,
        fate: Fate,
        /// Where it is in the log, if it is known to be there.
        at: Option<(i32, Option<i64>)>,
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

    pub(crate) fn ended(
        place: Place,
        transaction: Option<Arc<str>>,
        fate: Fate,
        at: Option<(i32, Option<i64>)>,
    ) -> Self {
        Self::Ended { place, transaction, fate, at, answered_ms: now_ms() }
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
            Self::Ended { place, transaction, fate, at, answered_ms } => {
                start(out, place)?;
                let or_null = |number: Option<i64>| number.map_or("null".to_owned(), |it| it.to_string());
                let partition = or_null(at.map(|(partition, _)| partition.into()));
                let offset = or_null(at.and_then(|(_, offset)| offset));
                let transaction = transaction.as_deref().map_or("null".to_owned(), json);
                writeln!(
                    out,
                    ",\"partition\":{partition},\"offset\":{offset},\"transaction\":{transaction},\
                     \"outcome\":\"{}\",\"answered_at_ms\":{answered_ms}}}",
                    fate.name()
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

    #[test]
    fn a_record_of_a_transaction_says_which_and_how_that_ended() {
        let place = Place { source: 0, line: 7 };
        let ended = |at, fate| OutcomeLine::ended(place, Some("inv-1-3".into()), fate, at);
        let json = line(&ended(Some((2, Some(91))), Fate::Committed), &["stdin"]);
        assert_eq!((&json["line"], &json["partition"], &json["offset"]), (&7.into(), &2.into(), &91.into()));
        assert_eq!((&json["transaction"], &json["outcome"]), (&"inv-1-3".into(), &"committed".into()));
        let json = line(&ended(None, Fate::Aborted), &["stdin"]);
        assert!(json["partition"].is_null() && json["offset"].is_null());
        assert_eq!(json["outcome"], "aborted");
        let json = line(&OutcomeLine::ended(place, None, Fate::Unknown, None), &["stdin"]);
        assert_eq!((json["transaction"].is_null(), &json["outcome"]), (true, &"unknown".into()));
    }
}
