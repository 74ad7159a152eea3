//! One worker: reads, transforms and writes until its input ends, one transaction behind the other. It tells each one that was not
//! committed in a line of standard output.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use kp_producer::ProducerConfig;
use kp_producer::blocking::TransactionalProducer;
use rdkafka::message::{BorrowedMessage, Message as _};

use crate::membership::Membership;
use crate::recipe::{Ended, Failure, one_transaction};
use crate::record;
use crate::wrong::{Mistake, offsets_outside};

/// What a worker is told.
#[derive(Debug, Clone, Args)]
pub struct WorkerArgs {
    /// Where the cluster is.
    #[arg(long)]
    pub bootstrap: String,
    /// Its number: each has a transactional.id, which the next worker of that number takes over.
    #[arg(long)]
    pub slot: usize,
    /// Where it reads.
    #[arg(long)]
    pub input: String,
    /// Where it writes.
    #[arg(long)]
    pub output: String,
    #[command(flatten)]
    pub work: Work,
}

/// How the workers work.
#[derive(Debug, Clone, Args)]
pub struct Work {
    /// How they are members of their group.
    #[arg(long, value_enum, default_value = "eager")]
    pub membership: Membership,
    /// Records of a transaction, at most.
    #[arg(long, default_value_t = 500)]
    pub transaction_size: u64,
    /// Records that each worker transforms a second, at most: so that it is mostly within a transaction.
    #[arg(long, default_value_t = 5000)]
    pub records_per_second: u64,
    /// A mistake that the workers make, to see that the judge tells it.
    #[arg(long, value_enum)]
    pub wrong: Option<Mistake>,
}

/// A transaction that finds nothing more to read is ended then.
const WITHIN: Duration = Duration::from_millis(250);

/// Works until standard input ends.
pub fn run(args: &WorkerArgs) -> Result<(), Failure> {
    // A worker whose driver was killed ends, also a frozen one.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    let is_over = over();
    let id = format!("loop-{}", args.slot);
    let config = ProducerConfig::default().bootstrap_servers(args.bootstrap.as_str()).transactional_id(id);
    let mut producer = TransactionalProducer::new(config)?;
    producer.init()?;
    let consumer = args.work.membership.consumer(&args.bootstrap, &args.input, args.slot)?;
    let (mut pace, limits) = (Pace::new(args.work.records_per_second), (args.work.transaction_size, WITHIN));
    while !is_over.load(Ordering::Relaxed) {
        let transform = |read: &BorrowedMessage<'_>| {
            pace.wait();
            transformed(read)
        };
        let ended = match args.work.wrong {
            None => one_transaction(&consumer, &mut producer, &args.output, limits, transform)?,
            Some(Mistake::OffsetsOutside) => {
                offsets_outside(&consumer, &mut producer, &args.output, limits, transform)?
            }
        };
        match ended {
            Ended::Committed(0) => {}
            Ended::Committed(records) => println!("committed {records}"),
            Ended::Aborted(why) => println!("aborted {why}"),
            Ended::Revoked => println!("revoked"),
        }
    }
    drop(consumer);
    // Nothing is left: each transaction was waited for.
    producer.close(Duration::from_secs(30)).map(|_| ()).map_err(Into::into)
}

fn transformed(read: &BorrowedMessage<'_>) -> String {
    let value = String::from_utf8_lossy(read.payload().unwrap_or_default());
    record::transformed(read.partition(), read.offset(), &value)
}

/// Becomes true when standard input ends: the driver wants no more, or is gone.
fn over() -> Arc<AtomicBool> {
    let is_over = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&is_over);
    std::thread::spawn(move || {
        let mut rest = Vec::new();
        // An error is an end as well.
        let _ = std::io::stdin().read_to_end(&mut rest);
        told.store(true, Ordering::Relaxed);
    });
    is_over
}

/// So many a second, and no burst after a pause.
struct Pace {
    each: Duration,
    next: Instant,
}

impl Pace {
    fn new(per_second: u64) -> Self {
        Self { each: Duration::from_secs(1) / per_second.clamp(1, 1_000_000) as u32, next: Instant::now() }
    }

    fn wait(&mut self) {
        let now = Instant::now();
        self.next = self.next.max(now.checked_sub(Duration::from_millis(5)).unwrap_or(now)) + self.each;
        // Not for each record: sleeps are coarse.
        let early = self.next.saturating_duration_since(now);
        if early > Duration::from_millis(5) {
            std::thread::sleep(early);
        }
    }
}
