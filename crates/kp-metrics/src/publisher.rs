//! Tells the recorder of the `metrics` crate, if there is one, what the producer's metrics are: at most once a second by
//! the producer's clock, only after something happened, and at the end. Owner: the network thread.
//!
//! Handles are asked for once and kept. Counters are told by how much they grew, so that two producers of one name, or
//! one after the other, add up. The crate has no way to take a metric back: what a closed producer told stays with the
//! recorder, its gauges at their last values. A gauge that has nothing to tell any more is told as no number (NaN).

use crate::measured::{Board, Measured};
use crate::reading::Reading;
use crate::snapshot::node_label;
use crate::table::{
    CIPHER, MetricInfo, MetricKind, MetricUnit, NODE, PRODUCER, Read, Row, TOPIC, metric_infos,
};
use ::metrics::{Key, KeyName, Label, Level, Metadata, Recorder, Unit};
use kp_client::KafkaClient;
use kp_config::RecordingLevel;
use kp_protocol::{BrokerId, TopicName};
use kp_sender::SenderCore;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// From one telling to the next, at least.
const PERIOD: Duration = Duration::from_secs(1);
/// How old the board may get.
const FRESH: Duration = Duration::from_millis(100);

/// Tells the recorder. Kept and turned by the network thread.
pub struct Publisher {
    measured: Arc<Measured>,
    /// Not before.
    next: Instant,
    /// Something happened since the recorder was told.
    has_news: bool,
    /// Something happened since the board was written, and when that was.
    is_board_old: bool,
    board_written: Instant,
    told: Told,
    /// The recorder panicked once; it is left alone from then on.
    is_broken: bool,
}

/// Whom was told, and what.
#[derive(Default)]
struct Told {
    /// Where the recorder lies: another one knows nothing of what this one was told.
    recorder: Option<usize>,
    producer: Vec<Handle>,
    topics: BTreeMap<TopicName, Vec<Handle>>,
    nodes: BTreeMap<BrokerId, Vec<Handle>>,
    ciphers: BTreeMap<(&'static str, Arc<str>), Vec<Handle>>,
}

enum Handle {
    Counter {
        counter: ::metrics::Counter,
        told: u64,
    },
    /// Asked for with its first value: a recorder shows 0 for one that was told nothing, and that a certificate has 0 seconds left
    /// is an alarm.
    Gauge {
        gauge: Option<::metrics::Gauge>,
        key: Key,
    },
    Histogram(::metrics::Histogram),
}

impl Publisher {
    /// Of a producer that starts now.
    #[must_use]
    pub fn new(now: Instant, measured: Arc<Measured>) -> Self {
        Self {
            measured,
            next: now,
            has_news: false,
            is_board_old: false,
            board_written: now,
            told: Told::default(),
            is_broken: false,
        }
    }

    /// Something happened that may have changed a metric.
    pub fn note_news(&mut self) {
        self.has_news = true;
        self.is_board_old = true;
    }

    /// When [`turn`](Self::turn) has something to tell without anything happening.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        let board = self.is_board_old.then_some(self.board_written + FRESH);
        let recorder = self.has_news.then_some(self.next);
        [board, recorder].into_iter().flatten().min()
    }

    /// Behind what a turn of the driver does: some comparisons in most turns. Answers what an operator should know.
    #[must_use]
    pub fn turn(
        &mut self,
        now: Instant,
        core: &SenderCore,
        client: &dyn KafkaClient,
    ) -> Option<&'static str> {
        let is_due = self.has_news && now >= self.next;
        if is_due || (self.is_board_old && now >= self.board_written + FRESH) {
            self.write_board(now, core, client);
        }
        let words = if is_due { self.publish(now) } else { None };
        // A driver that sleeps until then would turn without end.
        debug_assert!(self.next().is_none_or(|at| at > now), "a turn leaves something to tell at once");
        words
    }

    /// The last word, before the connections are closed: what is open now will not be. Answers as [`turn`](Self::turn).
    #[must_use]
    pub fn end(&mut self, now: Instant, core: &SenderCore, client: &dyn KafkaClient) -> Option<&'static str> {
        self.write_board(now, core, client);
        let mut board = self.measured.board().lock();
        let network = &mut board.network;
        network.totals.connections_closed += std::mem::take(&mut network.connections) as u64;
        network.in_flight = 0;
        network.ciphers.iter_mut().for_each(|used| used.connections = 0);
        network.nodes.iter_mut().for_each(|(_, node)| node.certificate_ends = None);
        drop(board);
        self.publish(now)
    }

    fn write_board(&mut self, now: Instant, core: &SenderCore, client: &dyn KafkaClient) {
        self.is_board_old = false;
        self.board_written = now;
        let network = client.snapshot();
        let metadata_had = core.metadata_age(now).and_then(|age| now.checked_sub(age));
        let mut board = self.measured.board().lock();
        let Board { latencies, .. } = &mut *board;
        if latencies.len() != core.latencies().len() {
            *latencies = core.latencies().map(|(id, latency)| (id, Arc::clone(latency))).collect();
        }
        board.network = network;
        board.metadata_had = metadata_had;
    }

    fn publish(&mut self, now: Instant) -> Option<&'static str> {
        self.has_news = false;
        self.next = now + PERIOD;
        if self.is_broken {
            return None;
        }
        let Self { told, measured, .. } = self;
        let publish = || ::metrics::with_recorder(|recorder| told.tell(recorder, measured));
        // The application's code; its panic must not end the producer.
        self.is_broken = catch_unwind(AssertUnwindSafe(publish)).is_err();
        self.is_broken.then_some("the recorder of metrics panicked; it is told nothing any more")
    }
}

