//! `kp demo`: lines through the whole producer to a broker and back, compared line by line.
//! Owns: the course of the demo, and the embedded broker while it runs. The broker is a double for development and
//! says so; `--bootstrap` runs the same against a real cluster.

mod verify;
mod workload;

use std::{
    io::{self, Write as _},
    ops::ControlFlow,
    process,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use kp_producer::{ProducerConfig, ProducerRecord, blocking::Producer};
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
use serde_json::json;

use self::{
    verify::{Verdict, Verifier},
    workload::Workload,
};
use crate::{
    Failure,
    args::{DemoArgs, OutputArgs},
    configure::producer_config,
    console::{Console, stdout_in_color},
    interrupt::{EXIT_INTERRUPTED, on_interrupt},
    produce::{
        self,
        outcome_line::Place,
        outcomes::Outcomes,
        summary::{Summary, megabytes, per_second, thousands},
    },
    reader::{self, BlockingCaller, Position, Selection, TopicReader},
};

const PARTITIONS: i32 = 6;
const CLOSE_WITHIN: Duration = Duration::from_secs(10);
/// How long a new topic may take to have leaders.
const TOPIC_WITHIN: Duration = Duration::from_secs(30);
const BAR_WIDTH: usize = 40;

/// # Errors
/// What kept the demo from being run to its end. A demo that found something missing is exit code 1.
pub(crate) fn run(args: &DemoArgs, output: &OutputArgs, console: &Console) -> Result<u8, Failure> {
    let mut config = producer_config(&args.config).map_err(Failure::usage)?;
    let workload = match &args.file {
        Some(path) => Workload::File(path.clone()),
        None => Workload::MadeUp(args.records),
    };
    workload.check().map_err(Failure::failed)?;
    on_interrupt(console.clone(), || process::exit(EXIT_INTERRUPTED.into()), || ())
        .map_err(Failure::failed)?;

    // Lives until the end of the demo; dropping it stops it.
    let (embedded, servers) = if config.is_set("bootstrap.servers") {
        (None, config.get("bootstrap.servers").map(|servers| servers.to_string()).unwrap_or_default())
    } else {
        let options = EmbeddedOptions::new().with_default_partitions(PARTITIONS);
        let broker = EmbeddedBroker::start(options)
            .map_err(|error| Failure::failed(format!("the embedded broker: {error}")))?;
        let servers = broker.bootstrap();
        (Some(broker), servers)
    };
    config.set("bootstrap.servers", &servers).map_err(Failure::usage)?;
    let broker = match &embedded {
        Some(_) => format!("embedded development broker, not Apache Kafka, at {servers}"),
        None => format!("cluster at {servers}"),
    };
    let topic = args.topic.clone().unwrap_or_else(new_name);
    console.note(format_args!("broker: {broker}"));
    console.note(format_args!("topic:  {topic}, {PARTITIONS} partitions"));
    console.note(format_args!("input:  {}", workload.describe()));

    let producer: Producer = produce::build(config.clone(), console)?.into();
    let caller = create(&config, &topic)?;
    let (verifier, summary, drawing) = send(&producer, &topic, &workload, console)?;
    let sent = verifier.sent_count();
    let begun = Instant::now();
    let verdict = read_back(&config, caller, &topic, verifier)?;
    let report = Report { broker, topic, sent, summary, verdict, reading: begun.elapsed(), drawing };
    report.print(output).map_err(|error| Failure::failed(format!("stdout: {error}")))?;
    Ok(u8::from(!report.is_good()))
}

/// A topic name that is not taken.
fn new_name() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("kp-demo-{}", since.as_millis())
}

/// Creates the topic, and waits until each partition has a leader. Answers who asked, for the questions that come later.
fn create(config: &ProducerConfig, topic: &str) -> Result<BlockingCaller, Failure> {
    let bootstrap = reader::bootstrap(config).map_err(Failure::usage)?;
    let mut caller = reader::caller(config).map_err(Failure::usage)?;
    let connection = reader::connect(&mut caller, &bootstrap).map_err(Failure::failed)?;
    reader::create_topic(&mut caller, &connection, topic, PARTITIONS).map_err(Failure::failed)?;
    TopicReader::wait_for(caller, &bootstrap, topic, TOPIC_WITHIN).map_err(Failure::failed)
}

/// Sends every line with its key, and waits until each is settled.
fn send(
    producer: &Producer,
    topic: &str,
    workload: &Workload,
    console: &Console,
) -> Result<(Verifier, Summary, String), Failure> {
    let outcomes = Arc::new(Outcomes::new(vec!["input".to_owned()], None));
    let mut verifier = Verifier::new();
    let mut key = String::new();
    let fed = workload.for_each(|number, line| {
        verifier.sent(line);
        workload::key(number, &mut key);
        let sent = outcomes.begin(Place { source: 0, line: number + 1 }, key.len() + line.len(), || false);
        let record = ProducerRecord::to(topic).key(&key).value(line);
        let settle = Arc::clone(&outcomes);
        producer.send_with(record, move |result| settle.settled(sent, result)).map_err(|error| {
            outcomes.refused(sent, &error);
            format!("line {}: {error}", number + 1)
        })
    });
    // Both refuse only on the network thread, which this is not.
    let closed = producer.flush().and_then(|()| producer.close(CLOSE_WITHIN)).map_err(Failure::failed)?;
    outcomes.take_unreported().iter().for_each(|failure| console.error(failure));
    fed.map_err(Failure::failed)?;
    if closed.undelivered > 0 {
        return Err(Failure::failed(format!("{} records undelivered", closed.undelivered)));
    }
    let tally = outcomes.tally();
    let summary = Summary::new(outcomes.sent(), &tally, outcomes.elapsed());
    Ok((verifier, summary, tally.latencies.draw(BAR_WIDTH)))
}

