//! `kp-logins`: what logins cost those that are logged in already. The broker is a double in this process, so both take
//! their share of the same processors; each figure stands beside one of the same run without logins.

#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "benchmarks read the real clock")]

use clap::{Parser, Subcommand};
use hdrhistogram::Histogram;
use kp_benches::{histogram, memory_held};
use kp_producer::blocking::Producer;
use kp_producer::{MetricValue, ProducerConfig, ProducerRecord};
use kp_protocol::ApiKey;
use kp_sim::tcp::{EmbeddedBroker, EmbeddedOptions, EmbeddedTls};
use kp_sim::{Fault, SaslFault, SaslSettings, SimMechanism};
use rcgen::{CertificateParams, KeyPair};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The strongest that Kafka allows.
const ITERATIONS: u32 = 16_384;
const TOPIC: &str = "bench";
const PASSWORD: &str = "alice-secret";

/// What logins with SCRAM-SHA-512 and 16,384 iterations cost.
#[derive(Parser, Debug)]
struct Args {
    #[command(subcommand)]
    question: Question,
}

#[derive(Subcommand, Debug)]
enum Question {
    /// Whether the records of one broker wait while another one asks for login after login: latency without, with, and
    /// beside a thread that burns as much for nothing, in turn. Each of those logins asks for another number of iterations,
    /// so that no key is known beforehand.
    Others {
        /// How long each third of a round lasts.
        #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
        secs: u64,
        /// Records a second.
        #[arg(long, default_value_t = 2_000)]
        rate: u64,
        #[arg(long, default_value_t = 3)]
        rounds: u32,
        /// Milliseconds from the end of one login to the next.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        pause_ms: u64,
    },
    /// Whether connections that end leave memory behind: TLS and a login each time, at most so many a minute.
    Reconnects {
        /// How many are counted, after a quarter as many to warm up.
        #[arg(long, default_value_t = 1_000)]
        count: u64,
        #[arg(long, default_value_t = 1_000)]
        a_minute: u64,
    },
}

fn main() -> Result<(), Failure> {
    let mut out = std::io::stdout();
    match Args::parse().question {
        Question::Others { secs, rate, rounds, pause_ms } => {
            let load =
                Load { length: Duration::from_secs(secs), rate, pause: Duration::from_millis(pause_ms) };
            for (beside, latency, logins) in others(load, rounds)? {
                let a_second = logins as f64 / (f64::from(rounds) * secs as f64);
                writeln!(out, "{beside:?}: {}; {a_second:.1} logins a second", in_words(&latency))?;
            }
        }
        Question::Reconnects { count, a_minute } => reconnects(count, a_minute, &mut out)?,
    }
    Ok(())
}

fn scram(brokers: usize) -> EmbeddedOptions {
    let users = SaslSettings::new([SimMechanism::ScramSha512]).with_user("alice", PASSWORD);
    EmbeddedOptions::new()
        .with_brokers(brokers)
        .with_default_replication_factor(1)
        .with_retain(false)
        .with_sasl(users.with_iterations(ITERATIONS).with_failure_delay(Duration::ZERO))
}

fn producer(broker: &EmbeddedBroker, pause: Duration, more: &[(&str, &str)]) -> Result<Producer, Failure> {
    let pause = pause.as_millis().to_string();
    // The first broker alone: the other one is met when a record is for it.
    let bootstrap = broker.bootstrap().split(',').next().unwrap_or_default().to_owned();
    let login = format!(
        "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"alice\" password=\"{PASSWORD}\";"
    );
    let pairs = [
        ("bootstrap.servers", bootstrap.as_str()),
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "SCRAM-SHA-512"),
        ("sasl.jaas.config", login.as_str()),
        ("linger.ms", "0"),
        ("reconnect.backoff.ms", pause.as_str()),
        ("reconnect.backoff.max.ms", pause.as_str()),
        ("retry.backoff.ms", "10"),
        ("retry.backoff.max.ms", "10"),
    ];
    let mut config = ProducerConfig::default();
    for (key, value) in pairs.iter().chain(more) {
        config.set(key, *value)?;
    }
    Ok(Producer::builder(config).build()?)
}

