//! The listener for records that are sent with a token: none, a closure of the application, or the consumer of an
//! [`AckStream`](crate::AckStream). Told on the network thread, with no lock held.

use crate::outcome::acks::{AckQueue, AckSource};
use crate::outcome::delivery_report::DeliveryReport;
use kp_accumulator::RecordOutcome;

/// A closure of the application.
type Call = Box<dyn Fn(u64, DeliveryReport<'_>) + Send + Sync>;

/// The one listener of a producer.
#[derive(Default)]
pub(crate) enum Listener {
    /// Records with a token are refused.
    #[default]
    None,
    /// `ProducerBuilder::on_delivery`.
    Call(Call),
    /// `ProducerBuilder::acks`.
    Acks(AckSource),
}

impl Listener {
    /// Whether the outcome of a record with a token would be heard.
    pub(crate) fn listens(&self) -> bool {
        match self {
            Self::None => false,
            Self::Call(_) => true,
            Self::Acks(acks) => !acks.queue().is_abandoned(),
        }
    }

    /// Where outcomes wait to be taken, if they do.
    pub(crate) fn queue(&self) -> Option<&AckQueue> {
        match self {
            Self::Acks(acks) => Some(acks.queue()),
            Self::None | Self::Call(_) => None,
        }
    }

    /// What became of the record with that token.
    pub(crate) fn tell(&self, token: u64, outcome: RecordOutcome<'_>) {
        match self {
            Self::None => {}
            Self::Call(call) => call(token, DeliveryReport::new(outcome)),
            Self::Acks(acks) => acks.queue().put(token, outcome),
        }
    }

    /// No outcome comes any more.
    pub(crate) fn end(&self) {
        if let Self::Acks(acks) = self {
            acks.end();
        }
    }
}
