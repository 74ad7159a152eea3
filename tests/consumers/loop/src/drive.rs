//! The driver: a cluster, an input, workers under fire until their group has read all of it; then the verdict.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use xtask::kafka::{KafkaCluster, Options, Version};
use xtask::workspace;

use crate::membership::{SESSION, broker_settings};
use crate::recipe::Failure;
use crate::topics::{Ends, fill};
use crate::verdict;
use crate::worker::{Work, WorkerArgs};
use crate::workers::Workers;

/// The topics.
pub const INPUT: &str = "loop-input";
pub const OUTPUT: &str = "loop-output";

/// Twice as many as the output has: two partitions of the input, and workers, meet in each partition of the output.
pub const PARTITIONS_OF_INPUT: i32 = 12;
pub const PARTITIONS_OF_OUTPUT: i32 = 6;

/// What to run.
#[derive(Debug, Args)]
pub struct DriveArgs {
    /// The version of Apache Kafka.
    #[arg(long, default_value = Version::newest().number)]
    version: String,
    /// Records of the input.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// How many workers.
    #[arg(long, default_value_t = 3)]
    workers: usize,
    /// A worker is killed every so many seconds, in turn.
    #[arg(long, default_value_t = 10)]
    kill_every: u64,
    /// A worker is frozen every so many seconds, for longer than its group waits for it; 0: none.
    #[arg(long, default_value_t = 40)]
    freeze_every: u64,
    /// Fewer kills than this prove nothing: the run fails.
    #[arg(long, default_value_t = 6)]
    least_kills: u64,
    /// The run fails if it lasts longer, in seconds.
    #[arg(long, default_value_t = 1800)]
    limit: u64,
    #[command(flatten)]
    work: Work,
}

/// Runs it all; whether the output is right.
pub fn run(args: &DriveArgs) -> Result<bool, Failure> {
    if args.workers == 0 || args.kill_every == 0 {
        return Err("--workers and --kill-every are at least 1".into());
    }
    let options = Options { version: args.version.clone(), ..Options::brokers(3) };
    let settings = if Version::find(&args.version)?.number.starts_with('4') {
        broker_settings().to_vec()
    } else {
        vec![]
    };
    let options = settings.iter().fold(options, |options, (key, value)| options.setting(key, value));
    eprintln!("starting three brokers of {}", args.version);
    let cluster = KafkaCluster::start(&options)?;
    cluster.create_topic(INPUT, PARTITIONS_OF_INPUT, 3)?;
    cluster.create_topic(OUTPUT, PARTITIONS_OF_OUTPUT, 3)?;
    let bootstrap = cluster.bootstrap();
    let started = Instant::now();
    fill(&bootstrap, INPUT, args.records)?;
    eprintln!("{} records written in {:.1?}", args.records, started.elapsed());
    let directory = directory()?;
    let arguments = WorkerArgs {
        bootstrap: bootstrap.clone(),
        slot: 0,
        input: INPUT.to_owned(),
        output: OUTPUT.to_owned(),
        work: args.work.clone(),
    };
    let mut workers = Workers::start(arguments, args.workers, &directory)?;
    let ends = Ends::of(&bootstrap)?;
    let took = Fire::new(args).rage(args, &mut workers, &ends)?;
    let (tally, told) = workers.stop()?;
    let found = verdict::find(&cluster, &ends, args.records)?;
    println!(
        "\n{} records in {:.0} s by {} workers: {} killed, {} frozen, {} gave up",
        args.records,
        took.as_secs_f64(),
        args.workers,
        tally.kills,
        tally.freezes,
        tally.gave_up
    );
    println!(
        "transactions: {} committed, {} aborted, {} given up at a rebalance; {} records of transactions that are not visible",
        told.committed, told.aborted, told.revoked, found.invisible
    );
    println!("{found}");
    let is_enough = tally.kills >= args.least_kills;
    if !is_enough {
        println!(
            "fewer than {} kills prove nothing: let the workers be slower, or kill more often",
            args.least_kills
        );
    }
    println!("what the workers told is in {}", directory.display());
    let is_good = found.is_good() && is_enough && tally.gave_up == 0;
    println!("{}", if is_good { "exactly once" } else { "NOT GOOD" });
    Ok(is_good)
}

fn directory() -> Result<PathBuf, Failure> {
    let directory = workspace::root().join(format!("target/loop/run-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    Ok(directory)
}

/// When what happens next.
struct Fire {
    begun: Instant,
    next_kill: Instant,
    next_freeze: Option<Instant>,
    next_word: Instant,
    next_look: Instant,
    /// All is read; a frozen one is waited for.
    is_over: bool,
}

const WORD_EVERY: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_secs(1);

impl Fire {
    fn new(args: &DriveArgs) -> Self {
        let begun = Instant::now();
        Self {
            begun,
            next_kill: begun + Duration::from_secs(args.kill_every),
            next_freeze: (args.freeze_every > 0).then(|| begun + Duration::from_secs(args.freeze_every / 2)),
            next_word: begun + WORD_EVERY,
            next_look: begun + LOOK_EVERY,
            is_over: false,
        }
    }

    /// Until the group has read everything. How long that took.
    fn rage(mut self, args: &DriveArgs, workers: &mut Workers, ends: &Ends) -> Result<Duration, Failure> {
        let all: i64 = ends.high_watermarks(INPUT, PARTITIONS_OF_INPUT)?.iter().sum();
        loop {
            workers.look_after()?;
            self.strike(args, workers)?;
            let now = Instant::now();
            if now >= self.next_look {
                self.next_look = now + LOOK_EVERY;
                let read = ends.of_group(INPUT, PARTITIONS_OF_INPUT)?;
                self.tell(read, all, workers);
                if read == all as u64 && !workers.is_one_frozen() {
                    return Ok(self.begun.elapsed());
                }
                self.is_over = read == all as u64;
                if self.begun.elapsed() > Duration::from_secs(args.limit) {
                    return Err(format!("{read} of {all} records read within {} s", args.limit).into());
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn tell(&mut self, read: u64, all: i64, workers: &Workers) {
        let now = Instant::now();
        if now < self.next_word {
            return;
        }
        self.next_word = now + WORD_EVERY;
        let (seconds, tally) = (self.begun.elapsed().as_secs(), workers.tally);
        let (kills, freezes) = (tally.kills, tally.freezes);
        eprintln!("{seconds} s: {read} of {all} records read, {kills} killed, {freezes} frozen");
    }

    fn strike(&mut self, args: &DriveArgs, workers: &mut Workers) -> Result<(), Failure> {
        if self.is_over {
            return Ok(());
        }
        let now = Instant::now();
        let slot = |turn: u64| (turn % args.workers as u64) as usize;
        if now >= self.next_kill {
            self.next_kill = now + Duration::from_secs(args.kill_every);
            workers.kill(slot(workers.tally.kills))?;
        }
        if self.next_freeze.is_some_and(|at| now >= at) {
            self.next_freeze = Some(now + Duration::from_secs(args.freeze_every));
            // Another one than is killed next, and long enough for its partitions to have gone to the others.
            let how_long = Duration::from_secs(SESSION + 3);
            workers.freeze(slot(workers.tally.kills + 1), how_long)?;
        }
        Ok(())
    }
}