/// What goes on beside the records whose latency is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    Nothing,
    /// Logins at the other broker.
    Logins,
    /// A thread that has nothing to do with the producer computes for as long as those logins do.
    Burning,
}

/// The records whose latency is measured.
#[derive(Clone, Copy, Debug)]
struct Load {
    length: Duration,
    /// Records a second.
    rate: u64,
    /// From the end of one login to the next.
    pause: Duration,
}

/// For each of the three: the latencies of all rounds, and how many logins there were.
fn others(load: Load, rounds: u32) -> Result<[(Beside, Histogram<u64>, u64); 3], Failure> {
    let broker = EmbeddedBroker::start(scram(2).with_default_partitions(2))?;
    let all = [Beside::Nothing, Beside::Logins, Beside::Burning];
    let mut measured = all.map(|beside| (beside, histogram(), 0));
    for _ in 0..rounds {
        for (beside, latency, logins) in &mut measured {
            *logins += match beside {
                Beside::Burning => {
                    burning(load.pause, || at_the_first(&broker, load, Beside::Burning, latency))?
                }
                other => at_the_first(&broker, load, *other, latency)?,
            };
        }
    }
    Ok(measured)
}

/// Does `work` while a thread computes for 14 ms, about as long as a login takes, and then pauses as long as it does.
fn burning<T>(pause: Duration, work: impl FnOnce() -> T) -> T {
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 1u64;
            while !ended.load(Ordering::Relaxed) {
                let start = Instant::now();
                while start.elapsed() < Duration::from_millis(14) {
                    number = std::hint::black_box(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
                }
                std::thread::sleep(pause);
            }
        });
        let done = work();
        ended.store(true, Ordering::Relaxed);
        done
    })
}

/// Sends to the first broker, and measures from the send to the outcome. How many logins there were at the second one.
fn at_the_first(
    broker: &EmbeddedBroker,
    load: Load,
    beside: Beside,
    into: &mut Histogram<u64>,
) -> Result<u64, Failure> {
    let producer = producer(broker, load.pause, &[])?;
    let partitions = producer.partitions_for(TOPIC)?;
    let led_by = |leader: i32| {
        let led = partitions.iter().find(|partition| partition.leader == Some(leader));
        led.map(|partition| partition.partition.0).ok_or("a broker leads nothing")
    };
    let (here, there) = (led_by(1)?, led_by(2)?);
    // The connection is there before the clock starts.
    producer.send(record(here))?.wait()?;
    let waiting = if beside == Beside::Logins {
        ask_for_other_iterations(broker, load.length);
        Some(producer.send(record(there))?)
    } else {
        None
    };
    let latency = Arc::new(Mutex::new(histogram()));
    send_in_time(&producer, load, here, &latency)?;
    let logins = count(&producer, "failed-authentication-total");
    broker.cluster().lock().clear_faults();
    if let Some(waiting) = waiting {
        // A login that fails keeps what was accepted.
        waiting.wait()?;
    }
    producer.flush()?;
    into.add(&*latency.lock().map_err(|_| "a callback panicked")?)?;
    close(&producer)?;
    Ok(logins)
}

fn record(partition: i32) -> ProducerRecord<'static> {
    ProducerRecord::to(TOPIC).partition(partition).value(&[7; 100])
}

/// Each login within `length` is asked for another number, and then refused, as the proof does not fit. No more than
/// there can be at that backoff: the double looks through all that is planned at each request, under its lock.
fn ask_for_other_iterations(broker: &EmbeddedBroker, length: Duration) {
    let mut cluster = broker.cluster().lock();
    for number in 0..64 * length.as_secs() as i64 {
        let asked = i64::from(ITERATIONS) - 1 - number;
        cluster.inject(Fault::Sasl(SaslFault::Iterations { asked }), 1);
    }
}

