//! How long a partition is silent when its leader is killed: one record every few milliseconds, each outcome taken by a callback,
//! so that nothing but the partition itself is measured. Two of them: the default, whose acknowledgement takes the new leader's
//! followers too (they may sleep off `replica.fetch.backoff.ms`, a second, before they ask it), and `acks=1`, which the new
//! leader gives alone: what the producer itself makes of an election.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use kp_producer::blocking::Producer;
use kp_producer::{ProducerConfig, ProducerRecord, SendErrorKind};

use crate::{Failure, PROBE};

const APART: Duration = Duration::from_millis(5);

/// A producer of its own, with default settings but for `linger.ms=0` and `acks`.
#[derive(Debug)]
pub(crate) struct Probe {
    producer: Producer,
    acks: Arc<Mutex<Vec<Instant>>>,
}

impl Probe {
    pub(crate) fn new(base: &ProducerConfig, acks: &str) -> Result<Self, Failure> {
        let mut config = base.clone();
        config.set("acks", acks)?;
        config.set("linger.ms", "0")?;
        Ok(Self { producer: Producer::new(config)?, acks: Arc::default() })
    }

    /// Sends to one partition until `is_over`, and answers when each acknowledgement came.
    pub(crate) fn acks_of(&self, partition: i32, is_over: &AtomicBool) -> Result<Vec<Instant>, Failure> {
        self.acks.lock().unwrap_or_else(PoisonError::into_inner).clear();
        while !is_over.load(Ordering::Relaxed) {
            let acks = Arc::clone(&self.acks);
            let record = ProducerRecord::to(PROBE).partition(partition).value("probe");
            let sent = self.producer.send_with(record, move |outcome| {
                if outcome.is_ok() {
                    acks.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
                }
            });
            match sent {
                // Its silence is not measured then: it is not the partition's.
                Err(error) if !matches!(error.kind(), SendErrorKind::Security(_)) => return Err(error.into()),
                Ok(()) | Err(_) => {}
            }
            std::thread::sleep(APART);
        }
        self.producer.flush()?;
        Ok(std::mem::take(&mut *self.acks.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}
