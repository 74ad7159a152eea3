//! The command line of `kp perf`, as clap reads it.
//! Owns: names, help texts, and what a duration, a rate and a payload look like when they are typed.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::payload::Sizes;
use crate::{config_args::ConfigArgs, duration::duration};

const AFTER_HELP: &str = "\
How it is measured. A record's latency ends when its outcome is known, and begins when `send` is called; with --rate \
it begins when the record was due, even if it could only be sent later: a broker that stalls for a second then shows \
in the latency of all the records that were due in that second, not only of the one that happened to be sent \
(\"coordinated omission\"). With --rate and --duration, records that were due and could not be sent before the end are \
told as missed. Looking up the topic and --warm-up are over, and everything is flushed, before the measurement begins. \
Throughput is what was acknowledged, until the last outcome. \
With --txn-size a commit's latency begins when it is asked for, and so includes the flush of the transaction's last records.
Without --rate the producer is kept as full as buffer.memory allows, and latency is mostly the time spent waiting in it: \
to see a cluster's latency, give a rate that it can keep.

Exit codes: 0 every record acknowledged, 1 not so, 2 wrong usage or configuration, 130 Ctrl-C: stops, delivers what was \
accepted, prints the results.";

/// What is to be measured, or which results are to be compared.
#[derive(Debug, Args)]
#[command(after_long_help = AFTER_HELP, after_help = "See --help for how it is measured (coordinated omission, warm-up).")]
pub(crate) struct PerfArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The topic
    #[arg(long, short, required_unless_present_any = ["embedded", "compare"])]
    pub(crate) topic: Option<String>,
    /// Against a development broker in this process (not Apache Kafka), to try it without a cluster
    #[arg(long, conflicts_with = "bootstrap")]
    pub(crate) embedded: bool,
    /// The partitions of the topic of --embedded
    #[arg(long, value_name = "N", default_value_t = 6, requires = "embedded", conflicts_with = "bootstrap", value_parser = clap::value_parser!(i32).range(1..=10_000))]
    pub(crate) partitions: i32,
    /// The brokers of --embedded
    #[arg(long, value_name = "N", default_value_t = 1, requires = "embedded", conflicts_with = "bootstrap", value_parser = clap::value_parser!(u8).range(1..=20))]
    pub(crate) brokers: u8,

    /// Send so many records, after those of the warm-up
    #[arg(long, short = 'n', value_name = "N", conflicts_with = "duration", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) records: Option<u64>,
    /// Send for so long: 500ms, 30s, 5m, 1h (default without --records: 10s)
    #[arg(long, short, value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// Send so many records a second, all producers together; 0: as fast as it goes
    #[arg(long, short, value_name = "N[/s]", value_parser = rate, default_value = "0")]
    pub(crate) rate: f64,
    /// Send so many records before the measurement begins
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) warm_up: u64,
    /// Producers, each with a connection to each broker and a sending thread of its own
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) producers: u16,

    /// Bytes of each value, made up of random letters: 100, or 100..1000 (uniform)
    #[arg(long, short, value_name = "BYTES", default_value = "100", value_parser = size, conflicts_with_all = ["size_dist", "payload_file"])]
    pub(crate) size: Sizes,
    /// Sizes with weights: 100:70,1000:30; a size may be a range here, too
    #[arg(long, value_name = "SIZE:WEIGHT[,…]", conflicts_with = "payload_file")]
    pub(crate) size_dist: Option<Sizes>,
    /// The values are the lines of this file, in turn
    #[arg(long, value_name = "FILE")]
    pub(crate) payload_file: Option<PathBuf>,
    /// Give each record one of so many keys, at random; without it, records have no key
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) keys: Option<u64>,

    /// Send in transactions of so many records, one behind the other; tells commits a second and what each took
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) txn_size: Option<u64>,
    /// The name of the transactions (transactional.id), with -0, -1, … behind it for several producers [default: one of this run]
    #[arg(long, value_name = "ID", requires = "txn_size")]
    pub(crate) transactional_id: Option<String>,

    /// What counts as written: all, 1 or 0 (acks)
    #[arg(long, value_name = "ACKS")]
    pub(crate) acks: Option<String>,
    /// none, gzip, snappy, lz4 or zstd (compression.type)
    #[arg(long, value_name = "CODEC")]
    pub(crate) codec: Option<String>,

    /// Write a page of HTML with plots; it needs no other file and no network
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
    /// Measure nothing: compare two results that --json has printed
    #[arg(long, num_args = 2, value_names = ["A.json", "B.json"], conflicts_with_all = ["bootstrap", "topic", "embedded", "records", "duration"])]
    pub(crate) compare: Option<Vec<PathBuf>>,
}

/// `50000` or `50000/s`; 0 is "as fast as it goes".
fn rate(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix("/s").unwrap_or(text).trim();
    match number.parse::<f64>() {
        Ok(0.0) => Ok(0.0),
        // Below, a second record would hardly come; above, one comes each nanosecond.
        Ok(rate) if (1e-6..=1e9).contains(&rate) => Ok(rate),
        Ok(_) => Err("a rate is between 0.000001 and 1000000000 records a second, or 0".to_owned()),
        Err(_) => Err("a rate is a number of records a second, as in 50000/s".to_owned()),
    }
}

/// One size or one range.
fn size(text: &str) -> Result<Sizes, String> {
    if text.contains([':', ',']) {
        return Err("several sizes with weights are for --size-dist".to_owned());
    }
    text.parse()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    fn perf(args: &[&str]) -> Result<PerfArgs, clap::Error> {
        let all = ["kp", "perf"].iter().chain(args);
        Cli::try_parse_from(all).map(|cli| match cli.command {
            Command::Perf(args) => *args,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn a_rate_is_per_second_and_zero_is_no_rate() {
        assert_eq!(
            ["50000/s", "50000", "0.5/s", "0", "0/s"].map(|text| rate(text).unwrap()),
            [50_000.0, 50_000.0, 0.5, 0.0, 0.0]
        );
        for bad in ["", "-1", "fast", "NaN", "inf", "10/m", "1e-9", "1e10"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let good = ["-b", "h:1", "-t", "t"];
        assert!(perf(&good).is_ok());
        assert!(perf(&["-b", "h:1"]).unwrap_err().to_string().contains("--topic"));
        for more in [
            &["--records", "1", "--duration", "1s"][..],
            &["--records", "0"],
            &["--partitions", "3"],
            &["--brokers", "3"],
            &["--embedded"],
            &["--size", "10", "--size-dist", "1:1"],
            &["--size", "10", "--payload-file", "f"],
            &["--size", "10:1"],
            &["--size", "1000..100"],
            &["--producers", "0"],
            &["--keys", "0"],
            &["--txn-size", "0"],
            &["--transactional-id", "x"],
        ] {
            assert!(perf(&[&good[..], more].concat()).is_err(), "{more:?}");
        }
        let embedded = perf(&["--embedded", "--partitions", "3", "--rate", "10/s"]).unwrap();
        assert_eq!((embedded.partitions, embedded.rate, embedded.topic), (3, 10.0, None));
    }
}
