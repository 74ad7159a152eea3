//! A recorder that writes down everything it is told, and how often.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

/// Name and labels of a series.
pub(crate) type Name = (String, Vec<(String, String)>);

/// What a series came to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value {
    Counter(u64),
    Gauge(f64),
    /// Count and sum.
    Histogram(u64, f64),
}

#[derive(Debug)]
struct Series {
    value: Mutex<Value>,
    tellings: AtomicUsize,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    series: Mutex<BTreeMap<Name, Arc<Series>>>,
    pub(crate) registrations: AtomicUsize,
    pub(crate) descriptions: Mutex<BTreeMap<String, (Option<Unit>, String)>>,
}

impl Ledger {
    /// A series by name and labels.
    pub(crate) fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<Value> {
        let labels = labels.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Some(*self.series.lock().unwrap().get(&(name.to_owned(), labels))?.value.lock().unwrap())
    }

    /// Every series.
    pub(crate) fn all(&self) -> BTreeMap<Name, Value> {
        let series = self.series.lock().unwrap();
        series.iter().map(|(name, series)| (name.clone(), *series.value.lock().unwrap())).collect()
    }

    /// How often each was told anything.
    pub(crate) fn tellings(&self) -> BTreeMap<Name, usize> {
        let series = self.series.lock().unwrap();
        series.iter().map(|(name, series)| (name.clone(), series.tellings.load(SeqCst))).collect()
    }

    fn register(&self, key: &Key, value: Value) -> Arc<Series> {
        self.registrations.fetch_add(1, SeqCst);
        let labels = key.labels().map(|label| (label.key().to_owned(), label.value().to_owned())).collect();
        let series = Arc::new(Series { value: Mutex::new(value), tellings: AtomicUsize::new(0) });
        Arc::clone(self.series.lock().unwrap().entry((key.name().to_owned(), labels)).or_insert(series))
    }

    fn describe(&self, key: &KeyName, unit: Option<Unit>, words: &SharedString) {
        self.descriptions.lock().unwrap().insert(key.as_str().to_owned(), (unit, words.to_string()));
    }
}

impl Recorder for Ledger {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, words: SharedString) {
        self.describe(&key, unit, &words);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, words: SharedString) {
        self.describe(&key, unit, &words);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, words: SharedString) {
        self.describe(&key, unit, &words);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.register(key, Value::Counter(0)))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.register(key, Value::Gauge(0.0)))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.register(key, Value::Histogram(0, 0.0)))
    }
}

impl Series {
    fn tell(&self, change: impl FnOnce(Value) -> Value) {
        let mut value = self.value.lock().unwrap();
        *value = change(*value);
        self.tellings.fetch_add(1, SeqCst);
    }
}

impl CounterFn for Series {
    fn increment(&self, by: u64) {
        self.tell(|value| match value {
            Value::Counter(before) => Value::Counter(before + by),
            other => panic!("{other:?} is no counter"),
        });
    }

    fn absolute(&self, value: u64) {
        panic!("{value}: two producers of one name would not add up");
    }
}

impl GaugeFn for Series {
    fn increment(&self, by: f64) {
        panic!("+{by}: gauges are set");
    }

    fn decrement(&self, by: f64) {
        panic!("-{by}: gauges are set");
    }

    fn set(&self, to: f64) {
        self.tell(|_| Value::Gauge(to));
    }
}

impl HistogramFn for Series {
    fn record(&self, value: f64) {
        self.record_many(value, 1);
    }

    fn record_many(&self, value: f64, count: usize) {
        self.tell(|before| match before {
            Value::Histogram(n, sum) => Value::Histogram(n + count as u64, sum + value * count as f64),
            other => panic!("{other:?} is no histogram"),
        });
    }
}
