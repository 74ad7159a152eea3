//! kp under load: the same arguments and the same line of results as the peers' programs.

#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "benchmarks read the real clock")]

use clap::Parser;
use kp_benches::transactions::in_transactions;
use kp_benches::{Args, Outcomes, Pacer, histogram, key, payloads, report};
use kp_producer::blocking::Producer;
use kp_producer::{Delivered, Deliveries, Delivery, ProducerConfig, ProducerRecord};
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions};
use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let mut args = Args::parse();
    let _double = embedded_broker(&mut args)?;
    if args.txn > 0 {
        let (took, outcomes) = in_transactions(&args, config(&args)?)?;
        report("kp", &args, took, &outcomes);
        return Ok(());
    }
    if args.mode == "tasks" {
        return in_tasks(&args);
    }
    let told = Arc::new(Told::new());
    let listener = Arc::clone(&told);
    let builder = kp_producer::Producer::builder(config(&args)?)
        .on_delivery(move |token, report| listener.take(token, report.is_written()));
    #[cfg(feature = "tls-graviola")]
    let builder = if args.provider == "graviola" { builder.crypto_provider(graviola()) } else { builder };
    let producer = Producer::from(builder.build()?);
    // The topics are known before the clock starts.
    args.topic_names().iter().try_for_each(|topic| producer.partitions_for(topic).map(drop))?;
    let start = Instant::now();
    let mut outcomes = match args.mode.as_str() {
        "drop" => drop_deliveries(&args, &producer)?,
        "deliveries" => in_a_queue(&args, &producer)?,
        "channel" | "" => through_a_channel(&args, &producer)?,
        "closure" => a_closure_each(&args, &producer)?,
        "token" => by_token(&args, &producer, &told)?,
        "await" => await_each(&args, &producer)?,
        other => {
            return Err(format!(
                "unknown mode {other}: drop, deliveries, channel, closure, token, await, tasks"
            )
            .into());
        }
    };
    let took = start.elapsed();
    let closed = producer.close(Duration::from_secs(30))?;
    outcomes.failed += closed.undelivered;
    report("kp", &args, took, &outcomes);
    Ok(())
}

/// A broker double that keeps nothing, if asked for; it lives as long as what is returned.
fn embedded_broker(args: &mut Args) -> Result<Option<EmbeddedBroker>, Failure> {
    if !args.embedded {
        return Ok(None);
    }
    let options =
        EmbeddedOptions::new().with_default_partitions(6).with_retain(false).with_check_records(false);
    let broker = EmbeddedBroker::start(options)?;
    args.bootstrap = broker.bootstrap();
    Ok(Some(broker))
}

fn config(args: &Args) -> Result<ProducerConfig, Failure> {
    let pairs = [
        ("bootstrap.servers", args.bootstrap.clone()),
        ("acks", args.acks.clone()),
        ("linger.ms", args.linger.to_string()),
        ("batch.size", args.batch.to_string()),
        ("buffer.memory", args.buffer.to_string()),
        ("compression.type", args.compression.clone()),
    ];
    let mut config = ProducerConfig::from_map(pairs)?;
    if let Some(certificate) = &args.tls {
        config.set("security.protocol", "SSL")?;
        config.set("ssl.truststore.type", "PEM")?;
        config.set("ssl.truststore.location", certificate.display().to_string())?;
    }
    if args.idempotence {
        config.set("enable.idempotence", "true")?;
    }
    Ok(config)
}

#[cfg(feature = "tls-graviola")]
fn graviola() -> Arc<kp_producer::rustls::crypto::CryptoProvider> {
    Arc::new(rustls_graviola::default_provider())
}

