//! What is sent: the same records with the same settings for every producer.

use crate::error::XtaskError;

/// One row of the comparison.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// What it is about, in a line.
    pub(super) says: &'static str,
    /// At scale 1.
    pub(super) records: u64,
    /// Arguments that every producer knows.
    pub(super) args: &'static str,
    pub(super) partitions: u32,
    pub(super) topics: u32,
    pub(super) threads: u32,
    /// Added by the proxy; none without one.
    pub(super) rtt_ms: Option<&'static str>,
    /// Many tasks, each awaiting its record.
    pub(super) tasks: bool,
    /// Encrypted: TLS 1.3, AES-256.
    pub(super) tls: bool,
    /// What answers.
    pub(super) broker: Broker,
}

/// What answers in a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broker {
    /// The sink, or the cluster that was named instead.
    Any,
    /// A coordinator too: the double, or the cluster that was named instead.
    Coordinating,
    /// The double, always.
    Double,
}

impl Scenario {
    const fn new(name: &'static str, records: u64, args: &'static str, says: &'static str) -> Self {
        let (partitions, topics, threads, rtt_ms, tasks, tls) = (6, 1, 1, None, false, false);
        let broker = Broker::Any;
        Self { name, says, records, args, partitions, topics, threads, rtt_ms, tasks, tls, broker }
    }

    const fn at(self, broker: Broker) -> Self {
        Self { broker, ..self }
    }

    const fn encrypted(self) -> Self {
        Self { tls: true, ..self }
    }

    const fn partitions(self, partitions: u32) -> Self {
        Self { partitions, ..self }
    }

    const fn threads(self, threads: u32) -> Self {
        Self { threads, ..self }
    }

    const fn rtt(name: &'static str, records: u64, rtt_ms: &'static str, partitions: u32) -> Self {
        let says = "100 B, idempotent, through a proxy: rtt-MILLISECONDS-PARTITIONS";
        let args = "--size 100 --linger 5 --acks all --idempotence --no-latency";
        Self { rtt_ms: Some(rtt_ms), partitions, ..Self::new(name, records, args, says) }
    }

    /// The scenario that is the same without TLS.
    pub(super) fn without_tls(&self) -> Option<&'static str> {
        self.name.strip_suffix("-tls")
    }

    /// Whether records go in transactions: latency is that of commits then.
    pub(super) fn has_transactions(&self) -> bool {
        self.args.contains("--txn")
    }

    /// The scenario that is the same without transactions.
    pub(super) fn without_transactions(&self) -> Option<&'static str> {
        let broker = if self.broker == Broker::Double { "double-none" } else { "txn-none" };
        self.has_transactions().then_some(broker)
    }

    /// Whether latency is measured, and not only outcomes counted.
    pub(super) fn has_latency(&self) -> bool {
        !self.args.contains("--no-latency")
    }

    /// Whether it can be run against a cluster as it is.
    pub(super) fn fits_a_cluster(&self) -> bool {
        let is_any = self.broker != Broker::Double;
        is_any && self.partitions == 6 && self.topics == 1 && self.rtt_ms.is_none() && !self.tls
    }
}

const IDEMPOTENT: &str = "--size 100 --linger 5 --acks all --idempotence --no-latency";
const ONE_EACH: &str = "--size 100 --linger 0 --acks all --idempotence --txn 1";
const HUNDRED_EACH: &str = "--size 100 --linger 5 --acks all --idempotence --txn 100";
const MANY_EACH: &str = "--size 100 --linger 5 --acks all --idempotence --txn 10000";

