//! Puts the rooms of a producer together: those below it, its own parts, and the driver that turns them.

use super::choices::Choices;
use super::settings::{
    accumulator_settings, bootstrap, guarantees, limits, metadata_settings, sender_settings, transaction,
};
use crate::config::{ConfigError, PartitionerClass, ProducerConfig, Settings};
use crate::drive::driver::Driver;
use crate::drive::ended::Ended;
use crate::drive::link::Link;
use crate::error::BuildError;
use crate::extend::extension::Configured;
use crate::extend::extensions::Extensions;
use crate::extend::interceptor::{Chain, ProducerInterceptor};
use crate::observe::notes::Notes;
use crate::outcome::listener::Listener;
use crate::producer::{Handle, Producer};
use crate::send::old_cluster::OldCluster;
use crate::send::view::{View, Views};
use crate::send::waits::Waits;
use crate::shared::Shared;
use crate::transaction::ledger::Ledger;
use kp_accumulator::{Accumulator, Partitioner, Sealer};
use kp_memory::BufferPool;
use kp_metadata::Metadata;
use kp_metrics::{Measured, Rooms};
use kp_network::KafkaClient;
use kp_sender::SenderCore;
use kp_time::{Clock, Jitter};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// A producer that nothing turns yet.
pub(super) struct Parts {
    pub(super) producer: Producer,
    pub(super) driver: Driver,
    pub(super) sealers: Vec<Sealer>,
}

/// What is to be made of a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Every record for itself.
    Plain,
    /// Records in transactions.
    Transactional,
}

impl Kind {
    /// A `transactional.id` that has no effect would be a promise that is not kept.
    fn check(self, settings: &Settings) -> Result<(), BuildError> {
        match (self, settings.transactional_id.is_some()) {
            (Self::Plain, true) => Err(BuildError::Transactional),
            (Self::Transactional, false) => Err(BuildError::NotTransactional),
            _ => Ok(()),
        }
    }
}

impl Choices {
    /// `seal_threads` says for how many threads there are to be codecs.
    pub(super) fn parts(
        mut self,
        kind: Kind,
        seal_threads: impl FnOnce(&Settings) -> usize,
    ) -> Result<Parts, BuildError> {
        let mut validated = self.config.validate()?;
        let settings = validated.settings;
        kind.check(&settings)?;
        let seed = self.seed.unwrap_or_else(|| RandomState::new().hash_one(0u8));
        let mut seeds = Jitter::seeded(seed);
        let client_id: Arc<str> = Arc::from(settings.client_id.as_str());
        let notes = Arc::new(Notes::new(Arc::clone(&client_id)));
        let client = match self.client.take() {
            Some(client) => client,
            None => default_client(&self, &settings, seeds.next_u64(), &notes, &mut validated.warnings)?,
        };
        // Last of what can fail: extensions that are configured have to be closed.
        let mut extensions = extensions(&self.config, &settings, self.interceptors, self.partitioner)?;
        extensions.listener = Arc::new(self.listener);
        let below = Below::new(&settings, self.config.is_classic(), &*self.clock, &mut seeds);
        below.connect(&*client, &extensions.listener);
        let sealers = below.accumulator.sealers(seal_threads(&settings));
        let Below { accumulator, pool, view, core } = below;
        let rooms = Rooms {
            accumulator: Arc::clone(&accumulator),
            pool: Arc::clone(&pool),
            sender: Arc::clone(core.counters()),
            clock: Arc::clone(&self.clock),
        };
        let measured = Measured::new(client_id, settings.metrics_recording_level, rooms);
        let places = extensions.listener.queue().map(|queue| Arc::clone(&queue.places));
        let transactions =
            transaction(&settings).map(|named| Arc::new(Ledger::new(named.transactional_id, named.timeout)));
        let shared = Arc::new(Shared {
            accumulator,
            waits: Waits::new(pool, places, transactions),
            views: Views::new(view),
            clock: self.clock,
            limits: limits(&settings),
            extensions,
            measured: Arc::new(measured),
            notes,
            old_cluster: OldCluster::default(),
            ended: Ended::default(),
            link: Link::new(client.waker()),
        });
        let driver = Driver::new(Arc::clone(&shared), core, client);
        let handle = Handle { shared, guarantees: guarantees(&settings), warnings: validated.warnings };
        Ok(Parts { producer: Producer::from_handle(handle), driver, sealers })
    }
}

/// The rooms below the facade.
struct Below {
    accumulator: Arc<Accumulator>,
    pool: Arc<BufferPool>,
    /// Of the cluster before any broker was asked.
    view: View,
    core: SenderCore,
}

impl Below {
    fn new(settings: &Settings, is_classic: bool, clock: &dyn Clock, seeds: &mut Jitter) -> Self {
        let pool = BufferPool::new(settings.buffer_memory, settings.batch_size);
        let for_accumulator = accumulator_settings(settings, is_classic, seeds.next_u64());
        let accumulator = Accumulator::new(for_accumulator, Arc::clone(&pool));
        let now = clock.now();
        let metadata = Metadata::new(metadata_settings(settings), bootstrap(settings), now, seeds.next_u64());
        let view = View::new(Arc::clone(metadata.snapshot()), &accumulator);
        let for_accumulator = Arc::clone(&accumulator);
        let core =
            SenderCore::new(sender_settings(settings), for_accumulator, metadata, now, seeds.next_u64());
        Self { accumulator, pool, view, core }
    }

    /// Whom they wake, and whom they tell.
    fn connect(&self, client: &dyn KafkaClient, listener: &Arc<Listener>) {
        self.pool.set_driver_waker(client.waker());
        self.accumulator.set_driver_waker(client.waker());
        if !matches!(**listener, Listener::None) {
            let listener = Arc::clone(listener);
            self.accumulator.set_listener(Box::new(move |token, outcome| listener.tell(token, outcome)));
        }
    }
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
use super::network::client as default_client;

#[cfg(not(feature = "tokio"))]
fn default_client(
    _: &Choices,
    _: &Settings,
    _: u64,
    _: &Arc<Notes>,
    _: &mut Vec<crate::config::ConfigWarning>,
) -> Result<Box<dyn KafkaClient>, BuildError> {
    Err(BuildError::NoClient)
}
