//! librdkafka through the rdkafka crate: a thread of its own takes the delivery reports. `--mode tasks`: many tasks, each
//! awaiting the future of its record.

#![forbid(unsafe_code)]

use clap::Parser;
use kp_benches::{Args, Outcomes, Pacer, histogram, key, payloads, report};
use rdkafka::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{
    BaseRecord, FutureProducer, FutureRecord, Producer, ProducerContext, ThreadedProducer,
};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long a full queue is left alone before the next try.
const WHEN_FULL: Duration = Duration::from_micros(100);

struct Reports {
    outcomes: Mutex<Outcomes>,
    /// Not while the topics are being found.
    counts: AtomicBool,
}

struct Context {
    reports: Arc<Reports>,
    epoch: Instant,
    measure: bool,
}

impl ClientContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<u64>;

    fn delivery(&self, result: &DeliveryResult<'_>, sent: Box<u64>) {
        if !self.reports.counts.load(Ordering::Acquire) {
            return;
        }
        let mut outcomes = self.reports.outcomes.lock().unwrap_or_else(PoisonError::into_inner);
        if result.is_ok() {
            outcomes.ok += 1
        } else {
            outcomes.failed += 1
        }
        if self.measure {
            let now = self.epoch.elapsed().as_micros() as u64;
            outcomes.latency.saturating_record((now - *sent).max(1));
        }
    }
}

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &args.bootstrap)
        .set("acks", &args.acks)
        .set("linger.ms", args.linger.to_string())
        .set("batch.size", args.batch.to_string())
        .set("compression.type", &args.compression)
        .set("enable.idempotence", args.idempotence.to_string())
        .set("queue.buffering.max.messages", "400000")
        .set("queue.buffering.max.kbytes", (args.buffer >> 10).to_string());
    if let Some(certificate) = &args.tls {
        config.set("security.protocol", "ssl").set("ssl.ca.location", certificate.display().to_string());
    }
    if args.txn > 0 {
        return in_transactions(&args, &mut config);
    }
    if args.mode == "tasks" { tasks(&args, &config) } else { callbacks(&args, &config) }
}

