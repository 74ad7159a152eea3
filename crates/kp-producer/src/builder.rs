//! From a configuration to a running producer: fills each room's plain settings struct, then starts the threads.
//! No I/O happens here; names are resolved and sockets made on the network thread.

use crate::config::{ConfigError, Idempotence, PartitionerClass, ProducerConfig, Settings};
use crate::drive::census::Alive;
use crate::drive::driver::Driver;
use crate::drive::ended::Ended;
use crate::drive::link::Link;
use crate::drive::seal_workers::SealWorkers;
use crate::drive::stepper::Stepper;
use crate::drive::system_clock::SystemClock;
use crate::error::BuildError;
use crate::extend::extension::Configured;
use crate::extend::extensions::Extensions;
use crate::extend::interceptor::{Chain, ProducerInterceptor};
use crate::observe::guarantees::Guarantees;
use crate::observe::notes::Notes;
use crate::outcome::acks::AckSource;
use crate::outcome::delivery_report::{DeliveryReport, Listener};
use crate::producer::{Handle, Producer};
use crate::send::old_cluster::OldCluster;
use crate::send::view::{View, Views};
use crate::shared::{Limits, Shared};
use kp_accumulator::{Accumulator, AccumulatorSettings, Partitioner, RecordOutcome, Seal, Sealer, Spread};
use kp_memory::BufferPool;
use kp_metadata::{Metadata, MetadataSettings};
use kp_metrics::{Measured, Rooms};
use kp_network::KafkaClient;
use kp_protocol::compression::Compression;
use kp_protocol::{BrokerAddress, BrokerId};
use kp_sender::{IdempotenceSetting, SenderCore, SenderSettings};
use kp_time::{Backoff, Clock, Jitter};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

/// Makes a [`Producer`]; a test swaps its network and its clock here.
///
/// ```no_run
/// use kp_producer::{Producer, ProducerConfig};
/// let config = ProducerConfig::default().bootstrap_servers("localhost:9092");
/// let producer = Producer::builder(config).build().expect("the configuration is good");
/// ```
#[must_use = "nothing is started before `build`"]
pub struct ProducerBuilder {
    config: ProducerConfig,
    client: Option<Box<dyn KafkaClient>>,
    clock: Arc<dyn Clock>,
    seed: Option<u64>,
    interceptors: Vec<Box<dyn ProducerInterceptor>>,
    partitioner: Option<Box<dyn Partitioner>>,
    listener: Option<Arc<Listener>>,
    acks: Option<AckSource>,
}

impl fmt::Debug for ProducerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerBuilder").field("config", &self.config).finish_non_exhaustive()
    }
}

impl ProducerBuilder {
    pub(crate) fn new(config: ProducerConfig) -> Self {
        Self {
            config,
            client: None,
            clock: Arc::new(SystemClock),
            seed: None,
            interceptors: Vec::new(),
            partitioner: None,
            listener: None,
            acks: None,
        }
    }

    /// Another network than sockets: a script, a simulated cluster, an own stack.
    pub fn client(mut self, client: impl KafkaClient + 'static) -> Self {
        self.client = Some(Box::new(client));
        self
    }

    /// Another clock than the system's. The client must live in the same time.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Where random choices (jitter, sticky partitions) start from; otherwise from the system's randomness.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Adds an interceptor behind those that were added before: each sees what the one before made of a record (KIP-42).
    pub fn interceptor(mut self, interceptor: impl ProducerInterceptor + 'static) -> Self {
        self.interceptors.push(Box::new(interceptor));
        self
    }

