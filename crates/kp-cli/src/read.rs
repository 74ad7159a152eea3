//! `kp read`: the records of a topic on stdout, one per line; with `--json` one JSON object per line.
//! Owns: how a record looks. `kp produce --format ndjson` can send again what `--json` prints.

use std::{
    io::{self, BufWriter, Write},
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

use crate::{
    Failure,
    args::{Column, OutputArgs, ReadArgs},
    configure::producer_config,
    console::Console,
    interrupt::{EXIT_INTERRUPTED, on_interrupt},
    reader::{self, Fetched, Position, ReaderError, Selection, TopicReader},
};

/// How long a broker may wait for news before it answers "nothing": also how long Ctrl-C may take.
const WAIT: Duration = Duration::from_millis(250);

/// # Errors
/// No broker, no such topic, bytes that are no records, or a stdout that does not take them.
pub(crate) fn run(args: &ReadArgs, output: &OutputArgs, console: &Console) -> Result<u8, Failure> {
    let config = producer_config(&args.config).map_err(Failure::usage)?;
    let bootstrap = reader::bootstrap(&config).map_err(Failure::usage)?;
    let caller = reader::caller(&config).map_err(Failure::usage)?;
    let position = if args.from_beginning { Position::Earliest } else { Position::Latest };
    let selection = Selection { partition: args.partition, position, isolation: args.isolation };
    let mut reader =
        TopicReader::open(caller, &bootstrap, &args.topic, selection).map_err(Failure::failed)?;
    let follow = args.follow || !args.from_beginning;
    let interrupted = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&interrupted);
    on_interrupt(console.clone(), move || flag.store(true, Ordering::Relaxed), || ())
        .map_err(Failure::failed)?;

    let form = Form { topic: &args.topic, json: output.json, columns: &args.with };
    let mut out = BufWriter::with_capacity(256 * 1024, io::stdout().lock());
    let (mut left, mut written) = (args.max.unwrap_or(u64::MAX), Ok(()));
    let mut end = ControlFlow::Continue(());
    while end.is_continue() && left > 0 && (follow || !reader.is_at_end()) {
        let polled = reader.poll(WAIT, |fetched| {
            written = form.write(fetched, &mut out);
            left -= 1;
            if written.is_err() || left == 0 || interrupted.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        end = match polled {
            Err(ReaderError::Interrupted) => ControlFlow::Break(()),
            polled => polled.map_err(Failure::failed)?,
        };
        written = written.and_then(|()| out.flush());
        if written.is_err() {
            break;
        }
        if interrupted.load(Ordering::Relaxed) {
            return Ok(EXIT_INTERRUPTED);
        }
    }
    match written.and_then(|()| out.flush()) {
        // `kp read … | head` has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        Err(error) => Err(Failure::failed(format!("stdout: {error}"))),
        Ok(()) => Ok(0),
    }
}

struct Form<'a> {
    topic: &'a str,
    json: bool,
    columns: &'a [Column],
}

impl Form<'_> {
    fn write(&self, fetched: &Fetched<'_>, out: &mut impl Write) -> io::Result<()> {
        if self.json {
            return writeln!(out, "{}", self.object(fetched));
        }
        let record = &fetched.record;
        for column in self.columns {
            match column {
                Column::Key => out.write_all(record.key.unwrap_or_default())?,
                Column::Offset => write!(out, "{}", record.offset.0)?,
                Column::Partition => write!(out, "{}", fetched.partition)?,
                Column::Timestamp => write!(out, "{}", record.timestamp.0)?,
                Column::Transaction => {
                    if let Some(producer) = fetched.transaction {
                        write!(out, "{}/{}", producer.producer_id, producer.epoch)?;
                    }
                }
                Column::Headers => {
                    for (place, header) in record.headers.iter().enumerate() {
                        let comma = if place > 0 { "," } else { "" };
                        write!(out, "{comma}{}=", header.name)?;
                        out.write_all(header.value.unwrap_or_default())?;
                    }
                }
            }
            out.write_all(b"\t")?;
        }
        out.write_all(record.value.unwrap_or_default())?;
        out.write_all(b"\n")
    }

    fn object(&self, fetched: &Fetched<'_>) -> Value {
        let record = &fetched.record;
        let mut object = Map::new();
        object.insert("topic".to_owned(), self.topic.into());
        object.insert("partition".to_owned(), fetched.partition.into());
        object.insert("offset".to_owned(), record.offset.0.into());
        // A record without a time has −1, which is no time to send it with again.
        if record.timestamp.0 >= 0 {
            object.insert("timestamp".to_owned(), record.timestamp.0.into());
        }
        let mut bytes = |name: &str, bytes: Option<&[u8]>| match bytes.map(std::str::from_utf8) {
            None => object.insert(name.to_owned(), Value::Null),
            Some(Ok(text)) => object.insert(name.to_owned(), text.into()),
            Some(Err(_)) => {
                object.insert(format!("{name}_base64"), STANDARD.encode(bytes.unwrap_or_default()).into())
            }
        };
        bytes("key", record.key);
        bytes("value", record.value);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers: Vec<Value> =
            record.headers.iter().map(|header| json!([header.name, header.value.map(text)])).collect();
        object.insert("headers".to_owned(), headers.into());
        if let Some(producer) = fetched.transaction {
            let transaction = json!({ "producer_id": producer.producer_id, "epoch": producer.epoch });
            object.insert("transaction".to_owned(), transaction);
        }
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests {
    use kp_protocol::{
        ProducerIdentity, Timestamp,
        compression::Compression,
        records::{HeaderRef, RecordBatch, RecordEncoder, RecordRef},
    };

    use super::*;
    use crate::produce::ndjson;

    fn printed(record: &RecordRef<'_>, json: bool, columns: &[Column]) -> Vec<u8> {
        printed_of(record, None, json, columns)
    }

    /// The one record as it comes back from a log, printed.
    fn printed_of(
        record: &RecordRef<'_>,
        transaction: Option<ProducerIdentity>,
        json: bool,
        columns: &[Column],
    ) -> Vec<u8> {
        let (mut encoder, mut payload) = (RecordEncoder::new(), Vec::new());
        encoder.append(record, &mut payload).unwrap();
        let payload = bytes::Bytes::from(payload);
        let header = encoder.header(Compression::None, None).unwrap().encode(std::slice::from_ref(&payload));
        let log = bytes::Bytes::from([&header[..], &payload[..]].concat());
        let (batch, _) = RecordBatch::parse(&log).unwrap();
        let records = batch.records(1 << 20).unwrap();
        let record = records.iter().next().unwrap().unwrap();
        let mut out = Vec::new();
        let fetched = Fetched { partition: 3, transaction, record };
        Form { topic: "t", json, columns }.write(&fetched, &mut out).unwrap();
        out
    }

    const HEADERS: [HeaderRef<'static>; 2] =
        [HeaderRef { name: "a", value: Some(b"1") }, HeaderRef { name: "b", value: None }];

    fn record<'a>(key: Option<&'a [u8]>, value: Option<&'a [u8]>) -> RecordRef<'a> {
        RecordRef { timestamp: Timestamp(1000), key, value, headers: &HEADERS }
    }

    #[test]
    fn a_line_is_the_value_as_it_is_behind_the_columns_asked_for() {
        let record = record(Some(b"k"), Some(b"\xffv"));
        assert_eq!(printed(&record, false, &[]), b"\xffv\n");
        let all = [Column::Key, Column::Offset, Column::Partition, Column::Timestamp, Column::Headers];
        assert_eq!(printed(&record, false, &all), b"k\t0\t3\t1000\ta=1,b=\t\xffv\n");
    }

    #[test]
    fn a_record_of_a_transaction_names_its_producer_and_json_with_it_can_be_sent_again() {
        let transaction = Some(ProducerIdentity { producer_id: 1000, epoch: 3 });
        let record = record(Some(b"k"), Some(b"v"));
        assert_eq!(printed_of(&record, transaction, false, &[Column::Transaction]), b"1000/3\tv\n");
        assert_eq!(printed_of(&record, None, false, &[Column::Transaction]), b"\tv\n");
        let line = printed_of(&record, transaction, true, &[]);
        let object: Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(object["transaction"], json!({ "producer_id": 1000, "epoch": 3 }));
        assert!(ndjson::parse(line.trim_ascii_end()).is_ok());
        let plain: Value = serde_json::from_slice(&printed_of(&record, None, true, &[])).unwrap();
        assert!(plain.get("transaction").is_none());
    }

    #[test]
    fn json_can_be_sent_again() {
        let line = printed(&record(Some(b"k"), Some(b"\xffv")), true, &[]);
        let again = ndjson::parse(line.trim_ascii_end()).unwrap();
        assert_eq!((again.key.as_deref(), again.value.as_deref()), (Some(&b"k"[..]), Some(&b"\xffv"[..])));
        assert_eq!((again.partition, again.timestamp_ms, again.headers.len()), (Some(3), Some(1000), 2));
        let tombstone = printed(&record(None, None), true, &[]);
        let again = ndjson::parse(tombstone.trim_ascii_end()).unwrap();
        assert_eq!((again.key, again.value), (None, None));
    }
}
