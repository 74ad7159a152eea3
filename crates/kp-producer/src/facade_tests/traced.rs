//! What the feature `tracing` tells: a span for each request, an event for each batch, nothing for a record.

use crate::ProducerRecord;
use crate::facade_tests::scripted::{Pace, Rig};
use parking_lot::Mutex;
use std::fmt::{Debug, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber, subscriber::with_default};

/// Writes down each span and each event of target `kp`, with its fields.
#[derive(Clone, Default)]
pub(crate) struct Noted {
    lines: Arc<Mutex<Vec<String>>>,
    spans: Arc<AtomicU64>,
    /// What the program does whenever it hears of an event.
    also: Option<Arc<dyn Fn() + Send + Sync>>,
}

impl Noted {
    pub(crate) fn and(also: impl Fn() + Send + Sync + 'static) -> Self {
        Self { also: Some(Arc::new(also)), ..Self::default() }
    }

    fn note(&self, line: String) {
        self.lines.lock().push(line);
    }

    pub(crate) fn of(&self, start: &str) -> Vec<String> {
        self.lines.lock().iter().filter(|line| line.starts_with(start)).cloned().collect()
    }
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Noted {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "kp"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.spans.fetch_add(1, Ordering::Relaxed) + 1;
        let mut line = format!("span {id} {}", span.metadata().name());
        span.record(&mut Fields(&mut line));
        self.note(line);
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut line = format!("record {}", span.into_u64());
        values.record(&mut Fields(&mut line));
        self.note(line);
    }

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = format!("event {}", event.metadata().level());
        event.record(&mut Fields(&mut line));
        self.note(line);
        if let Some(also) = &self.also {
            also();
        }
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}

    fn try_close(&self, id: Id) -> bool {
        self.note(format!("closed {}", id.into_u64()));
        true
    }
}

#[test]
fn a_request_is_a_span_and_a_batch_an_event_and_a_record_nothing() {
    let noted = Noted::default();
    with_default(noted.clone(), || {
        let mut rig = Rig::new(Pace::QUICK, &[("client.id", "c"), ("linger.ms", "5")]);
        let producer = rig.producer.clone();
        let mut deliveries = Vec::new();
        for _ in 0..100 {
            let record = ProducerRecord::to("t").partition(0).value("value");
            deliveries.push(rig.run(producer.send(record)).expect("accepted"));
        }
        rig.run(producer.flush()).expect("not in a callback");
    });
    let spans = noted.of("span");
    let produce: Vec<&String> = spans.iter().filter(|line| line.contains("api=\"Produce\"")).collect();
    assert_eq!(produce.len(), 1, "{spans:?}");
    assert!(produce[0].contains(" client_id=\"c\" broker=1 api=\"Produce\" version=8 bytes="), "{produce:?}");
    assert!(spans.iter().any(|line| line.contains("api=\"Metadata\"")), "{spans:?}");
    let id = produce[0].split(' ').nth(1).expect("a number");
    assert_eq!(noted.of(&format!("record {id}")), [format!("record {id} outcome=answered")]);
    assert_eq!(noted.of("closed").len(), spans.len(), "no span outlives its request");
    let batches = noted.of("event DEBUG");
    assert_eq!(batches.len(), 1, "{batches:?}");
    for part in
        [" topic=\"t\" partition=0 records=100 bytes=", " attempts=1 ", " outcome=\"written\" offset=0"]
    {
        assert!(batches[0].contains(part), "{part}: {batches:?}");
    }
}

#[test]
fn a_batch_that_fails_says_why() {
    let noted = Noted::default();
    with_default(noted.clone(), || {
        let limits = [("delivery.timeout.ms", "100"), ("request.timeout.ms", "90"), ("linger.ms", "0")];
        let mut rig = Rig::new(Pace::SILENT, &limits);
        let producer = rig.producer.clone();
        let delivery = rig.run(producer.send(ProducerRecord::to("t").value("value"))).expect("accepted");
        let error = rig.run(delivery).expect_err("no broker answers");
        assert!(rig.clock.elapsed() >= Duration::from_millis(100), "{error}");
    });
    let batches = noted.of("event DEBUG");
    assert_eq!(batches.len(), 1, "{batches:?}");
    assert!(
        batches[0].contains(" outcome=\"failed\" error=no acknowledgement within delivery.timeout.ms"),
        "{batches:?}"
    );
}
