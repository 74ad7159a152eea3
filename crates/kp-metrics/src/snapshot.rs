//! The metrics of a producer at one moment, as plain values.

use crate::measured::Measured;
use crate::reading::Reading;
use crate::table::{CIPHER, MetricInfo, NODE, PRODUCER, Read, Row, TOPIC};
use kp_client::CipherUse;
use kp_config::RecordingLevel;
use kp_protocol::{BrokerId, TopicName};
use std::fmt;
use std::sync::Arc;

/// The metrics of a producer as they were when they were asked for. Made by
/// `Producer::metrics`.
///
/// Names are Java's; of a distribution (`batch-size`, where Java has `batch-size-avg` and `batch-size-max`) there are
/// count, sum and largest value since the producer was built.
#[derive(Clone, Debug)]
pub struct ProducerMetrics {
    metrics: Vec<Metric>,
}

/// One metric and its value.
#[derive(Clone, Debug)]
pub struct Metric {
    info: &'static MetricInfo,
    client_id: Arc<str>,
    about: About,
    value: MetricValue,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum About {
    Producer,
    Topic(TopicName),
    Node(BrokerId),
    Cipher { protocol: &'static str, cipher: Arc<str> },
}

/// The value of a metric, in the unit that its [`MetricInfo`] says.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum MetricValue {
    /// Since the producer was built.
    Counter(u64),
    /// Now.
    Gauge(f64),
    /// Since the producer was built.
    Histogram(MetricSummary),
}

/// What is known of a distribution.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MetricSummary {
    /// How many values.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The largest.
    pub max: f64,
}

impl About {
    fn of(used: &CipherUse) -> Self {
        Self::Cipher { protocol: used.protocol, cipher: Arc::clone(&used.cipher) }
    }
}

impl MetricSummary {
    /// The average; 0 of nothing.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum / self.count as f64 }
    }
}

impl ProducerMetrics {
    /// Everything that is measured, as it is now.
    #[must_use]
    pub fn of(measured: &Arc<Measured>) -> Self {
        let (reading, client_id, level) = (Reading::of(measured), measured.client_id(), measured.level());
        let mut metrics = Self { metrics: Vec::with_capacity(PRODUCER.len()) };
        metrics.add(PRODUCER, &reading.producer, client_id, level, || About::Producer);
        for (name, topic) in &reading.topics {
            metrics.add(TOPIC, topic, client_id, level, || About::Topic(name.clone()));
        }
        for (id, node) in &reading.nodes {
            metrics.add(NODE, node, client_id, level, || About::Node(*id));
        }
        for used in &reading.ciphers {
            metrics.add(CIPHER, used, client_id, level, || About::of(used));
        }
        metrics
    }

    fn add<S>(
        &mut self,
        rows: &'static [Row<S>],
        source: &S,
        client_id: &Arc<str>,
        level: RecordingLevel,
        about: impl Fn() -> About,
    ) {
        let shown = rows.iter().filter(|row| level.shows(row.info.level));
        self.metrics.extend(shown.filter_map(|row| {
            let value = row.read.value(source)?;
            Some(Metric { info: &row.info, client_id: Arc::clone(client_id), about: about(), value })
        }));
    }

    /// All of them: the producer's, then topic by topic, broker by broker, and cipher by cipher.
    pub fn iter(&self) -> std::slice::Iter<'_, Metric> {
        self.metrics.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.metrics.len()
    }

    /// Never: there is always something to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.metrics.is_empty()
    }

    /// A metric of the whole producer by Java's name; `None` for one that there is not, or not at this
    /// `metrics.recording.level`, or that has nothing to tell yet.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<MetricValue> {
        self.find(name, |about| *about == About::Producer)
    }

    /// A metric of one topic by Java's name.
    #[must_use]
    pub fn of_topic(&self, topic: &str, name: &str) -> Option<MetricValue> {
        self.find(name, |about| matches!(about, About::Topic(at) if at.as_str() == topic))
    }

    /// A metric of one broker by Java's name; the addresses of `bootstrap.servers` are -1, -2, …
    #[must_use]
    pub fn of_node(&self, id: i32, name: &str) -> Option<MetricValue> {
        self.find(name, |about| *about == About::Node(BrokerId(id)))
    }

    /// A metric of the connections of one version of TLS and one cipher suite by Java's name, such as `connections` of `TLSv1.3` and
    /// `TLS_AES_256_GCM_SHA384`.
    #[must_use]
    pub fn of_cipher(&self, protocol: &str, cipher: &str, name: &str) -> Option<MetricValue> {
        self.find(name, |about| matches!(about, About::Cipher { protocol: at, cipher: with } if *at == protocol && **with == *cipher))
    }

    /// A counter of the whole producer, such as `record-send-total`.
    #[must_use]
    pub fn counter(&self, name: &str) -> Option<u64> {
        self.get(name)?.as_counter()
    }

    /// A gauge of the whole producer, such as `buffer-available-bytes`.
    #[must_use]
    pub fn gauge(&self, name: &str) -> Option<f64> {
        self.get(name)?.as_gauge()
    }

    /// A distribution of the whole producer, such as `batch-size`.
    #[must_use]
    pub fn histogram(&self, name: &str) -> Option<MetricSummary> {
        self.get(name)?.as_histogram()
    }

    fn find(&self, name: &str, is_about: impl Fn(&About) -> bool) -> Option<MetricValue> {
        let found = self.metrics.iter().find(|metric| metric.name() == name && is_about(&metric.about));
        found.map(|metric| metric.value)
    }
}

