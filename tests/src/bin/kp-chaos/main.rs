//! `cargo xtask chaos`: real Kafka under fire. Three brokers, a proxy that breaks things in front of them, several producers
//! of kp; then everything is read back by Kafka's own consumer and held against what the producers were told.

#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "a program in real time")]
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "progress and the result of a program")]

mod faults;
mod ledger;
mod login;
mod probe;
mod producers;
mod proxy;
mod security;
mod transactions;
mod verdict;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use kp_producer::ProducerConfig;
use xtask::kafka::{ClientListener, KafkaCluster, Options, SecuredOptions, free_ports};

use crate::faults::{Counts, Faults, Kinds, Scene};
use crate::probe::Probe;
use crate::producers::{Load, Producers};
use crate::proxy::{Pieces, Proxy};
use crate::security::Security;
use crate::verdict::Verdict;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const TOPIC: &str = "chaos";
/// A topic for measuring, beside the one that is judged.
const PROBE: &str = "probe";
const PARTITIONS: i32 = 12;

/// Brokers are killed, frozen and cut off while producers write; then the laws are checked: nothing acknowledged lost,
/// nothing twice, order kept, certainty true, offsets true.
#[derive(Parser, Clone, Debug)]
#[command(name = "cargo xtask chaos")]
struct Args {
    /// How long the fire lasts.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// What the faults and their moments are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Records a second, of all producers together; 0 = as fast as it goes.
    #[arg(long, default_value_t = 100_000)]
    records_per_second: u64,
    /// How long the control run without idempotence lasts; it must show duplicates. 0 = none, and nothing is proven.
    #[arg(long, default_value_t = 30)]
    control_seconds: u64,
    /// Clients come over TLS and log in by SCRAM-SHA-512 or by tokens of 12 s, with sessions of 3 s. Faults cut records of TLS in
    /// place of requests; half of them are of security: certificates that end, other authorities, passwords, no issuer of tokens.
    #[arg(long)]
    secure: bool,
    /// In the middle of a secure run brokers get certificates of another authority, and the user another password: clients
    /// read both from files.
    #[arg(long, requires = "secure")]
    rotate: bool,
    /// No faults at all; with --rotate, to see that alone.
    #[arg(long, conflicts_with = "only_kills")]
    calm: bool,
    /// Nothing but kills of leaders, to measure how long their partitions are silent.
    #[arg(long)]
    only_kills: bool,
    /// Producers with a `transactional.id` in place of the others. Beside brokers, producers are killed and second instances of
    /// them started; requests come seconds late, when their client has asked again; transactions are left open beyond their
    /// timeout. 0 may be partial, aborted and seen, committed and lost, out of order, hanging; an older instance never fences back.
    #[arg(long, conflicts_with_all = ["secure", "calm", "only_kills"])]
    transactions: bool,
    /// The version of Kafka; transactions follow another protocol before 4.0.
    #[arg(long, default_value_t = String::from("4.3.0"), value_name = "VERSION")]
    kafka: String,
    /// With --transactions, leave brokers alone: only requests and producers get into trouble.
    #[arg(long, requires = "transactions")]
    spare_brokers: bool,
    /// Leave the brokers' directory when the program ends.
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    if std::env::args().nth(1).is_some_and(|word| word == transactions::worker::WORD) {
        return work();
    }
    let args = Args::parse();
    let outcome = if args.transactions { transactions::run(&args) } else { run(&args) };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// What this program is when it was started by itself.
fn work() -> ExitCode {
    match transactions::worker::run(std::env::args().skip(1).collect()) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<bool, Failure> {
    let mut is_good = true;
    if args.control_seconds > 0 {
        eprintln!("control run: {} s without idempotence, which must show duplicates", args.control_seconds);
        let control = Run {
            is_control: true,
            kinds: Kinds::LostAnswers,
            seconds: args.control_seconds,
            ..Run::of(args)
        };
        let (verdict, counts) = control.carry_out()?;
        println!("{}", verdict.table("control run, enable.idempotence=false", &counts));
        if verdict.doubled == 0 {
            eprintln!("FAILED: the control run shows no duplicate, so a run without any would prove nothing");
            is_good = false;
        }
        if verdict.lost + verdict.false_certainty + verdict.broken > 0 {
            eprintln!(
                "FAILED: without idempotence, too, nothing acknowledged may be lost and nothing said falsely"
            );
            is_good = false;
        }
    }
    let (verdict, counts) = Run::of(args).carry_out()?;
    println!("{}", verdict.table("default settings", &counts));
    if !verdict.is_clean() {
        eprintln!("FAILED: a law is broken; again with --seed {} --seconds {}", args.seed, args.seconds);
        is_good = false;
    }
    Ok(is_good)
}

/// One fire.
#[derive(Clone, Debug)]
struct Run {
    seconds: u64,
    seed: u64,
    records_per_second: u64,
    kafka: String,
    keep: bool,
    is_control: bool,
    is_secure: bool,
    rotates: bool,
    kinds: Kinds,
}

impl Run {
    fn of(args: &Args) -> Self {
        let Args { seconds, seed, records_per_second, keep, secure, rotate, calm, only_kills, .. } = *args;
        let kinds = match (calm, only_kills) {
            (true, _) => Kinds::Nothing,
            (false, true) => Kinds::Kills,
            (false, false) => Kinds::All,
        };
        let (is_secure, rotates, kafka) = (secure, rotate, args.kafka.clone());
        Self { seconds, seed, records_per_second, kafka, keep, is_control: false, is_secure, rotates, kinds }
    }

    fn carry_out(&self) -> Result<(Verdict, Counts), Failure> {
        let ports = free_ports(6)?;
        let listeners: Vec<ClientListener> =
            ports.chunks_exact(2).map(|pair| ClientListener { port: pair[0], advertised: pair[1] }).collect();
        let mut options = Options { version: self.kafka.clone(), ..Options::brokers(3) }
            .clients_at(listeners.clone())
            .setting("broker.session.timeout.ms", "3000")
            .setting("broker.heartbeat.interval.ms", "500")
            .setting("log.segment.bytes", "268435456");
        if self.is_secure {
            options = options.secured(SecuredOptions::Named(vec![login::LISTENER]));
        }
        let cluster = Arc::new(KafkaCluster::start(&options)?);
        for topic in [TOPIC, PROBE] {
            cluster.create_topic_with(topic, PARTITIONS, 3, &[("min.insync.replicas", "2")])?;
        }
        let pieces = if self.is_secure { Pieces::TlsRecords } else { Pieces::Frames };
        let proxy = Arc::new(Proxy::start(&listeners, pieces, None)?);
        let security = self.is_secure.then(|| Security::new(&cluster)).transpose()?;
        let bases = match &security {
            Some(security) => security.configs()?.to_vec(),
            None => vec![ProducerConfig::default()],
        };
        let bases: Vec<_> = bases.into_iter().map(|base| base.bootstrap_servers(proxy.bootstrap())).collect();

        let probes = [Probe::new(&bases[0], "all")?, Probe::new(&bases[0], "1")?];
        let load = Load { bases, per_second: self.records_per_second, is_idempotent: !self.is_control };
        let producers = Producers::start(&load)?;
        let whole = Duration::from_secs(self.seconds);
        let until = Instant::now() + whole;
        let rotation =
            security.as_ref().filter(|_| self.rotates).map(|security| security.rotate_within(whole));
        let scene =
            Scene { cluster: Arc::clone(&cluster), proxy: Arc::clone(&proxy), security: security.clone() };
        let faults = Faults::start(scene, probes, self.seed, until, self.kinds);
        self.show_progress(&producers, &faults, until);
        let mut counts = faults.end()?;
        if let Some(rotation) = rotation {
            for (kind, count) in rotation.join().map_err(|_| "the rotation has panicked")?? {
                *counts.by_kind.entry(kind).or_default() += count;
            }
        }
        let (sessions, refused) = (producers.logins(), producers.refused());
        eprintln!("faults are over; closing the producers");
        let ledger = producers.finish()?;
        // With it ends the issuer, which producers ask to their end.
        drop(security);
        eprintln!(
            "reading {} acknowledged records and the rest back with Kafka's own consumer",
            ledger.acked()
        );
        let mut verdict = Verdict::read(&cluster, TOPIC, &ledger)?;
        (verdict.logins, verdict.refused) = (sessions, refused);
        if self.keep {
            eprintln!("the brokers' logs are in {}", cluster.data_directory(1).display());
            std::mem::forget(cluster);
        } else if let Ok(cluster) = Arc::try_unwrap(cluster) {
            cluster.stop()?;
        }
        Ok((verdict, counts))
    }

    fn show_progress(&self, producers: &Producers, faults: &Faults, until: Instant) {
        let mut before = 0;
        while Instant::now() < until {
            std::thread::sleep(Duration::from_secs(5));
            let (sent, acked) = producers.progress();
            let left = until.saturating_duration_since(Instant::now()).as_secs();
            eprintln!(
                "{left:>4} s left: {sent} sent, {acked} acknowledged ({}/s), faults: {}",
                (acked - before) / 5,
                faults.last()
            );
            before = acked;
        }
    }
}
