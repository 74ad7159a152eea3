//! krafka: records are enqueued by one task, and their handles awaited by a second. `--mode tasks`: by each of many tasks.

#![forbid(unsafe_code)]

use clap::Parser;
use kp_benches::{Args, Outcomes, Pacer, histogram, key, payloads, report};
use krafka::producer::{Acks, DeliveryHandle, TransactionalProducer};
use krafka::{Compression, Kafka, Record};
use std::sync::Arc;
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(run(args))
}

async fn run(args: Args) -> Result<(), Failure> {
    if args.threads > 1 {
        return Err("krafka's program has one sending task".into());
    }
    let kafka = Kafka::builder(args.bootstrap.clone()).allow_auto_create_topics(true).connect().await?;
    let acks = match args.acks.as_str() {
        "all" | "-1" => Acks::All,
        "0" => Acks::None,
        _ => Acks::Leader,
    };
    let compression = match args.compression.as_str() {
        "none" => None,
        "lz4" => Some(Compression::Lz4),
        "zstd" => Some(Compression::Zstd),
        other => return Err(format!("no codec {other} here").into()),
    };
    let mut builder = kafka
        .producer()
        .acks(acks)
        .linger(Duration::from_millis(args.linger))
        .batch_size(args.batch)
        .idempotent(args.idempotence)
        .buffer_memory(args.buffer);
    if let Some(compression) = compression {
        builder = builder.compression(compression);
    }
    if args.txn > 0 {
        let producer = builder.build_transactional(format!("krafka-{}", std::process::id())).await?;
        return in_transactions(&args, &producer).await;
    }
    let producer = Arc::new(builder.build().await?);
    let topics: Arc<[String]> = args.topic_names().into();
    let values: Arc<[bytes::Bytes]> = payloads(args.size).into_iter().map(Into::into).collect();
    let record = {
        let (topics, values, keys) = (Arc::clone(&topics), Arc::clone(&values), args.keys);
        move |number: u64| {
            let topic = topics[(number % topics.len() as u64) as usize].clone();
            let record = Record::new(topic, values[(number & 1023) as usize].clone());
            if keys > 0 { record.key(key(number, keys).to_vec()) } else { record }
        }
    };
    // The topics are known before the clock starts.
    for number in 0..topics.len() as u64 {
        let _metadata = producer.enqueue(record(number)).await?.await?;
    }
    let (records, measure) = (args.records, !args.no_latency);
    let start = Instant::now();
    let mut outcomes = Outcomes::none();
    if args.mode == "tasks" {
        let tasks = args.tasks.max(1);
        let running: Vec<_> = (0..tasks)
            .map(|first| {
                let (producer, record) = (Arc::clone(&producer), record.clone());
                tokio::spawn(async move {
                    let (mut done, mut latencies) = ((0, 0), Vec::new());
                    for number in (first..records).step_by(tasks as usize) {
                        let at = measure.then(Instant::now);
                        match producer.enqueue(record(number)).await?.await {
                            Ok(_) => done.0 += 1,
                            Err(_) => done.1 += 1,
                        }
                        latencies.extend(at.map(|at| (at.elapsed().as_micros() as u64).max(1)));
                    }
                    Ok::<_, Failure>((done, latencies))
                })
            })
            .collect();
        for task in running {
            let ((ok, failed), latencies) = task.await??;
            (outcomes.ok, outcomes.failed) = (outcomes.ok + ok, outcomes.failed + failed);
            latencies.into_iter().for_each(|latency| outcomes.latency.saturating_record(latency));
        }
    } else {
        let (give, mut take) = tokio::sync::mpsc::channel::<(Option<Instant>, DeliveryHandle)>(100_000);
        let counting = tokio::spawn(async move {
            while let Some((at, handle)) = take.recv().await {
                match handle.await {
                    Ok(_) => outcomes.ok += 1,
                    Err(_) => outcomes.failed += 1,
                }
                if let Some(at) = at {
                    outcomes.latency.saturating_record((at.elapsed().as_micros() as u64).max(1));
                }
            }
            outcomes
        });
        let pacer = Pacer::new(&args);
        for number in 0..records {
            if let Some(ahead) = pacer.ahead(number) {
                tokio::time::sleep(ahead).await;
            }
            let at = measure.then(Instant::now);
            give.send((at, producer.enqueue(record(number)).await?)).await?;
        }
        drop(give);
        outcomes = counting.await?;
    }
    let took = start.elapsed();
    producer.close().await?;
    report("krafka", &args, took, &outcomes);
    Ok(())
}

/// Records are enqueued; commit waits for what became of them.
async fn in_transactions(args: &Args, producer: &TransactionalProducer) -> Result<(), Failure> {
    let values: Vec<bytes::Bytes> = payloads(args.size).into_iter().map(Into::into).collect();
    let one = async |first: u64, count: u64| -> Result<Duration, Failure> {
        producer.begin()?;
        for number in first..first + count {
            let value = values[(number & 1023) as usize].clone();
            drop(producer.enqueue(Record::new(args.topic.clone(), value)).await?);
        }
        let at = Instant::now();
        producer.commit().await?;
        Ok(at.elapsed())
    };
    // The topic and the producer id are known before the clock starts.
    one(0, 1).await?;
    let (start, mut outcomes, mut latency, mut sent) = (Instant::now(), Outcomes::none(), histogram(), 0);
    while sent < args.records {
        let count = args.txn.min(args.records - sent);
        let took = one(sent, count).await?;
        latency.saturating_record((took.as_micros() as u64).max(1));
        (outcomes.ok, outcomes.commits, sent) = (outcomes.ok + count, outcomes.commits + 1, sent + count);
    }
    let took = start.elapsed();
    producer.close().await?;
    report("krafka", args, took, &Outcomes { latency, ..outcomes });
    Ok(())
}