fn callbacks(args: &Args, config: &ClientConfig) -> Result<(), Failure> {
    let (values, topics) = (payloads(args.size), args.topic_names());
    let outcomes = Mutex::new(Outcomes::none());
    let reports = Arc::new(Reports { outcomes, counts: AtomicBool::new(false) });
    let (epoch, measure) = (Instant::now(), !args.no_latency);
    let producer: ThreadedProducer<Context> =
        config.create_with_context(Context { reports: Arc::clone(&reports), epoch, measure })?;
    let send = |number: u64| -> Result<(), Failure> {
        let key = key(number, args.keys);
        let sent = if measure { epoch.elapsed().as_micros() as u64 } else { 0 };
        let topic = &topics[(number % topics.len() as u64) as usize];
        let mut record =
            BaseRecord::with_opaque_to(topic, Box::new(sent)).payload(&values[(number & 1023) as usize][..]);
        if args.keys > 0 {
            record = record.key(&key[..]);
        }
        while let Err((error, back)) = producer.send(record) {
            if !matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) {
                return Err(error.into());
            }
            record = back;
            std::thread::sleep(WHEN_FULL);
        }
        Ok(())
    };
    // The topics are known before the clock starts; asked for one by one, a thousand would take minutes.
    if topics.len() > 1 {
        producer.client().fetch_metadata(None, Duration::from_secs(60))?;
    }
    (0..topics.len() as u64).try_for_each(send)?;
    producer.flush(Duration::from_secs(120))?;
    reports.counts.store(true, Ordering::Release);
    let start = Instant::now();
    let pacer = Pacer::new(args);
    let threads = args.threads.max(1);
    let run = |thread: u64| {
        (thread..args.records).step_by(threads as usize).try_for_each(|number| {
            pacer.wait(number);
            send(number)
        })
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        run(0)?;
        others
            .into_iter()
            .try_for_each(|other| other.join().unwrap_or_else(|_| Err("a thread panicked".into())))
    })?;
    producer.flush(Duration::from_secs(120))?;
    loop {
        let outcomes = reports.outcomes.lock().map_err(|_| "poisoned")?;
        if outcomes.ok + outcomes.failed >= args.records {
            report("librdkafka", args, start.elapsed(), &outcomes);
            return Ok(());
        }
        drop(outcomes);
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// As its example of transactions does: records are produced, and commit_transaction flushes them.
fn in_transactions(args: &Args, config: &mut ClientConfig) -> Result<(), Failure> {
    config.set("transactional.id", format!("librdkafka-{}", std::process::id()));
    let reports =
        Arc::new(Reports { outcomes: Mutex::new(Outcomes::none()), counts: AtomicBool::new(false) });
    let context = Context { reports: Arc::clone(&reports), epoch: Instant::now(), measure: false };
    let producer: ThreadedProducer<Context> = config.create_with_context(context)?;
    let (values, within) = (payloads(args.size), Duration::from_secs(60));
    producer.init_transactions(within)?;
    let one = |first: u64, count: u64| -> Result<Duration, Failure> {
        producer.begin_transaction()?;
        for number in first..first + count {
            let value = &values[(number & 1023) as usize][..];
            let mut record: BaseRecord<'_, [u8], [u8], Box<u64>> =
                BaseRecord::with_opaque_to(&args.topic, Box::new(0)).payload(value);
            while let Err((error, back)) = producer.send(record) {
                if !matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) {
                    return Err(error.into());
                }
                record = back;
                std::thread::sleep(WHEN_FULL);
            }
        }
        let at = Instant::now();
        producer.commit_transaction(within)?;
        Ok(at.elapsed())
    };
    // The topic and the producer id are known before the clock starts.
    one(0, 1)?;
    reports.counts.store(true, Ordering::Release);
    let (start, mut latency, mut commits, mut sent) = (Instant::now(), histogram(), 0, 0);
    while sent < args.records {
        let took = one(sent, args.txn.min(args.records - sent))?;
        latency.saturating_record((took.as_micros() as u64).max(1));
        (commits, sent) = (commits + 1, sent + args.txn);
    }
    let took = start.elapsed();
    let told = reports.outcomes.lock().map_err(|_| "poisoned")?.clone();
    report("librdkafka", args, took, &Outcomes { latency, commits, ..told });
    Ok(())
}

fn tasks(args: &Args, config: &ClientConfig) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (values, topics) = (Arc::new(payloads(args.size)), Arc::new(args.topic_names()));
    runtime.block_on(async {
        let producer: FutureProducer = config.create()?;
        for topic in topics.iter() {
            let record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(topic).payload(&values[0][..]);
            producer.send(record, Duration::from_secs(60)).await.map_err(|(error, _)| error)?;
        }
        let start = Instant::now();
        let tasks = args.tasks.max(1);
        let task = |first: u64| {
            let (producer, values, topics) = (producer.clone(), Arc::clone(&values), Arc::clone(&topics));
            let (records, keys, measure) = (args.records, args.keys, !args.no_latency);
            tokio::spawn(async move {
                let (mut ok, mut failed, mut latencies) = (0, 0, Vec::new());
                for number in (first..records).step_by(tasks as usize) {
                    let at = measure.then(Instant::now);
                    let key = key(number, keys);
                    let topic = &topics[(number % topics.len() as u64) as usize];
                    let mut record: FutureRecord<'_, [u8], [u8]> =
                        FutureRecord::to(topic).payload(&values[(number & 1023) as usize][..]);
                    if keys > 0 {
                        record = record.key(&key[..]);
                    }
                    match producer.send(record, Duration::from_secs(60)).await {
                        Ok(_) => ok += 1,
                        Err(_) => failed += 1,
                    }
                    latencies.extend(at.map(|at| (at.elapsed().as_micros() as u64).max(1)));
                }
                (ok, failed, latencies)
            })
        };
        let running: Vec<_> = (0..tasks).map(task).collect();
        let mut outcomes = Outcomes::none();
        for task in running {
            let (ok, failed, latencies): (u64, u64, Vec<u64>) = task.await?;
            (outcomes.ok, outcomes.failed) = (outcomes.ok + ok, outcomes.failed + failed);
            latencies.into_iter().for_each(|latency| outcomes.latency.saturating_record(latency));
        }
        report("librdkafka", args, start.elapsed(), &outcomes);
        Ok(())
    })
}
