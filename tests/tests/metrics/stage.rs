//! One producer, turned by hand, over a network and a cluster in virtual time.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use kp_network::{NetworkClient, NetworkSettings, Selectable};
use kp_producer::{Delivery, Producer, ProducerConfig, ProducerMetrics, ProducerRecord, Stepper};
use kp_sim::{
    ClusterSettings, Fault, SimClock, SimCluster, SimNetwork, SimSelectable, TopicSettings, Weather,
};
use kp_time::Clock;
use metrics::{Recorder, with_local_recorder};

use crate::certified::Certified;

/// Turns that anything here may take.
const MOST_TURNS: usize = 100_000;

pub(crate) struct Stage {
    pub(crate) clock: SimClock,
    pub(crate) network: SimNetwork,
    pub(crate) producer: Producer,
    /// `None` once no thread turns it any more.
    pub(crate) stepper: Option<Stepper>,
    /// The recorder; `None` for none.
    pub(crate) recorder: Option<Arc<dyn Recorder>>,
}

impl Stage {
    /// Two brokers and topic "t" of two partitions.
    pub(crate) fn new(more: &[(&str, &str)]) -> Self {
        Self::over(more, |network, _| network)
    }

    /// Brokers that show certificates of a day. Metadata is good for two: connections become idle.
    pub(crate) fn certified(recorder: Arc<dyn Recorder>) -> Self {
        Self {
            recorder: Some(recorder),
            ..Self::over(&[("metadata.max.age.ms", "172800000")], Certified::over)
        }
    }

    fn over<S: Selectable + 'static>(
        more: &[(&str, &str)],
        seen_as: impl FnOnce(SimSelectable, SimClock) -> S,
    ) -> Self {
        let clock = SimClock::new();
        let settings =
            ClusterSettings { auto_create_topics: false, ..ClusterSettings::default().with_brokers(2) };
        let mut cluster = SimCluster::new(settings);
        for topic in ["t", "other"] {
            let settings = TopicSettings { partitions: 2, ..TopicSettings::of(cluster.settings()) };
            cluster.create_topic(topic, settings).expect("new");
        }
        let network = SimNetwork::new(clock.clone(), cluster, Weather::FINE, 1);
        let mut config = ProducerConfig::default().bootstrap_servers("broker-1:9092,broker-2:9092");
        for (key, value) in [("client.id", "c")].iter().chain(more) {
            config.set(key, *value).expect("the test's configuration is good");
        }
        let mut settings = NetworkSettings::default();
        settings.seed = 1;
        let client = NetworkClient::over(
            seen_as(network.selectable(), clock.clone()),
            settings,
            Arc::new(clock.clone()),
        );
        let built = Producer::builder(config).client(client).clock(clock.clone()).seed(1).build_stepped();
        let (producer, stepper) = built.expect("it is built");
        Self { clock, network, producer, stepper: Some(stepper), recorder: None }
    }

    pub(crate) fn told_to(recorder: Arc<dyn Recorder>, more: &[(&str, &str)]) -> Self {
        Self { recorder: Some(recorder), ..Self::new(more) }
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    pub(crate) fn metrics(&self) -> ProducerMetrics {
        self.producer.metrics()
    }

    /// One turn; time moves on by 10 ms at most.
    pub(crate) fn turn(&mut self) {
        self.turn_within(Duration::from_millis(10));
    }

    /// One turn, in which the driver sleeps for as long as it likes, `most` at most.
    pub(crate) fn turn_within(&mut self, most: Duration) {
        self.network.set_alarm(Some(self.now() + most));
        let Some(stepper) = &mut self.stepper else { return };
        match &self.recorder {
            Some(recorder) => with_local_recorder(recorder, || stepper.turn()),
            None => stepper.turn(),
        };
    }

    /// Turns until `future` has an answer.
    pub(crate) fn drive<T>(&mut self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        for _ in 0..MOST_TURNS {
            if let Poll::Ready(answer) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return answer;
            }
            self.turn();
        }
        panic!("no answer after {:?}", self.clock.elapsed());
    }

    /// Turns until so much time has passed.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now() + time;
        while self.now() < until {
            self.turn();
        }
    }

    pub(crate) fn send(&mut self, topic: &str) -> Delivery {
        let producer = self.producer.clone();
        let record = ProducerRecord::to(topic).partition(0).value("value");
        self.drive(producer.send(record)).expect("accepted")
    }

    pub(crate) fn flush(&mut self) {
        let producer = self.producer.clone();
        self.drive(producer.flush()).expect("not in a callback");
    }

    pub(crate) fn close(&mut self) {
        let producer = self.producer.clone();
        let _ = self.drive(producer.close(Duration::from_secs(30))).expect("not in a callback");
    }

    pub(crate) fn inject(&self, fault: Fault, times: u32) {
        self.network.with_cluster(|cluster| cluster.inject(fault, times));
    }
}
