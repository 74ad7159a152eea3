//! `cargo xtask chaos --transactions`: producers with a `transactional.id`, each in a process of its own, while brokers and producers
//! are killed, second instances take over, and requests come late. Then the logs are held against what the producers were told, by the
//! same laws that judge the simulation, by Java's reader, and by Kafka's own tool for hanging transactions.

mod fire;
mod journal;
mod logs;
mod readers;
pub(crate) mod sight;
mod verdict;
pub(crate) mod worker;
mod workers;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use xtask::kafka::{ClientListener, KafkaCluster, Options, free_ports};

use self::fire::{Fire, Scene};
use self::verdict::Evidence;
use self::workers::{TIMEOUT, Workers};
use crate::proxy::{Ambush, Pieces, Proxy};
use crate::{Args, Failure};

const TOPIC: &str = "chaos-transactions";
const PARTITIONS: i32 = 6;
/// What the producers' offsets are of.
const INPUT: &str = "chaos-input";
const INPUT_PARTITIONS: i32 = 3;
/// So many producers are killed at the end and have no successor: what they left open has to end by its timeout.
const KILLED_AT_THE_END: usize = 3;
/// How long open transactions may take to end at the end: their timeout, and what a loaded machine adds.
const UNTIL_STABLE: Duration = TIMEOUT.saturating_add(Duration::from_secs(40));

/// Answers whether every law holds.
pub(crate) fn run(args: &Args) -> Result<bool, Failure> {
    let directory = std::env::temp_dir().join(format!("kp-chaos-transactions-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let Stage { cluster, proxy, ambush } = start(args)?;
    let started_us = journal::now_us();
    let workers = Arc::new(Workers::start(proxy.bootstrap(), &directory, args.seed)?);
    let until = Instant::now() + Duration::from_secs(args.seconds);
    let scene = Scene {
        cluster: Arc::clone(&cluster),
        proxy,
        ambush: Arc::clone(&ambush),
        workers: Arc::clone(&workers),
        until,
        spares_brokers: args.spare_brokers,
    };
    let fire = Fire::start(&scene, args.seed);
    show_progress(&workers, &fire, &directory, until)?;
    let faults = fire.end()?;
    ambush.lift();
    eprintln!("faults are over; {KILLED_AT_THE_END} producers are killed, the others end in order");
    let instances = workers.finish(KILLED_AT_THE_END)?;
    let evidence = gather(&cluster, started_us, instances, &ambush)?;
    let verdict = evidence.judge();
    println!("## transactions, Kafka {}, {} s, seed {}\n", args.kafka, args.seconds, args.seed);
    println!("{}", verdict.table(&evidence, &faults));
    let is_good = verdict.broken.is_empty();
    for broken in &verdict.broken {
        println!("BROKEN: {}: {}", broken.law, broken.how);
    }
    if !is_good {
        evidence.write_down(&directory)?;
        keep_broker_logs(&cluster, &directory)?;
        eprintln!("FAILED: what it was judged by is in {}", directory.display());
    } else if args.keep {
        eprintln!("journals are in {}", directory.display());
    } else {
        std::fs::remove_dir_all(&directory)?;
    }
    drop(scene);
    if let Ok(cluster) = Arc::try_unwrap(cluster) {
        cluster.stop()?;
    }
    Ok(is_good)
}

/// Brokers, and what stands in front of them.
struct Stage {
    cluster: Arc<KafkaCluster>,
    proxy: Arc<Proxy>,
    ambush: Arc<Ambush>,
}

fn start(args: &Args) -> Result<Stage, Failure> {
    let ports = free_ports(6)?;
    let listeners: Vec<ClientListener> =
        ports.chunks_exact(2).map(|pair| ClientListener { port: pair[0], advertised: pair[1] }).collect();
    let options = Options { version: args.kafka.clone(), ..Options::brokers(3) }
        .clients_at(listeners.clone())
        .setting("broker.session.timeout.ms", "3000")
        .setting("broker.heartbeat.interval.ms", "500")
        .setting("transaction.abort.timed.out.transaction.cleanup.interval.ms", "1000");
    let cluster = Arc::new(KafkaCluster::start(&options)?);
    cluster.create_topic_with(TOPIC, PARTITIONS, 3, &[("min.insync.replicas", "2")])?;
    cluster.create_topic_with(INPUT, INPUT_PARTITIONS, 3, &[("min.insync.replicas", "2")])?;
    let ambush = Arc::new(Ambush::default());
    let proxy = Arc::new(Proxy::start(&listeners, Pieces::Frames, Some(&ambush))?);
    Ok(Stage { cluster, proxy, ambush })
}

fn show_progress(workers: &Workers, fire: &Fire, directory: &Path, until: Instant) -> Result<(), Failure> {
    while Instant::now() < until {
        std::thread::sleep(Duration::from_secs(10).min(until.saturating_duration_since(Instant::now())));
        let left = until.saturating_duration_since(Instant::now()).as_secs();
        let (lived, live, took_over) = workers.counts();
        let begun = lines_with(directory, " begin ")?;
        eprintln!(
            "{left:>4} s left: {begun} transactions begun, {lived} producers ({live} live, {took_over} took over), {}",
            fire.last()
        );
    }
    Ok(())
}

/// How many lines of the journals say `word`.
fn lines_with(directory: &Path, word: &str) -> Result<usize, Failure> {
    let mut count = 0;
    for path in journals(directory)? {
        count += std::fs::read_to_string(path)?.matches(word).count();
    }
    Ok(count)
}

fn journals(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(directory)?.flatten().map(|entry| entry.path());
    Ok(entries.filter(|path| path.extension().is_some_and(|extension| extension == "journal")).collect())
}

fn gather(
    cluster: &KafkaCluster,
    started_us: u64,
    instances: Vec<workers::Instance>,
    ambush: &Ambush,
) -> Result<Evidence, Failure> {
    cluster.wait_until_in_sync(Duration::from_secs(60))?;
    let (reach, took) = logs::wait_until_stable(cluster, UNTIL_STABLE)?;
    eprintln!("no transaction is open after {took:.1?}; reading the logs back");
    let lives = Evidence::lives_of(&instances)?;
    let logs = logs::Logs::read(cluster)?;
    let visible = logs.records.values().map(|log| kp_tests::transaction_history::visible_in(log).len()).sum();
    eprintln!("and {visible} committed records by Java's consumer");
    let java = readers::java_reads(cluster, visible)?;
    let hanging = readers::hanging(cluster)?;
    Ok(Evidence { started_us, instances, lives, seen: ambush.sight.take(), logs, reach, java, hanging })
}

fn keep_broker_logs(cluster: &KafkaCluster, directory: &Path) -> Result<(), Failure> {
    for id in cluster.broker_ids() {
        std::fs::copy(cluster.log_file(id), directory.join(format!("broker-{id}.log")))?;
    }
    Ok(())
}