impl<'a> IntoIterator for &'a ProducerMetrics {
    type Item = &'a Metric;
    type IntoIter = std::slice::Iter<'a, Metric>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Metric {
    /// Java's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.info.name
    }

    /// What is known of it besides its value: kind, unit, meaning, the name it is published under.
    #[must_use]
    pub fn info(&self) -> &'static MetricInfo {
        self.info
    }

    /// Its value.
    #[must_use]
    pub fn value(&self) -> MetricValue {
        self.value
    }

    /// The topic it is about, if it is about one.
    #[must_use]
    pub fn topic(&self) -> Option<&str> {
        if let About::Topic(name) = &self.about { Some(name) } else { None }
    }

    /// The cipher suite it is about, if it is about one.
    #[must_use]
    pub fn cipher(&self) -> Option<&str> {
        if let About::Cipher { cipher, .. } = &self.about { Some(cipher) } else { None }
    }

    /// The broker it is about, if it is about one.
    #[must_use]
    pub fn node(&self) -> Option<i32> {
        if let About::Node(BrokerId(id)) = self.about { Some(id) } else { None }
    }

    /// Its labels, as they are published.
    pub fn labels(&self) -> impl Iterator<Item = (&'static str, String)> {
        let (second, third) = match &self.about {
            About::Producer => (None, None),
            About::Topic(name) => (Some(name.to_string()), None),
            About::Node(id) => (Some(node_label(*id)), None),
            About::Cipher { protocol, cipher } => (Some(cipher.to_string()), Some((*protocol).to_owned())),
        };
        let values = std::iter::once(self.client_id.to_string()).chain(second).chain(third);
        self.info.scope.labels().iter().copied().zip(values)
    }
}

/// As Java names a broker in a metric.
pub(crate) fn node_label(id: BrokerId) -> String {
    format!("node-{}", id.0)
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels: Vec<String> = self.labels().map(|(name, value)| format!("{name}={value}")).collect();
        write!(f, "{}{{{}}} {}", self.name(), labels.join(","), self.value)
    }
}

impl MetricValue {
    /// If it is one.
    #[must_use]
    pub fn as_counter(self) -> Option<u64> {
        if let Self::Counter(value) = self { Some(value) } else { None }
    }

    /// If it is one.
    #[must_use]
    pub fn as_gauge(self) -> Option<f64> {
        if let Self::Gauge(value) = self { Some(value) } else { None }
    }

    /// If it is one.
    #[must_use]
    pub fn as_histogram(self) -> Option<MetricSummary> {
        if let Self::Histogram(value) = self { Some(value) } else { None }
    }
}

impl fmt::Display for MetricValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Counter(value) => value.fmt(f),
            Self::Gauge(value) => value.fmt(f),
            Self::Histogram(MetricSummary { count, sum, max }) => {
                write!(f, "count={count} sum={sum} max={max}")
            }
        }
    }
}

impl<S> Read<S> {
    fn value(&self, source: &S) -> Option<MetricValue> {
        Some(match self {
            Self::Counter(read) => MetricValue::Counter(read(source)),
            Self::Gauge(read) => MetricValue::Gauge(read(source)?),
            Self::Histogram(read, divisor) => {
                let summary = read(source)?.summary();
                MetricValue::Histogram(MetricSummary {
                    count: summary.count,
                    sum: summary.sum as f64 / divisor,
                    max: summary.max as f64 / divisor,
                })
            }
        })
    }
}
