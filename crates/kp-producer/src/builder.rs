//! Makes a producer: what a program may choose besides the configuration, and the threads that are started at the end.
//! `settings` says what each room gets of the configuration, `assembly` puts the rooms together.
//! No I/O happens here; names are resolved and sockets made on the network thread.

mod assembly;
mod choices;
#[cfg(all(feature = "tokio", feature = "tls-no-provider"))]
mod encryption;
#[cfg(feature = "tokio")]
mod login;
#[cfg(feature = "tokio")]
mod network;
#[cfg(all(feature = "tokio", not(feature = "tls-no-provider")))]
mod plaintext;
#[cfg(feature = "tokio")]
mod provided;
mod settings;
#[cfg(feature = "tokio")]
mod sockets;

#[cfg(all(feature = "tokio", feature = "tls-no-provider"))]
use self::encryption::Cryptography;
#[cfg(all(feature = "tokio", not(feature = "tls-no-provider")))]
use self::plaintext::Cryptography;

use self::assembly::{Kind, Parts};
use self::choices::Choices;
use self::settings::seal_threads;
use crate::config::ProducerConfig;
use crate::drive::census::Alive;
use crate::drive::seal_workers::SealWorkers;
use crate::drive::stepper::Stepper;
use crate::drive::system_clock::SystemClock;
use crate::error::BuildError;
use crate::extend::interceptor::ProducerInterceptor;
#[cfg(feature = "tokio")]
use crate::observe::notes::Notes;
use crate::outcome::acks::{AckStream, acks};
use crate::outcome::delivery_report::DeliveryReport;
use crate::outcome::listener::Listener;
use crate::producer::Producer;
use kp_accumulator::Partitioner;
use kp_network::KafkaClient;
use kp_time::Clock;
use std::fmt;
use std::sync::Arc;

impl Producer {
    /// Starts the making of a producer. Nothing is connected before [`ProducerBuilder::build`].
    pub fn builder(config: ProducerConfig) -> ProducerBuilder {
        ProducerBuilder::new(config)
    }
}

/// Makes a [`Producer`]; a test swaps its network and its clock here.
///
/// ```no_run
/// use kp_producer::{Producer, ProducerConfig};
/// let config = ProducerConfig::default().bootstrap_servers("localhost:9092");
/// let producer = Producer::builder(config).build().expect("the configuration is good");
/// ```
#[must_use = "nothing is started before `build`"]
pub struct ProducerBuilder {
    choices: Choices,
}

impl fmt::Debug for ProducerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerBuilder").field("config", &self.choices.config).finish_non_exhaustive()
    }
}

impl ProducerBuilder {
    pub(crate) fn new(config: ProducerConfig) -> Self {
        let choices = Choices {
            config,
            client: None,
            clock: Arc::new(SystemClock),
            seed: None,
            interceptors: Vec::new(),
            partitioner: None,
            listener: Listener::None,
            #[cfg(feature = "tokio")]
            cryptography: Cryptography::default(),
        };
        Self { choices }
    }

    /// Another network than sockets: a script, a simulated cluster, an own stack.
    pub fn client(mut self, client: impl KafkaClient + 'static) -> Self {
        self.choices.client = Some(Box::new(client));
        self
    }