    /// Tells `listener` what becomes of each record that is sent with a token ([`Producer::send_tagged`]): the token, and the
    /// report. It runs on the network thread, in order of acceptance for each partition, with no lock held; it must not block,
    /// and may `try_send`. It must not own a handle of this producer, which would then never end by itself. A panic in it is
    /// caught and counted. [`acks`](Self::acks) hands the same over to a consumer of its
    /// own; of the two, the later call counts.
    pub fn on_delivery<F>(mut self, listener: F) -> Self
    where
        F: Fn(u64, DeliveryReport<'_>) + Send + Sync + 'static,
    {
        self.listener = Some(Arc::new(listener));
        self.acks = None;
        self
    }

    pub(crate) fn with_acks(mut self, acks: AckSource) -> Self {
        self.acks = Some(acks);
        self
    }

    /// Chooses partitions in the place of the built-in rule, for records that name none; `partitioner.class` and the other
    /// keys of partitioning then have no effect.
    pub fn partitioner(mut self, partitioner: impl Partitioner + 'static) -> Self {
        self.partitioner = Some(Box::new(partitioner));
        self
    }

    /// Checks the configuration and starts the network thread. Does no I/O on the calling thread: an unreachable
    /// cluster shows in [`Producer::connect`] or in the first `send`.
    ///
    /// # Errors
    /// [`BuildError`]: a bad configuration, no thread, or no network.
    pub fn build(self) -> Result<Producer, BuildError> {
        let Parts { producer, driver, sealers } = self.parts(seal_threads)?;
        let shared = producer.shared();
        // FA13: what was configured is closed again.
        let no_thread = |error| {
            shared.close_extensions();
            BuildError::Thread(error)
        };
        let (alive, notice) = Alive::new();
        if let Some(words) = notice {
            shared.notes.notice(words);
        }
        let seal_workers = SealWorkers::start(&shared.accumulator, sealers).map_err(no_thread)?;
        std::thread::Builder::new()
            .name(format!("kafka-producer-network-thread | {}", producer.client_id()))
            .spawn(move || {
                driver.run();
                // Not with the last handle: what is drained at the end may have to be compressed.
                drop(seal_workers);
                drop(alive);
            })
            .map_err(no_thread)?;
        Ok(producer)
    }

    /// As [`build`](Self::build), but starts no thread: whoever holds the [`Stepper`] makes the producer go, turn by
    /// turn. For simulations in which everything happens on one thread and a seed decides; see [`Stepper`].
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_stepped(self) -> Result<(Producer, Stepper), BuildError> {
        let Parts { producer, driver, mut sealers } = self.parts(|_| 1)?;
        let shared = Arc::clone(&producer.handle().shared);
        // What is closed in a turn is sealed at the beginning of the next: end the turn's wait.
        shared.accumulator.set_seal_bell(shared.link.waker());
        Ok((producer, Stepper::new(shared, driver, sealers.pop())))
    }

    fn parts(self, seal_threads: impl FnOnce(&Settings) -> usize) -> Result<Parts, BuildError> {
        let validated = self.config.validate()?;
        let settings = validated.settings;
        let mut extensions = extensions(&self.config, &settings, self.interceptors, self.partitioner)?;
        extensions.listener = self.listener;
        extensions.acks = self.acks;
        let seed = self.seed.unwrap_or_else(|| RandomState::new().hash_one(0u8));
        let mut seeds = Jitter::seeded(seed);
        let client = match self.client {
            Some(client) => client,
            None => default_client(&settings, &self.clock, seeds.next_u64())?,
        };

        let pool = BufferPool::new(settings.buffer_memory, settings.batch_size);
        let accumulator = Accumulator::new(
            accumulator_settings(&settings, self.config.is_classic(), seeds.next_u64()),
            Arc::clone(&pool),
        );
        if let Some(listener) = extensions.listener.clone() {
            let listener =
                move |token, outcome: RecordOutcome<'_>| listener(token, DeliveryReport::new(outcome));
            accumulator.set_listener(Box::new(listener));
        }
        let waker = client.waker();
        pool.set_driver_waker(waker.clone());
        accumulator.set_driver_waker(waker.clone());

        let now = self.clock.now();
        let metadata =
            Metadata::new(metadata_settings(&settings), bootstrap(&settings), now, seeds.next_u64());
        let view = View::new(Arc::clone(metadata.snapshot()), &accumulator);
        let core = SenderCore::new(
            sender_settings(&settings),
            Arc::clone(&accumulator),
            metadata,
            now,
            seeds.next_u64(),
        );
        let client_id: Arc<str> = Arc::from(settings.client_id.as_str());
        let rooms = Rooms {
            accumulator: Arc::clone(&accumulator),
            pool: Arc::clone(&pool),
            sender: Arc::clone(core.counters()),
            clock: Arc::clone(&self.clock),
        };
        let measured = Measured::new(Arc::clone(&client_id), settings.metrics_recording_level, rooms);
        let sealers = accumulator.sealers(seal_threads(&settings));
        let shared = Arc::new(Shared {
            accumulator,
            pool,
            views: Views::new(view),
            waiters: Arc::default(),
            clock: self.clock,
            limits: limits(&settings),
            extensions,
            measured: Arc::new(measured),
            notes: Arc::new(Notes::new(Arc::clone(&client_id))),
            old_cluster: OldCluster::default(),
            ended: Ended::default(),
            link: Link::new(waker),
        });
        let driver = Driver::new(Arc::clone(&shared), core, client);
        let producer = Producer::from_handle(Handle {
            shared,
            guarantees: guarantees(&settings),
            warnings: validated.warnings,
            client_id,
        });
        Ok(Parts { producer, driver, sealers })
    }
}

/// A producer that nothing turns yet.
struct Parts {
    producer: Producer,
    driver: Driver,
    sealers: Vec<Sealer>,
}

/// A configuration names a class that only a JVM has, and the builder was given no partitioner in its place.
fn no_partitioner(class: &str) -> ConfigError {
    ConfigError::NotImplemented {
        key: "partitioner.class",
        value: class.to_owned(),
        note: "kp has DefaultPartitioner, RoundRobinPartitioner and UniformStickyPartitioner; hand any other to \
               ProducerBuilder::partitioner, or leave the key out",
    }
}

/// Configures the user's own parts; if one does not like it, those before it are closed (FA13, FA14).
fn extensions(
    config: &ProducerConfig,
    settings: &Settings,
    interceptors: Vec<Box<dyn ProducerInterceptor>>,
    partitioner: Option<Box<dyn Partitioner>>,
) -> Result<Extensions, BuildError> {
    if let (PartitionerClass::Foreign(class), None) = (&settings.partitioner, &partitioner) {
        return Err(BuildError::Config(no_partitioner(class)));
    }
    let mut config = config.to_map();
    config.insert("client.id".to_owned(), settings.client_id.clone());
    let interceptors = Configured::configure(
        interceptors,
        |part| part.configure(&config),
        |part| part.close(),
        "interceptor",
    )
    .map_err(BuildError::Extension)?;
    let interceptors =
        Some(interceptors).filter(|list| list.len() > 0).map(|list| Arc::new(Chain::new(list)));
    let configured = partitioner.map(|partitioner| {
        Configured::configure(
            vec![partitioner],
            |part| part.configure(&config),
            |part| part.close(),
            "partitioner",
        )
    });
    let mut extensions = Extensions::default();
    extensions.interceptors = interceptors;
    match configured.transpose() {
        Ok(partitioner) => extensions.partitioner = partitioner,
        Err(error) => {
            extensions.close(&|_| {});
            return Err(BuildError::Extension(error));
        }
    }
    extensions.config = config;
    Ok(extensions)
}

#[cfg(feature = "tokio")]
fn default_client(
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    seed: u64,
) -> Result<Box<dyn KafkaClient>, BuildError> {
    let mut network = kp_network::NetworkSettings::default();
    network.client_id = Some(settings.client_id.clone());
    network.max_in_flight = settings.max_in_flight_requests_per_connection as usize;
    network.reconnect_backoff = Backoff::new(settings.reconnect_backoff, settings.reconnect_backoff_max);
    network.setup_timeout =
        Backoff::new(settings.connection_setup_timeout, settings.connection_setup_timeout_max);
    network.connections_max_idle = settings.connections_max_idle;
    network.send_buffer = settings.send_buffer;
    network.receive_buffer = settings.receive_buffer;
    network.version_fallback = settings.broker_version_fallback;
    network.old_cluster_max_age = settings.metadata_max_age;
    network.seed = seed;
    Ok(Box::new(kp_network::TokioClient::new(network, Arc::clone(clock))))
}

#[cfg(not(feature = "tokio"))]
fn default_client(_: &Settings, _: &Arc<dyn Clock>, _: u64) -> Result<Box<dyn KafkaClient>, BuildError> {
    Err(BuildError::NoClient)
}

fn accumulator_settings(settings: &Settings, is_classic: bool, seed: u64) -> AccumulatorSettings {
    AccumulatorSettings {
        batch_size: settings.batch_size,
        growth_max: settings.batch_growth_max_bytes,
        linger: settings.linger,
        delivery_timeout: settings.delivery_timeout,
        classic_expiry: settings.classic_expiry.then_some(settings.request_timeout),
        compression: settings.compression,
        compression_level: settings.compression_level(),
        ignore_keys: settings.partitioner_ignore_keys
            || matches!(settings.partitioner, PartitionerClass::RoundRobin | PartitionerClass::UniformSticky),
        spread: match settings.partitioner {
            PartitionerClass::RoundRobin => Spread::RoundRobin,
            PartitionerClass::UniformSticky => Spread::Sticky,
            // PA15: 0.9 had a counter for records without a key.
            _ if is_classic => Spread::RoundRobin,
            _ => Spread::Sticky,
        },
        adaptive: settings.partitioner_adaptive,
        availability_timeout: settings.partitioner_availability_timeout,
        rack: settings.partitioner_rack_aware.then(|| Arc::from(settings.client_rack.as_str())),
        seal: if settings.compression == Compression::None { Seal::Inline } else { Seal::Workers },
        seed,
    }
}

fn metadata_settings(settings: &Settings) -> MetadataSettings {
    MetadataSettings {
        max_age: settings.metadata_max_age,
        max_idle: settings.metadata_max_idle,
        retry_backoff: retry_backoff(settings),
        allow_auto_topic_creation: true,
        rebootstrap: settings.metadata_rebootstrap,
        rebootstrap_trigger: settings.metadata_rebootstrap_trigger,
    }
}

fn sender_settings(settings: &Settings) -> SenderSettings {
    SenderSettings {
        acks: settings.acks,
        retries: settings.retries,
        request_timeout: settings.request_timeout,
        // 0.9 gives up what waits in a queue, not what is on its way.
        delivery_timeout: if settings.classic_expiry { Duration::MAX } else { settings.delivery_timeout },
        max_request_size: settings.max_request_size,
        retry_backoff: retry_backoff(settings),
        idempotence: match settings.idempotence {
            Idempotence::On => IdempotenceSetting::Required,
            Idempotence::Preferred => IdempotenceSetting::Preferred,
            Idempotence::Off => IdempotenceSetting::Off,
        },
        compression_level: settings.compression_level(),
        // SN8: whoever switches numbers off and allows several requests wants them all under way, as with Java's client.
        max_in_flight: settings.max_in_flight_requests_per_connection as usize,
        guarantee_one_in_flight: settings.idempotence != Idempotence::Off
            || settings.max_in_flight_requests_per_connection == 1,
    }
}

fn retry_backoff(settings: &Settings) -> Backoff {
    Backoff::new(settings.retry_backoff, settings.retry_backoff_max)
}

fn limits(settings: &Settings) -> Limits {
    Limits {
        max_block: settings.max_block,
        max_request_size: settings.max_request_size,
        buffer_memory: settings.buffer_memory,
        delivery_timeout: settings.delivery_timeout,
    }
}

fn bootstrap(settings: &Settings) -> Vec<BrokerAddress> {
    let addresses = settings.bootstrap_servers.iter().zip(1..);
    addresses
        .map(|((host, port), number)| BrokerAddress {
            id: BrokerId(-number),
            host: Arc::from(host.as_str()),
            port: *port,
            rack: None,
        })
        .collect()
}

fn guarantees(settings: &Settings) -> Guarantees {
    Guarantees {
        ordered: settings.keeps_order(),
        no_duplicates: !settings.may_duplicate(),
        acks: settings.acks,
        survives_leader_loss: settings.acks == kp_protocol::Acks::All,
    }
}

/// One worker for each core, at most four. One less would leave half of a small machine idle: an application has little to do
/// but to wait where compression is what takes long.
fn seal_threads(settings: &Settings) -> usize {
    if settings.compression == Compression::None {
        return 0;
    }
    std::thread::available_parallelism().map_or(1, |cores| cores.get().clamp(1, 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accumulator(pairs: &[(&str, &str)]) -> AccumulatorSettings {
        let mut config = ProducerConfig::default().bootstrap_servers("nowhere:1");
        for (key, value) in pairs {
            config.set(key, *value).expect("a good value");
        }
        let settings = config.validate().expect("a good configuration").settings;
        accumulator_settings(&settings, config.is_classic(), 0)
    }

    // PA3, PA8, PA11, PA13, PA14, PA15
    #[test]
    fn each_key_of_partitioning_reaches_the_accumulator() {
        let plain = accumulator(&[]);
        assert_eq!(
            (plain.spread, plain.ignore_keys, plain.adaptive, plain.rack),
            (Spread::Sticky, false, true, None)
        );
        let turns = accumulator(&[("partitioner.class", "RoundRobinPartitioner")]);
        assert_eq!((turns.spread, turns.ignore_keys), (Spread::RoundRobin, true));
        let classic = accumulator(&[("kp.defaults", "0.9")]);
        assert_eq!((classic.spread, classic.ignore_keys), (Spread::RoundRobin, false));
        assert_eq!(classic.classic_expiry, Some(Duration::from_secs(30)));
        assert!(accumulator(&[("partitioner.ignore.keys", "true")]).ignore_keys);
        assert!(!accumulator(&[("partitioner.adaptive.partitioning.enable", "false")]).adaptive);
        let timeout = accumulator(&[("partitioner.availability.timeout.ms", "70")]).availability_timeout;
        assert_eq!(timeout, Duration::from_millis(70));
        assert_eq!(accumulator(&[("client.rack", "r1")]).rack, None, "nobody asked for it");
        let aware = accumulator(&[("client.rack", "r1"), ("partitioner.rack.aware", "true")]);
        assert_eq!(aware.rack.as_deref(), Some("r1"));
    }
}
