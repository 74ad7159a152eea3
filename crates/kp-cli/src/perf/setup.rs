//! From flags to something that can be run: the plan, the configuration, the broker, the producers.
//! Owns: what is checked before anything is started, and what is told about the run.

use std::{
    process,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use kp_producer::{BuildError, ConfigWarning, Producer, ProducerConfig, config::Value};
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};

use super::{
    options::PerfArgs,
    pace::Target,
    payload::{LARGEST_PAYLOAD, Values, key_length},
    result::Setting,
    sending::Sending,
    tally::Tally,
};
use crate::{Failure, configure::producer_config, console::Console, produce::summary::thousands};

/// Without --records and --duration.
const DURATION: Duration = Duration::from_secs(10);
/// Without --topic, at an embedded broker.
const TOPIC: &str = "kp-perf";
/// Keys that decide how fast it goes. Others are not shown: they could be secrets.
const SHOWN_KEYS: [&str; 11] = [
    "acks",
    "compression.type",
    "linger.ms",
    "batch.size",
    "kp.batch.growth.max.bytes",
    "buffer.memory",
    "max.request.size",
    "max.in.flight.requests.per.connection",
    "enable.idempotence",
    "retries",
    "delivery.timeout.ms",
];

/// What is to be sent, and where.
pub(crate) struct Setup {
    pub(crate) config: ProducerConfig,
    /// Lives as long as the run.
    pub(crate) embedded: Option<EmbeddedBroker>,
    pub(crate) topic: String,
    pub(crate) target: Target,
    pub(crate) rate: Option<f64>,
    pub(crate) values: Arc<Values>,
    pub(crate) keys: Option<u64>,
    pub(crate) warm_up: u64,
    pub(crate) producers: u16,
    pub(crate) transactions: Option<Transactions>,
}

/// Records are sent in transactions.
pub(crate) struct Transactions {
    /// Records of each.
    pub(crate) size: u64,
    /// `transactional.id`, of several producers with their number behind it.
    id: String,
}

impl Setup {
    /// # Errors
    /// Flags and keys that do not fit, a payload file that cannot be read, a broker that does not start.
    pub(crate) fn new(args: &PerfArgs) -> Result<Self, Failure> {
        let mut config = producer_config(&args.config).map_err(Failure::usage)?;
        for (key, value) in [("acks", &args.acks), ("compression.type", &args.codec)] {
            if let Some(value) = value {
                config.set(key, value).map_err(Failure::usage)?;
            }
        }
        let transactions = transactions(args, &config)?;
        let values = match (&args.payload_file, &args.size_dist) {
            (Some(path), _) => Values::from_file(path).map_err(Failure::failed)?,
            (None, sizes) => Values::made_up(sizes.as_ref().unwrap_or(&args.size).clone()),
        };
        check_size(&config, values.largest() + args.keys.map_or(0, key_length))?;
        let embedded = if args.embedded {
            let broker = start_broker(args)?;
            config.set("bootstrap.servers", broker.bootstrap()).map_err(Failure::usage)?;
            Some(broker)
        } else if config.is_set("bootstrap.servers") {
            None
        } else {
            return Err(Failure::usage(
                "no brokers: give --bootstrap, or --embedded to try it without a cluster",
            ));
        };
        Ok(Self {
            config,
            embedded,
            topic: args.topic.clone().unwrap_or_else(|| TOPIC.to_owned()),
            target: match args.records {
                Some(records) => Target::Records(records),
                None => Target::Duration(args.duration.unwrap_or(DURATION)),
            },
            rate: (args.rate > 0.0).then_some(args.rate),
            values: Arc::new(values),
            keys: args.keys,
            warm_up: args.warm_up,
            producers: args.producers,
            transactions,
        })
    }

    /// The producers, each with the tally that its listener fills.
    ///
    /// # Errors
    /// A bad configuration is wrong usage; anything else is a failure.
    pub(crate) fn build(&self, console: &Console) -> Result<Vec<(Sending, Arc<Tally>)>, Failure> {
        let mut producers = Vec::new();
        for number in 0..self.producers {
            let tally = Arc::new(Tally::new(Instant::now()));
            let listener = Arc::clone(&tally);
            let config = self.config_of(number)?;
            let builder =
                Producer::builder(config).on_delivery(move |token, report| listener.settled(token, &report));
            let not_built = |error| match error {
                BuildError::Config(error) => Failure::usage(error),
                other => Failure::failed(other),
            };
            let warn = |warnings: &[ConfigWarning]| {
                if number == 0 {
                    warnings.iter().for_each(|warning| console.warn(warning));
                }
            };
            let producer = match &self.transactions {
                None => {
                    let producer = builder.build().map_err(not_built)?;
                    warn(producer.warnings());
                    Sending::Plain(producer)
                }
                Some(transactions) => {
                    let producer = builder.build_transactional().map_err(not_built)?;
                    warn(producer.warnings());
                    Sending::InTransactions { producer, size: transactions.size }
                }
            };
            producers.push((producer, tally));
        }
        Ok(producers)
    }