/// All of them.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "small",
        4_000_000,
        "--size 100 --linger 5 --no-latency",
        "100 B, batches of 16 KiB, acks=1",
    ),
    Scenario::new(
        "small-big",
        4_000_000,
        "--size 100 --linger 5 --batch 131072 --no-latency",
        "100 B, batches of 128 KiB",
    ),
    Scenario::new(
        "idem",
        4_000_000,
        "--size 100 --linger 5 --acks all --idempotence --no-latency",
        "100 B, acks=all, idempotent",
    ),
    Scenario::new(
        "keyed",
        4_000_000,
        "--size 100 --linger 5 --keys 100000 --no-latency",
        "100 B, keyed over 100,000 keys",
    ),
    Scenario::new(
        "kib",
        2_000_000,
        "--size 1024 --linger 5 --batch 131072 --no-latency",
        "1 KiB, batches of 128 KiB",
    ),
    Scenario::new(
        "kib8",
        2_000_000,
        "--size 1024 --linger 5 --batch 131072 --buffer 8388608 --no-latency",
        "the same with a buffer of 8 MiB",
    ),
    Scenario::new(
        "tenk",
        300_000,
        "--size 10240 --linger 5 --batch 131072 --no-latency",
        "10 KiB, batches of 128 KiB",
    ),
    Scenario::new(
        "small-tls",
        4_000_000,
        "--size 100 --linger 5 --no-latency",
        "100 B, batches of 16 KiB, acks=1, over TLS 1.3 with AES-256",
    )
    .encrypted(),
    Scenario::new(
        "tenk-tls",
        300_000,
        "--size 10240 --linger 5 --batch 131072 --no-latency",
        "10 KiB, batches of 128 KiB, over TLS 1.3 with AES-256",
    )
    .encrypted(),
    Scenario::new(
        "lz4",
        1_000_000,
        "--size 200 --linger 5 --batch 65536 --compression lz4 --no-latency",
        "200 B of JSON, lz4",
    ),
    Scenario::new(
        "zstd",
        1_000_000,
        "--size 200 --linger 5 --batch 65536 --compression zstd --no-latency",
        "200 B of JSON, zstd",
    ),
    Scenario::new(
        "paced",
        4_000_000,
        "--size 100 --linger 5 --rate 1000000 --no-latency",
        "100 B, 1,000,000 records a second",
    ),
    Scenario::new(
        "rate",
        100_000,
        "--size 100 --linger 0 --rate 20000 --acks all --idempotence",
        "100 B, 20,000 records a second, linger 0, idempotent: latency",
    ),
    Scenario::new(
        "rate-ticks",
        100_000,
        "--size 100 --linger 0 --rate 20000 --tick 1000 --acks all --idempotence",
        "the same, 20 records each millisecond: every program wakes equally often",
    ),
    Scenario::new("timed", 2_000_000, "--size 100 --linger 5", "100 B, as fast as it goes: latency"),
    Scenario::new("one-partition", 4_000_000, "--size 100 --linger 5 --no-latency", "100 B, one partition")
        .partitions(1),
    Scenario::new(
        "threads-2",
        4_000_000,
        "--size 100 --linger 5 --threads 2 --no-latency",
        "two sending threads",
    )
    .threads(2),
    Scenario::new(
        "threads-4",
        4_000_000,
        "--size 100 --linger 5 --threads 4 --no-latency",
        "four sending threads",
    )
    .threads(4),
    Scenario::new(
        "parts-1000",
        4_000_000,
        "--size 100 --linger 5 --keys 1000000 --buffer 268435456 --no-latency",
        "1,000 partitions, keyed over 1,000,000 keys, buffer of 256 MiB",
    )
    .partitions(1000),
    Scenario::new(
        "parts-10000",
        4_000_000,
        "--size 100 --linger 5 --keys 1000000 --buffer 268435456 --no-latency",
        "10,000 partitions, the same",
    )
    .partitions(10_000),
    Scenario {
        topics: 1000,
        ..Scenario::new(
            "topics-1000",
            4_000_000,
            "--size 100 --linger 5 --topics 1000 --buffer 268435456 --no-latency",
            "1,000 topics of one partition, in turn, buffer of 256 MiB",
        )
        .partitions(1)
    },
    Scenario {
        tasks: true,
        ..Scenario::new(
            "await-10000",
            1_000_000,
            "--size 100 --linger 5 --tasks 10000",
            "10,000 tasks, each awaiting the outcome of its record",
        )
    },
    Scenario::new("txn-none", 2_000_000, IDEMPOTENT, "100 B, idempotent, without transactions")
        .at(Broker::Coordinating),
    Scenario::new("txn-1", 300, ONE_EACH, "100 B, each record a transaction").at(Broker::Coordinating),
    Scenario::new("txn-100", 30_000, HUNDRED_EACH, "100 B, transactions of 100 records")
        .at(Broker::Coordinating),
    Scenario::new("txn-10000", 2_000_000, MANY_EACH, "100 B, transactions of 10,000 records")
        .at(Broker::Coordinating),
    Scenario::new(
        "double-none",
        2_000_000,
        IDEMPOTENT,
        "100 B, idempotent, without transactions, to the double",
    )
    .at(Broker::Double),
    Scenario::new("double-1", 5_000, ONE_EACH, "100 B, each record a transaction, to the double")
        .at(Broker::Double),
    Scenario::new("double-100", 300_000, HUNDRED_EACH, "100 B, transactions of 100 records, to the double")
        .at(Broker::Double),
    Scenario::new(
        "double-10000",
        2_000_000,
        MANY_EACH,
        "100 B, transactions of 10,000 records, to the double",
    )
    .at(Broker::Double),
    Scenario::rtt("rtt-0.1-1", 1_000_000, "0.1", 1),
    Scenario::rtt("rtt-0.1-12", 2_000_000, "0.1", 12),
    Scenario::rtt("rtt-2-1", 500_000, "2", 1),
    Scenario::rtt("rtt-2-12", 2_000_000, "2", 12),
    Scenario::rtt("rtt-10-1", 200_000, "10", 1),
    Scenario::rtt("rtt-10-12", 1_000_000, "10", 12),
    Scenario::rtt("rtt-50-1", 50_000, "50", 1),
    Scenario::rtt("rtt-50-12", 200_000, "50", 12),
];