/// All records of a load, each in its time; its latency goes into `latency`.
fn send_in_time(
    producer: &Producer,
    load: Load,
    partition: i32,
    latency: &Arc<Mutex<Histogram<u64>>>,
) -> Result<(), Failure> {
    let start = Instant::now();
    for number in 0.. {
        let due = Duration::from_nanos(number * 1_000_000_000 / load.rate.max(1));
        if due > load.length {
            break;
        }
        std::thread::sleep(due.saturating_sub(start.elapsed()));
        let (at, told) = (Instant::now(), Arc::clone(latency));
        producer.send_with(record(partition), move |outcome| {
            if let (Ok(mut told), Ok(_)) = (told.lock(), outcome) {
                told.saturating_record((at.elapsed().as_micros() as u64).max(1));
            }
        })?;
    }
    Ok(())
}

fn close(producer: &Producer) -> Result<(), Failure> {
    match producer.close(Duration::from_secs(10))?.undelivered {
        0 => Ok(()),
        left => Err(format!("{left} records were not written").into()),
    }
}

/// Loses the connection again and again, by an answer that does not come.
fn reconnects(wanted: u64, a_minute: u64, out: &mut impl Write) -> Result<(), Failure> {
    let (tls, certificate) = tls()?;
    let trusted = std::env::temp_dir().join(format!("kp-logins-{}.pem", std::process::id()));
    std::fs::write(&trusted, certificate)?;
    let broker = EmbeddedBroker::start(scram(1).with_default_partitions(1).with_tls(tls))?;
    let location = trusted.display().to_string();
    let encrypted = [
        ("security.protocol", "SASL_SSL"),
        ("ssl.truststore.type", "PEM"),
        ("ssl.truststore.location", location.as_str()),
    ];
    let producer = producer(&broker, Duration::from_millis(20), &encrypted);
    let producer = producer.and_then(|producer| {
        producer.partitions_for(TOPIC)?;
        Ok(producer)
    });
    std::fs::remove_file(&trusted)?;
    let producer = producer?;
    let pace = Duration::from_secs(60) / u32::try_from(a_minute.max(1))?;
    let lose = |times: u64| -> Result<(), Failure> {
        let start = Instant::now();
        for number in 0..times {
            broker.cluster().lock().inject(Fault::Close { api: ApiKey::Produce, carried_out: true }, 1);
            producer.send(ProducerRecord::to(TOPIC).value(&[7; 100]))?.wait()?;
            let due = pace * u32::try_from(number + 1)?;
            std::thread::sleep(due.saturating_sub(start.elapsed()));
        }
        Ok(())
    };
    lose(wanted / 4)?;
    let (before, made, start) =
        (memory_held(), count(&producer, "connection-creation-total"), Instant::now());
    for quarter in 1..=4 {
        lose(wanted / 4)?;
        let grown = memory_held() as i64 - before as i64;
        let made = count(&producer, "connection-creation-total") - made;
        let secs = start.elapsed().as_secs_f64();
        writeln!(
            out,
            "quarter {quarter}: {made} connections in {secs:.1} s, memory {before} KiB {grown:+} KiB"
        )?;
    }
    close(&producer)
}

fn count(producer: &Producer, name: &str) -> u64 {
    match producer.metrics().get(name) {
        Some(MetricValue::Counter(count)) => count,
        _ => 0,
    }
}

fn in_words(latency: &Histogram<u64>) -> String {
    let ms = |quantile| latency.value_at_quantile(quantile) as f64 / 1000.0;
    let (records, half, most) = (latency.len(), ms(0.5), ms(0.99));
    format!("{records} records, p50 {half:.2} ms, p99 {most:.2} ms, p99.9 {:.2} ms", ms(0.999))
}

/// A certificate for this machine, and that certificate in PEM.
fn tls() -> Result<(EmbeddedTls, String), Failure> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.self_signed(&key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let pem = certificate.pem();
    Ok((EmbeddedTls::new(provider, pem.as_bytes(), key.serialize_pem().as_bytes())?, pem))
}