/// Reads the topic from its beginning to its end.
fn read_back(
    config: &ProducerConfig,
    caller: BlockingCaller,
    topic: &str,
    mut verifier: Verifier,
) -> Result<Verdict, Failure> {
    let bootstrap = reader::bootstrap(config).map_err(Failure::usage)?;
    let selection = Selection::all_from(Position::Earliest);
    let mut reader = TopicReader::open(caller, &bootstrap, topic, selection).map_err(Failure::failed)?;
    while !reader.is_at_end() {
        let polled: Result<ControlFlow<()>, _> = reader.poll(Duration::from_millis(100), |fetched| {
            let record = &fetched.record;
            verifier.read(fetched.partition, record.offset.0, record.key, record.value);
            ControlFlow::Continue(())
        });
        let _: ControlFlow<()> = polled.map_err(Failure::failed)?;
    }
    Ok(verifier.verdict())
}

struct Report {
    broker: String,
    topic: String,
    sent: u64,
    summary: Summary,
    verdict: Verdict,
    reading: Duration,
    drawing: String,
}

impl Report {
    fn is_good(&self) -> bool {
        self.verdict.is_good() && self.summary.is_success()
    }

    fn print(&self, output: &OutputArgs) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if output.json {
            return writeln!(out, "{}", self.to_json());
        }
        write!(out, "{}", self.to_text(stdout_in_color()))
    }

    fn to_json(&self) -> serde_json::Value {
        json!({
            "broker": self.broker,
            "topic": self.topic,
            "ok": self.is_good(),
            "lines": self.sent,
            "produce": self.summary.to_json(),
            "read": {
                "records": self.verdict.read, "seconds": self.reading.as_secs_f64(),
                "found": self.verdict.found, "missing": self.verdict.missing, "wrong": self.verdict.wrong,
                "duplicates": self.verdict.duplicates,
            },
        })
    }

    fn to_text(&self, color: bool) -> String {
        let verdict = &self.verdict;
        let (good, bad) = if color { ("\x1b[32m", "\x1b[31m") } else { ("", "") };
        let plain = if color { "\x1b[0m" } else { "" };
        let conclusion = if self.is_good() {
            format!(
                "{good}OK{plain}: all {} lines are there, in order per key, byte for byte{}",
                thousands(self.sent),
                match verdict.duplicates {
                    0 => String::new(),
                    more => format!(" ({} written twice by retries)", thousands(more)),
                }
            )
        } else {
            format!(
                "{bad}NOT OK{plain}: {} of {} lines found, {} missing, {} records wrong or out of order{}",
                thousands(verdict.found),
                thousands(self.sent),
                thousands(verdict.missing),
                thousands(verdict.wrong),
                verdict.first_wrong.as_ref().map(|first| format!(", first {first}")).unwrap_or_default(),
            )
        };
        format!(
            "produced:  {}\n\n{}\nread back: {} records in {:.2} s: {} records/s, {}/s\n{conclusion}\n",
            self.summary.to_text(),
            self.drawing,
            thousands(verdict.read),
            self.reading.as_secs_f64(),
            thousands(per_second(verdict.read, self.reading) as u64),
            megabytes(per_second(self.summary.bytes, self.reading)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(verdict: Verdict) -> Report {
        let outcomes = Outcomes::new(Vec::new(), None);
        Report {
            broker: "embedded development broker, not Apache Kafka".to_owned(),
            topic: "t".to_owned(),
            sent: verdict.found + verdict.missing,
            summary: Summary::new(0, &outcomes.tally(), Duration::from_secs(1)),
            verdict,
            reading: Duration::from_secs(1),
            drawing: String::new(),
        }
    }

    #[test]
    fn a_demo_is_good_only_if_everything_is_there() {
        let good = report(Verdict { read: 5, found: 5, ..Verdict::default() });
        assert!(good.is_good());
        assert!(good.to_text(false).contains("OK: all 5 lines are there"), "{}", good.to_text(false));
        assert_eq!(good.to_json()["ok"], true);

        let bad = report(Verdict { read: 4, found: 4, missing: 1, ..Verdict::default() });
        assert!(!bad.is_good());
        assert!(
            bad.to_text(false).contains("NOT OK: 4 of 5 lines found, 1 missing"),
            "{}",
            bad.to_text(false)
        );
        assert_eq!(bad.to_json()["read"]["missing"], 1);
    }

    #[test]
    fn colours_come_only_if_wanted() {
        let report = report(Verdict::default());
        assert!(!report.to_text(false).contains('\x1b'));
        assert!(report.to_text(true).contains("\x1b[32mOK"));
    }
}