    /// Of the producer with this number.
    fn config_of(&self, number: u16) -> Result<ProducerConfig, Failure> {
        let mut config = self.config.clone();
        if let Some(Transactions { id, .. }) = &self.transactions {
            let id = if self.producers > 1 { format!("{id}-{number}") } else { id.clone() };
            config.set("transactional.id", id).map_err(Failure::usage)?;
        }
        Ok(config)
    }

    /// What was asked for, for the reader of the result. `partitions` are the topic's.
    pub(crate) fn settings(&self, partitions: usize) -> Vec<Setting> {
        let servers =
            self.config.get("bootstrap.servers").map(|servers| servers.to_string()).unwrap_or_default();
        let cluster = match &self.embedded {
            Some(broker) => match broker.addresses().count() {
                1 => "embedded development broker, not Apache Kafka".to_owned(),
                several => format!("{several} embedded development brokers, not Apache Kafka"),
            },
            None => servers,
        };
        let target = match self.target {
            Target::Records(records) => format!("{} records", thousands(records)),
            Target::Duration(duration) => format!("{duration:?}"),
        };
        let own = [
            ("cluster", cluster),
            ("topic", self.topic.clone()),
            ("partitions", partitions.to_string()),
            ("target", target),
            ("rate", self.rate.map_or_else(|| "as fast as it goes".to_owned(), |rate| format!("{rate}/s"))),
            ("values", self.values.to_string()),
            (
                "keys",
                self.keys.map_or_else(|| "none".to_owned(), |keys| format!("{}, at random", thousands(keys))),
            ),
            ("producers", self.producers.to_string()),
            (
                "transactions",
                self.transactions.as_ref().map_or_else(
                    || "none".to_owned(),
                    |transactions| format!("of {} records", thousands(transactions.size)),
                ),
            ),
            ("warm-up", format!("{} records", thousands(self.warm_up))),
        ];
        let keys = SHOWN_KEYS.iter().filter_map(|key| Some((*key, self.config.get(key)?.to_string())));
        own.into_iter().chain(keys).map(|(name, value)| Setting { name: name.to_owned(), value }).collect()
    }

    /// What is begun, in a few words.
    pub(crate) fn describe(&self, partitions: usize) -> String {
        let settings = self.settings(partitions);
        let of = |name: &str| {
            let found = settings.iter().find(|setting| setting.name == name);
            found.map_or("", |setting| setting.value.as_str())
        };
        format!(
            "{} to topic {} ({partitions} partitions), {}\n{}; rate: {}; keys: {}; producers: {}; acks={}, {}",
            of("target"),
            self.topic,
            of("cluster"),
            of("values"),
            of("rate"),
            of("keys"),
            self.producers,
            of("acks"),
            of("compression.type"),
        )
    }

    /// How long the schedule lasts, if it has one: a run that is carried to its end is not shorter, even if its last
    /// record was settled before the next would have been due.
    pub(crate) fn scheduled(&self) -> Duration {
        match (self.target, self.rate) {
            (Target::Duration(duration), _) => duration,
            (Target::Records(records), Some(rate)) => {
                Duration::try_from_secs_f64(records as f64 / rate).unwrap_or_default()
            }
            (Target::Records(_), None) => Duration::ZERO,
        }
    }

    /// `batch.size`, for the fill; at least 1, because it is divided by.
    pub(crate) fn batch_size(&self) -> f64 {
        integer(&self.config, "batch.size").unwrap_or(1).max(1) as f64
    }
}

/// # Errors
/// A name for transactions, and none are asked for.
fn transactions(args: &PerfArgs, config: &ProducerConfig) -> Result<Option<Transactions>, Failure> {
    let named = config.get("transactional.id").map(|id| id.to_string());
    match (args.txn_size, &args.transactional_id, named) {
        (None, _, Some(id)) => Err(Failure::usage(format!(
            "transactional.id is {id}: say with --txn-size how many records are a transaction"
        ))),
        (None, ..) => Ok(None),
        (Some(size), given, named) => {
            let of_this_run = || {
                format!(
                    "kp-perf-{}-{}",
                    process::id(),
                    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
                )
            };
            let id = given.clone().or(named).unwrap_or_else(of_this_run);
            Ok(Some(Transactions { size, id }))
        }
    }
}