/// Sends every record of the run, from as many threads as asked; `send` is told each record's number.
fn send_all(
    args: &Args,
    producer: &Producer,
    send: impl Fn(u64, &Producer, ProducerRecord<'_>) -> Result<(), Failure> + Sync,
) -> Result<(), Failure> {
    let values = payloads(args.size);
    let topics = args.topic_names();
    let threads = args.threads.max(1);
    let pacer = Pacer::new(args);
    let run = |thread: u64| -> Result<(), Failure> {
        for number in (thread..args.records).step_by(threads as usize) {
            pacer.wait(number);
            let value = &values[(number & 1023) as usize];
            let key = key(number, args.keys);
            let topic =
                if topics.len() > 1 { &topics[(number % topics.len() as u64) as usize] } else { &topics[0] };
            let mut record = ProducerRecord::to(topic).value(value);
            if args.keys > 0 {
                record = record.key(&key);
            }
            send(number, producer, record)?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (1..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        run(0)?;
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().unwrap_or_else(|_| Err("a thread panicked".into())))
    })
}

/// Deliveries are dropped; the outcomes are counted through one delivery per thousand records and the flush.
fn drop_deliveries(args: &Args, producer: &Producer) -> Result<Outcomes, Failure> {
    let sample = Mutex::new(Vec::<Delivery>::new());
    send_all(args, producer, |number, producer, record| {
        let delivery = producer.send(record)?;
        if number.is_multiple_of(1000) {
            sample.lock().map_err(|_| "poisoned")?.push(delivery);
        }
        Ok(())
    })?;
    producer.flush()?;
    let failed = producer.failed_records();
    let sampled = sample.into_inner()?.iter().filter(|delivery| delivery.try_result().is_none()).count();
    if sampled > 0 {
        return Err(format!("{sampled} deliveries have no outcome after the flush").into());
    }
    Ok(Outcomes { ok: args.records - failed, failed, ..Outcomes::none() })
}

/// Every outcome is taken on the thread that sends, from a queue that is looked at every 256 records.
fn in_a_queue(args: &Args, producer: &Producer) -> Result<Outcomes, Failure> {
    let all = Mutex::new(Outcomes::none());
    let take = |outcomes: &mut (u64, u64), done: Delivered| {
        let records = done.records() as u64;
        if done.is_written() { outcomes.0 += records } else { outcomes.1 += records }
    };
    thread_local! {
        static QUEUE: RefCell<(Deliveries, (u64, u64))> = RefCell::default();
    }
    let finish = || -> Result<(), Failure> {
        QUEUE.with_borrow_mut(|(queue, outcomes)| {
            while let Ok(Some(done)) = queue.wait_next() {
                take(outcomes, done);
            }
            let mut all = all.lock().map_err(|_| "poisoned")?;
            (all.ok, all.failed) = (all.ok + outcomes.0, all.failed + outcomes.1);
            Ok(())
        })
    };
    let last = args.records.saturating_sub(args.threads.max(1));
    send_all(args, producer, |number, producer, record| {
        QUEUE.with_borrow_mut(|(queue, outcomes)| {
            queue.push(producer.send(record)?);
            if number % 256 == 0 {
                while let Some(done) = queue.try_next() {
                    take(outcomes, done);
                }
            }
            Ok::<(), Failure>(())
        })?;
        if number >= last { finish() } else { Ok(()) }
    })?;
    Ok(all.into_inner()?)
}

fn through_a_channel(args: &Args, producer: &Producer) -> Result<Outcomes, Failure> {
    let measure = !args.no_latency;
    let (give, take) = mpsc::sync_channel::<(Option<Instant>, Delivery)>(100_000);
    let counting = std::thread::spawn(move || {
        let mut outcomes = Outcomes::none();
        for (at, delivery) in take {
            match delivery.wait() {
                Ok(_) => outcomes.ok += 1,
                Err(_) => outcomes.failed += 1,
            }
            if let Some(at) = at {
                outcomes.latency.saturating_record((at.elapsed().as_micros() as u64).max(1));
            }
        }
        outcomes
    });
    send_all(args, producer, |_, producer, record| {
        let at = measure.then(Instant::now);
        Ok(give.send((at, producer.send(record)?))?)
    })?;
    drop(give);
    counting.join().map_err(|_| "the counting thread panicked".into())
}

fn a_closure_each(args: &Args, producer: &Producer) -> Result<Outcomes, Failure> {
    let measure = !args.no_latency;
    let (ok, failed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let latency = Arc::new(Mutex::new(histogram()));
    send_all(args, producer, |_, producer, record| {
        let at = measure.then(Instant::now);
        let (ok, failed, latency) = (Arc::clone(&ok), Arc::clone(&failed), Arc::clone(&latency));
        Ok(producer.send_with(record, move |result| {
            let counter = if result.is_ok() { ok } else { failed };
            counter.fetch_add(1, Ordering::Relaxed);
            if let (Some(at), Ok(mut latency)) = (at, latency.lock()) {
                latency.saturating_record((at.elapsed().as_micros() as u64).max(1));
            }
        })?)
    })?;
    producer.flush()?;
    let latency = latency.lock().map_err(|_| "poisoned")?.clone();
    Ok(Outcomes {
        ok: ok.load(Ordering::Relaxed),
        failed: failed.load(Ordering::Relaxed),
        latency,
        commits: 0,
    })
}

/// What the listener of the whole producer has been told.
struct Told {
    start: Instant,
    ok: AtomicU64,
    failed: AtomicU64,
    latency: Mutex<hdrhistogram::Histogram<u64>>,
}

impl Told {
    fn new() -> Self {
        let (ok, failed) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { start: Instant::now(), ok, failed, latency: Mutex::new(histogram()) }
    }

    /// The token is the moment of sending in nanoseconds since the start, or 0 if it is not measured.
    fn take(&self, token: u64, is_written: bool) {
        let counter = if is_written { &self.ok } else { &self.failed };
        counter.fetch_add(1, Ordering::Relaxed);
        if token > 0
            && let Ok(mut latency) = self.latency.lock()
        {
            let now = self.start.elapsed().as_nanos() as u64;
            latency.saturating_record((now.saturating_sub(token) / 1000).max(1));
        }
    }
}

/// Every outcome is told to the producer's listener.
fn by_token(args: &Args, producer: &Producer, told: &Told) -> Result<Outcomes, Failure> {
    let measure = !args.no_latency;
    send_all(args, producer, |_, producer, record| {
        let token = if measure { told.start.elapsed().as_nanos() as u64 } else { 0 };
        Ok(producer.send_tagged(record, token)?)
    })?;
    producer.flush()?;
    let latency = told.latency.lock().map_err(|_| "poisoned")?.clone();
    Ok(Outcomes {
        ok: told.ok.load(Ordering::Relaxed),
        failed: told.failed.load(Ordering::Relaxed),
        latency,
        commits: 0,
    })
}

/// One record at a time: what a round trip costs.
fn await_each(args: &Args, producer: &Producer) -> Result<Outcomes, Failure> {
    let (ok, failed) = (AtomicU64::new(0), AtomicU64::new(0));
    let latency = Mutex::new(histogram());
    send_all(args, producer, |_, producer, record| {
        let at = Instant::now();
        let counter = if producer.send(record)?.wait().is_ok() { &ok } else { &failed };
        counter.fetch_add(1, Ordering::Relaxed);
        let mut latency = latency.lock().map_err(|_| "poisoned")?;
        latency.saturating_record((at.elapsed().as_micros() as u64).max(1));
        Ok(())
    })?;
    Ok(Outcomes {
        ok: ok.into_inner(),
        failed: failed.into_inner(),
        latency: latency.into_inner()?,
        commits: 0,
    })
}

/// Many tasks at once, each awaiting the outcome of its record before it sends the next.
fn in_tasks(args: &Args) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
    let producer = Arc::new(kp_producer::Producer::builder(config(args)?).build()?);
    let topics: Arc<[String]> = args.topic_names().into();
    let values = Arc::new(payloads(args.size));
    let outcomes = runtime.block_on(async {
        for topic in topics.iter() {
            producer.partitions_for(topic).await?;
        }
        let start = Instant::now();
        let tasks = args.tasks.max(1);
        let task = |first: u64| {
            let (producer, topics, values) =
                (Arc::clone(&producer), Arc::clone(&topics), Arc::clone(&values));
            let (records, keys, measure) = (args.records, args.keys, !args.no_latency);
            runtime.spawn(async move {
                let (mut ok, mut failed, mut latencies) = (0, 0, Vec::new());
                for number in (first..records).step_by(tasks as usize) {
                    let at = measure.then(Instant::now);
                    let key = key(number, keys);
                    let topic = &topics[(number % topics.len() as u64) as usize];
                    let mut record = ProducerRecord::to(topic).value(&values[(number & 1023) as usize]);
                    if keys > 0 {
                        record = record.key(&key);
                    }
                    match producer.send(record).await?.await {
                        Ok(_) => ok += 1,
                        Err(_) => failed += 1,
                    }
                    latencies.extend(at.map(|at| (at.elapsed().as_micros() as u64).max(1)));
                }
                Ok::<_, Failure>((ok, failed, latencies))
            })
        };
        let running: Vec<_> = (0..tasks).map(task).collect();
        let mut outcomes = Outcomes::none();
        for task in running {
            let (ok, failed, latencies) = task.await??;
            (outcomes.ok, outcomes.failed) = (outcomes.ok + ok, outcomes.failed + failed);
            latencies.into_iter().for_each(|latency| outcomes.latency.saturating_record(latency));
        }
        let took = start.elapsed();
        outcomes.failed += producer.close(Duration::from_secs(30)).await?.undelivered;
        Ok::<_, Failure>((took, outcomes))
    });
    let (took, outcomes) = outcomes?;
    report("kp", args, took, &outcomes);
    Ok(())
}