    /// Another clock than the system's. The client must live in the same time.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.choices.clock = Arc::new(clock);
        self
    }

    /// Where random choices (jitter, sticky partitions) start from; otherwise from the system's randomness.
    pub fn seed(mut self, seed: u64) -> Self {
        self.choices.seed = Some(seed);
        self
    }

    /// Adds an interceptor behind those that were added before: each sees what the one before made of a record (KIP-42).
    pub fn interceptor(mut self, interceptor: impl ProducerInterceptor + 'static) -> Self {
        self.choices.interceptors.push(Box::new(interceptor));
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
        self.choices.listener = Listener::Call(Box::new(listener));
        self
    }

    /// One consumer for all outcomes: what becomes of each record that is sent with a token
    /// ([`Producer::send_tagged`](crate::Producer::send_tagged)) comes out of the [`AckStream`], for each partition in order of
    /// acceptance.
    ///
    /// At most `capacity` records (at least one) are between `send_tagged` and the taking of their outcomes: on their way, or
    /// waiting to be taken. A sender then waits for the consumer, within `max.block.ms`, and is refused with
    /// [`OutcomesNotTaken`](crate::SendErrorKind::OutcomesNotTaken) if that does not come. So `capacity` bounds the memory of
    /// outcomes (about 100 bytes each), and what is in flight: for full speed it has to be larger than that. One task alone has
    /// to take outcomes between its sends.
    ///
    /// This takes the place of [`on_delivery`](Self::on_delivery); of the two, the later call counts.
    ///
    /// ```no_run
    /// use kp_producer::{Producer, ProducerConfig, ProducerRecord};
    /// # async fn example(lines: Vec<String>) -> Result<(), Box<dyn std::error::Error>> {
    /// let config = ProducerConfig::default().bootstrap_servers("localhost:9092");
    /// let (builder, mut acks) = Producer::builder(config).acks(100_000);
    /// let producer = builder.build()?;
    /// let consumer = std::thread::spawn(move || {
    ///     while let Ok(Some(ack)) = acks.recv_blocking() {
    ///         match ack.error() {
    ///             None => println!("line {}: offset {:?}", ack.token(), ack.offset()),
    ///             Some(error) => eprintln!("line {}: {error}", ack.token()),
    ///         }
    ///     }
    /// });
    /// for (number, line) in (0..).zip(&lines) {
    ///     producer.send_tagged(ProducerRecord::to("lines").value(line), number).await?;
    /// }
    /// // The acks end when the producer has.
    /// let closed = producer.close(std::time::Duration::from_secs(10)).await?;
    /// assert_eq!(closed.undelivered, 0);
    /// # Ok(()) }
    /// ```
    pub fn acks(mut self, capacity: usize) -> (Self, AckStream) {
        let (source, stream) = acks(capacity);
        self.choices.listener = Listener::Acks(source);
        (self, stream)
    }

    /// Chooses partitions in the place of the built-in rule, for records that name none; `partitioner.class` and the other
    /// keys of partitioning then have no effect.
    pub fn partitioner(mut self, partitioner: impl Partitioner + 'static) -> Self {
        self.choices.partitioner = Some(Box::new(partitioner));
        self
    }

    /// The cryptography of TLS, in the place of the one that was built in: for brokers, token endpoints, and AWS's Security Token
    /// Service.
    #[cfg(all(feature = "tokio", feature = "tls-no-provider"))]
    pub fn crypto_provider(mut self, provider: Arc<crate::rustls::crypto::CryptoProvider>) -> Self {
        self.choices.cryptography.provider = Some(provider);
        self
    }

    /// A finished configuration of `rustls`: what is trusted, shown and spoken is its own, and every key of TLS (`ssl.*`) is an
    /// error. `security.protocol` is to be `SSL` or `SASL_SSL`.
    ///
    /// It is of the version of `rustls` that this crate shows as `kp_producer::rustls`; a newer one is a breaking change of
    /// this crate.
    #[cfg(all(feature = "tokio", feature = "tls-no-provider"))]
    pub fn rustls(mut self, config: Arc<crate::rustls::ClientConfig>) -> Self {
        self.choices.cryptography.finished = Some(config);
        self
    }

    /// Checks the configuration and starts the network thread. Files that the configuration names (key stores, `${file:…}`) are
    /// read here; nothing else of I/O happens on the calling thread: an unreachable cluster shows in [`Producer::connect`] or in
    /// the first `send`.
    ///
    /// # Errors
    /// [`BuildError`]: a bad configuration, a file that cannot be used, no thread, or no network.
    pub fn build(self) -> Result<Producer, BuildError> {
        self.start(Kind::Plain)
    }

    /// A producer that has transactions, without the type that begins them.
    pub(crate) fn build_for_transactions(self) -> Result<Producer, BuildError> {
        self.start(Kind::Transactional)
    }

    fn start(self, kind: Kind) -> Result<Producer, BuildError> {
        let Parts { producer, driver, sealers } = self.choices.parts(kind, seal_threads)?;
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

    /// The network that such a producer would have, encrypted and authenticated as the configuration says, and no producer: for a
    /// program that asks brokers what a producer does not. `adjust` may change its settings. No thread is started, and nothing is
    /// connected before the client is asked to.
    ///
    /// ```no_run
    /// use kp_producer::{KafkaClient, Producer, ProducerConfig};
    /// # fn example() -> Result<(), kp_producer::BuildError> {
    /// let config = ProducerConfig::default().bootstrap_servers("localhost:9092");
    /// let client: Box<dyn KafkaClient> =
    ///     Producer::builder(config).network(|settings| settings.connections_max_idle = None)?;
    /// # let _ = client; Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`BuildError`]: a bad configuration, or a file that cannot be used.
    #[cfg(feature = "tokio")]
    pub fn network(
        self,
        adjust: impl FnOnce(&mut kp_network::NetworkSettings),
    ) -> Result<Box<dyn KafkaClient>, BuildError> {
        let settings = self.choices.config.clone().validate()?.settings;
        let seed = self.choices.seed.unwrap_or_default();
        let notes = Arc::new(Notes::new(Arc::from(settings.client_id.as_str())));
        network::adjusted(&self.choices, &settings, seed, &notes, &mut Vec::new(), adjust)
    }

    /// What TLS connections of such a producer begin with: whom they trust, what they show. `None` if they are not encrypted.
    ///
    /// # Errors
    /// [`BuildError`]: a bad configuration, or a file that cannot be used.
    #[cfg(all(feature = "tokio", feature = "tls-no-provider"))]
    pub fn tls(&self) -> Result<Option<Arc<crate::rustls::ClientConfig>>, BuildError> {
        Ok(self.tls_client()?.map(|client| client.config()))
    }

    /// The same with what stands behind it: what is in the stores, and a look at a listener, as `kp config check` and `kp doctor` have
    /// it. `None` if connections are not encrypted.
    ///
    /// # Errors
    /// [`BuildError`]: a bad configuration, or a file that cannot be used.
    #[cfg(all(feature = "tokio", feature = "tls-no-provider"))]
    pub fn tls_client(&self) -> Result<Option<crate::TlsClient>, BuildError> {
        let settings = self.choices.config.validate()?.settings;
        self.choices.cryptography.tls_client(&self.choices.config, &settings.security)
    }

    /// As [`build`](Self::build), but starts no thread: the owner of the [`Stepper`] makes the producer go, turn by
    /// turn. For simulations in which everything happens on one thread and a seed decides; see [`Stepper`].
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_stepped(self) -> Result<(Producer, Stepper), BuildError> {
        self.stepped(Kind::Plain)
    }

    /// The same, turned by its owner.
    pub(crate) fn build_stepped_for_transactions(self) -> Result<(Producer, Stepper), BuildError> {
        self.stepped(Kind::Transactional)
    }

    fn stepped(self, kind: Kind) -> Result<(Producer, Stepper), BuildError> {
        let Parts { producer, driver, mut sealers } = self.choices.parts(kind, |_| 1)?;
        let shared = Arc::clone(&producer.handle().shared);
        // What is closed in a turn is sealed at the beginning of the next: end the turn's wait.
        shared.accumulator.set_seal_bell(shared.link.waker());
        Ok((producer, Stepper::new(shared, driver, sealers.pop())))
    }
}