/// Those of these names: `all`, `rtt` for every delay, and `txn` for all of transactions.
pub(super) fn named(names: &[String]) -> Result<Vec<&'static Scenario>, XtaskError> {
    let mut chosen = Vec::new();
    for name in names {
        let group: Vec<_> = SCENARIOS
            .iter()
            .filter(|scenario| {
                let group = if scenario.rtt_ms.is_some() { "rtt" } else { "txn" };
                let is_in_it = scenario.rtt_ms.is_some() || scenario.broker != Broker::Any;
                name == "all" || name == scenario.name || (name == group && is_in_it)
            })
            .collect();
        if group.is_empty() {
            let known: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
            return Err(XtaskError::Usage(format!(
                "--scenario {name}: not known; there are all, rtt, txn, {}",
                known.join(", ")
            )));
        }
        chosen.extend(group);
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_that_is_not_known_is_an_error_that_lists_those_that_are() {
        let error = named(&["smal".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("--scenario smal") && error.contains("small-big"), "{error}");
        assert_eq!(named(&["rtt".to_owned()]).unwrap().len(), 8);
        assert_eq!(named(&["all".to_owned()]).unwrap().len(), SCENARIOS.len());
    }

    #[test]
    fn transactions_of_each_size_go_to_a_cluster_and_to_the_double_beside_the_same_without_them() {
        let all = named(&["txn".to_owned()]).unwrap();
        let names: Vec<_> = all.iter().map(|scenario| scenario.name).collect();
        assert_eq!(
            names,
            [
                "txn-none",
                "txn-1",
                "txn-100",
                "txn-10000",
                "double-none",
                "double-1",
                "double-100",
                "double-10000"
            ]
        );
        for scenario in all {
            assert_eq!(scenario.fits_a_cluster(), scenario.name.starts_with("txn"), "{}", scenario.name);
            let without = scenario.without_transactions();
            assert_eq!(without.is_none(), scenario.name.ends_with("none"), "{}", scenario.name);
            assert!(without.is_none_or(|name| named(&[name.to_owned()]).is_ok()), "{without:?}");
        }
    }

    #[test]
    fn each_scenario_over_tls_is_one_without_it_and_encrypted() {
        for scenario in SCENARIOS {
            assert_eq!(scenario.tls, scenario.without_tls().is_some(), "{}", scenario.name);
            let Some(name) = scenario.without_tls() else { continue };
            let plain = &named(&[name.to_owned()]).unwrap()[0];
            assert_eq!((plain.args, plain.records), (scenario.args, scenario.records), "{name}");
        }
    }
}