impl Told {
    fn tell(&mut self, recorder: &dyn Recorder, measured: &Arc<Measured>) {
        let place = std::ptr::from_ref(recorder).cast::<()>().addr();
        if self.recorder != Some(place) {
            // The first one, or one that was installed after the producer was built.
            *self = Self { recorder: Some(place), ..Self::default() };
            let level = measured.level();
            metric_infos().filter(|info| level.shows(info.level)).for_each(|info| describe(recorder, info));
        }
        let reading = Reading::of(measured);
        let client_id = Label::new("client_id", Arc::clone(measured.client_id()));
        let ask = Ask { recorder, level: measured.level() };
        if self.producer.is_empty() {
            self.producer = ask.handles(PRODUCER, std::slice::from_ref(&client_id));
        }
        ask.tell(PRODUCER, &mut self.producer, &reading.producer);
        for (name, topic) in &reading.topics {
            let handles = self.topics.entry(name.clone()).or_insert_with(|| {
                ask.handles(TOPIC, &[client_id.clone(), Label::new("topic", name.to_string())])
            });
            ask.tell(TOPIC, handles, &**topic);
        }
        for (id, node) in &reading.nodes {
            let handles = self.nodes.entry(*id).or_insert_with(|| {
                ask.handles(NODE, &[client_id.clone(), Label::new("node_id", node_label(*id))])
            });
            ask.tell(NODE, handles, node);
        }
        for used in &reading.ciphers {
            let handles =
                self.ciphers.entry((used.protocol, Arc::clone(&used.cipher))).or_insert_with(|| {
                    let cipher = Label::new("cipher", used.cipher.to_string());
                    ask.handles(CIPHER, &[client_id.clone(), cipher, Label::new("protocol", used.protocol)])
                });
            ask.tell(CIPHER, handles, used);
        }
    }
}

/// What is needed to ask for handles and to tell them.
struct Ask<'a> {
    recorder: &'a dyn Recorder,
    level: RecordingLevel,
}

impl Ask<'_> {
    fn shown<S>(&self, rows: &'static [Row<S>]) -> impl Iterator<Item = &'static Row<S>> {
        let level = self.level;
        rows.iter().filter(move |row| level.shows(row.info.level))
    }

    fn handles<S>(&self, rows: &'static [Row<S>], labels: &[Label]) -> Vec<Handle> {
        let handle = |row: &Row<S>| {
            let key = Key::from_parts(row.info.published, labels.to_vec());
            let metadata = metadata(&row.info);
            match row.info.kind {
                MetricKind::Counter => {
                    Handle::Counter { counter: self.recorder.register_counter(&key, &metadata), told: 0 }
                }
                MetricKind::Gauge => Handle::Gauge { gauge: None, key },
                MetricKind::Histogram => Handle::Histogram(self.recorder.register_histogram(&key, &metadata)),
            }
        };
        self.shown(rows).map(handle).collect()
    }

    fn tell<S>(&self, rows: &'static [Row<S>], handles: &mut [Handle], source: &S) {
        for (row, handle) in self.shown(rows).zip(handles) {
            match (&row.read, handle) {
                (Read::Counter(read), Handle::Counter { counter, told }) => {
                    let total = read(source);
                    if total > *told {
                        counter.increment(total - *told);
                        *told = total;
                    }
                }
                (Read::Gauge(read), Handle::Gauge { gauge, key }) => {
                    let value = read(source);
                    if value.is_some() || gauge.is_some() {
                        let ask = || self.recorder.register_gauge(key, &metadata(&row.info));
                        // What was told before would stay, and say that there is time left.
                        gauge.get_or_insert_with(ask).set(value.unwrap_or(f64::NAN));
                    }
                }
                (Read::Histogram(read, divisor), Handle::Histogram(histogram)) => {
                    if let Some(values) = read(source) {
                        values.drain(|mean, count| histogram.record_many(mean / divisor, count as usize));
                    }
                }
                _ => debug_assert!(false, "{}: handles are made from the same rows", row.info.name),
            }
        }
    }
}

fn metadata(info: &MetricInfo) -> Metadata<'static> {
    let level = match info.level {
        RecordingLevel::Info => Level::INFO,
        RecordingLevel::Debug => Level::DEBUG,
        RecordingLevel::Trace => Level::TRACE,
    };
    Metadata::new("kp_producer", level, Some(module_path!()))
}

fn describe(recorder: &dyn Recorder, info: &MetricInfo) {
    let (name, doc) = (KeyName::from_const_str(info.published), info.doc.into());
    let unit = match info.unit {
        MetricUnit::Count => Some(Unit::Count),
        MetricUnit::Bytes => Some(Unit::Bytes),
        MetricUnit::Seconds => Some(Unit::Seconds),
        MetricUnit::Milliseconds => Some(Unit::Milliseconds),
        MetricUnit::Nanoseconds => Some(Unit::Nanoseconds),
        MetricUnit::Ratio => None,
    };
    match info.kind {
        MetricKind::Counter => recorder.describe_counter(name, unit, doc),
        MetricKind::Gauge => recorder.describe_gauge(name, unit, doc),
        MetricKind::Histogram => recorder.describe_histogram(name, unit, doc),
    }
}