/// # Errors
/// The largest record could not be sent.
fn check_size(config: &ProducerConfig, largest: u64) -> Result<(), Failure> {
    let limit = integer(config, "max.request.size").unwrap_or(i64::MAX).unsigned_abs();
    if largest > limit {
        let what = format!("a record would have {largest} bytes; max.request.size is {limit}");
        return Err(Failure::usage(what));
    }
    if largest > LARGEST_PAYLOAD {
        let what = format!("a record would have {largest} bytes; at most {LARGEST_PAYLOAD} can be measured");
        return Err(Failure::usage(what));
    }
    Ok(())
}

fn integer(config: &ProducerConfig, key: &str) -> Option<i64> {
    match config.get(key) {
        Some(Value::Integer(number)) => Some(number),
        _ => None,
    }
}

/// Batches are checked and counted, and not kept: a long run would fill the memory.
fn start_broker(args: &PerfArgs) -> Result<EmbeddedBroker, Failure> {
    let options = EmbeddedOptions::new()
        .with_brokers(args.brokers.into())
        .with_default_partitions(args.partitions)
        .with_retain(false);
    EmbeddedBroker::start(options).map_err(|error| Failure::failed(format!("the embedded broker: {error}")))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    fn setup(args: &[&str]) -> Result<Setup, Failure> {
        let all = ["kp", "perf", "-t", "t"].iter().chain(args);
        match Cli::try_parse_from(all).unwrap().command {
            Command::Perf(args) => Setup::new(&args),
            other => panic!("{other:?}"),
        }
    }

    fn refused(args: &[&str]) -> (u8, String) {
        let failure = setup(args).map(drop).unwrap_err();
        (failure.code, failure.message)
    }

    #[test]
    fn wrong_usage_is_found_before_anything_starts() {
        assert_eq!(refused(&[]).0, 2);
        assert!(refused(&[]).1.contains("--embedded"));
        let (code, message) = refused(&["-b", "h:1", "--acks", "2"]);
        assert!(code == 2 && message.starts_with("acks=2:"), "{message}");
        let (code, message) = refused(&["-b", "h:1", "--size", "100..2000000"]);
        assert!(code == 2 && message.contains("2000000 bytes; max.request.size is 1048576"), "{message}");
        let (_, message) = refused(&["-b", "h:1", "--size", "1048570", "--keys", "1000"]);
        assert!(message.contains("1048577 bytes"), "{message}");
        let (code, message) = refused(&["-b", "h:1", "--payload-file", "no/such/file"]);
        assert!(code == 1 && message.starts_with("no/such/file: "), "{message}");
    }

    // TX1
    #[test]
    fn transactions_have_a_size_and_a_name_of_their_own_for_each_producer() {
        let (code, message) = refused(&["-b", "h:1", "-X", "transactional.id=x"]);
        assert!(code == 2 && message.contains("--txn-size"), "{message}");
        let id_of = |args: &[&str], number| {
            let config =
                setup(&[&["-b", "h:1", "--txn-size", "10"], args].concat()).ok().unwrap().config_of(number);
            config.ok().unwrap().get("transactional.id").unwrap().to_string()
        };
        assert_eq!(id_of(&["--transactional-id", "x"], 0), "x");
        assert_eq!(id_of(&["-X", "transactional.id=x", "--producers", "2"], 1), "x-1");
        assert!(id_of(&[], 0).starts_with("kp-perf-"));
    }

    #[test]
    fn a_schedule_lasts_as_long_as_its_records_take() {
        let of =
            |args: &[&str]| setup(&[&["-b", "h:1"], args].concat()).ok().unwrap().scheduled().as_secs_f64();
        assert_eq!(of(&["-n", "10", "-r", "4/s"]), 2.5);
        assert_eq!((of(&["-n", "10"]), of(&["-d", "3s", "-r", "4/s"]), of(&[])), (0.0, 3.0, 10.0));
    }

    #[test]
    fn settings_say_what_is_in_effect_and_no_secret() {
        let args = ["-b", "h:1", "--codec", "lz4", "-X", "linger.ms=7", "-X", "mine.password=secret"];
        let settings = setup(&args).ok().unwrap().settings(3);
        let of = |name: &str| settings.iter().find(|setting| setting.name == name).unwrap().value.as_str();
        assert_eq!((of("compression.type"), of("linger.ms"), of("partitions")), ("lz4", "7", "3"));
        assert_eq!(
            (of("target"), of("rate"), of("values")),
            ("10s", "as fast as it goes", "random letters, 100 bytes")
        );
        assert!(settings.iter().all(|setting| !setting.value.contains("secret")));
    }
}
