//! Faults that a test plans: what goes wrong, how often. Owned by the cluster, taken up by the request it strikes.
//! Deterministic: the oldest planned fault that fits a request is used first.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use kp_protocol::{ApiKey, BrokerId, ErrorCode, TopicName, TopicPartition};

/// One thing that goes wrong. Planned with [`SimCluster::inject`](crate::SimCluster::inject).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The connection closes when a request of this API arrives.
    Close {
        /// The API it strikes.
        api: ApiKey,
        /// Whether the request is carried out first, so that only its answer is lost.
        carried_out: bool,
    },
    /// The connection stays open, but from this request on nothing is read or answered on it.
    Stall {
        /// The API it strikes.
        api: ApiKey,
        /// Whether the request is carried out first.
        carried_out: bool,
    },
    /// The answer asks the client to stay quiet (KIP-219); the broker does not slow down itself.
    Throttle {
        /// The API it strikes.
        api: ApiKey,
        /// For how many milliseconds.
        throttle_time_ms: i32,
    },
    /// A batch is refused with this code and not appended.
    RefuseBatch {
        /// Where; `None` for any partition.
        partition: Option<TopicPartition>,
        /// The answer.
        code: ErrorCode,
    },
    /// A batch is appended and all the same answered with this code (7 and 20 are what real brokers answer so).
    AppendThenRefuse {
        /// Where; `None` for any partition.
        partition: Option<TopicPartition>,
        /// The answer.
        code: ErrorCode,
    },
    /// A Metadata answer says this about a topic.
    RefuseTopic {
        /// The topic.
        topic: TopicName,
        /// The answer.
        code: ErrorCode,
    },
    /// SASL goes wrong.
    Sasl(SaslFault),
    /// A request is kept for a while: its connection closes, and it is carried out when its client has long given up.
    Late {
        /// The API it strikes.
        api: ApiKey,
        /// How much later it is carried out.
        after: Duration,
    },
    /// The markers of a decided transaction are written this much later, in place of the cluster's own delay.
    MarkerDelay(Duration),
    /// The coordinator of a request's transactional id, or of its group, moves to another broker, and the request is answered NOT_COORDINATOR.
    CoordinatorMoves {
        /// The API it strikes: InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn or TxnOffsetCommit.
        api: ApiKey,
        /// Whether the request is carried out first, as when only its answer came too late.
        carried_out: bool,
    },
    /// A request of a coordinator is answered with this code (14, 15, 16, 51), and not carried out.
    AnswerInstead {
        /// The API it strikes: FindCoordinator, InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, TxnOffsetCommit or OffsetFetch.
        api: ApiKey,
        /// The answer.
        code: ErrorCode,
    },
    /// An InitProducerId request is answered with this code (14 is what a fresh cluster answers).
    RefuseProducerId {
        /// The answer.
        code: ErrorCode,
    },
}

/// One thing that goes wrong while a connection is authenticated. A broker that says nothing is
/// [`Fault::Stall`] of SaslHandshake or SaslAuthenticate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SaslFault {
    /// SaslHandshake is answered with this code and this list; the connection closes behind it.
    RefuseHandshake {
        /// The answer.
        code: ErrorCode,
        /// The mechanisms that it lists.
        mechanisms: Vec<String>,
    },
    /// A token is refused at once, whatever it is worth.
    RefuseToken {
        /// The words of the answer.
        message: Option<String>,
    },
    /// The same of tokens that one broker is shown.
    RefuseTokensAt {
        /// The broker.
        broker: BrokerId,
        /// The words of the answer.
        message: Option<String>,
    },
    /// A token that is not refused is answered with these bytes in place of the broker's own.
    Answer {
        /// Which token of an exchange; the first has the number 1.
        number: u32,
        /// The bytes.
        bytes: Bytes,
    },
    /// The first answer of SCRAM asks for this number of iterations, all else being as it is.
    Iterations {
        /// The number.
        asked: i64,
    },
    /// The lifetime that the last answer of an exchange tells; when the broker ends the session does not change.
    Lifetime {
        /// In milliseconds.
        millis: i64,
    },
}

/// What becomes of the connection that a struck request came on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strike {
    pub(crate) close: bool,
    pub(crate) carried_out: bool,
}

/// The planned faults, oldest first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    planned: VecDeque<(Fault, u32)>,
}

impl Faults {
    pub(crate) fn plan(&mut self, fault: Fault, times: u32) {
        if times > 0 {
            self.planned.push_back((fault, times));
        }
    }

    pub(crate) fn clear(&mut self) {
        self.planned.clear();
    }

    /// How many strikes are still to come.
    pub(crate) fn left(&self) -> u64 {
        self.planned.iter().map(|(_, times)| u64::from(*times)).sum()
    }

    pub(crate) fn strike(&mut self, struck: ApiKey) -> Option<Strike> {
        self.take(|fault| match fault {
            Fault::Close { api, carried_out } if *api == struck => {
                Some(Strike { close: true, carried_out: *carried_out })
            }
            Fault::Stall { api, carried_out } if *api == struck => {
                Some(Strike { close: false, carried_out: *carried_out })
            }
            _ => None,
        })
    }

    pub(crate) fn throttle(&mut self, struck: ApiKey) -> i32 {
        let throttle = self.take(|fault| match fault {
            Fault::Throttle { api, throttle_time_ms } if *api == struck => Some(*throttle_time_ms),
            _ => None,
        });
        throttle.unwrap_or(0)
    }

    /// The code for a batch, and whether it is appended all the same.
    pub(crate) fn batch(&mut self, topic: &TopicName, index: i32) -> Option<(ErrorCode, bool)> {
        let fits = |partition: &Option<TopicPartition>| {
            partition.as_ref().is_none_or(|at| at.topic == *topic && at.partition.0 == index)
        };
        self.take(|fault| match fault {
            Fault::RefuseBatch { partition, code } if fits(partition) => Some((*code, false)),
            Fault::AppendThenRefuse { partition, code } if fits(partition) => Some((*code, true)),
            _ => None,
        })
    }

    pub(crate) fn topic(&mut self, name: &str) -> Option<ErrorCode> {
        self.take(|fault| match fault {
            Fault::RefuseTopic { topic, code } if topic.as_str() == name => Some(*code),
            _ => None,
        })
    }

    pub(crate) fn producer_id(&mut self) -> Option<ErrorCode> {
        self.take(|fault| match fault {
            Fault::RefuseProducerId { code } => Some(*code),
            _ => None,
        })
    }

    pub(crate) fn late(&mut self, struck: ApiKey) -> Option<Duration> {
        self.take(|fault| match fault {
            Fault::Late { api, after } if *api == struck => Some(*after),
            _ => None,
        })
    }

    pub(crate) fn marker_delay(&mut self) -> Option<Duration> {
        self.take(|fault| match fault {
            Fault::MarkerDelay(delay) => Some(*delay),
            _ => None,
        })
    }

    /// Whether the request is carried out before the coordinator moves.
    pub(crate) fn coordinator_moves(&mut self, struck: ApiKey) -> Option<bool> {
        self.take(|fault| match fault {
            Fault::CoordinatorMoves { api, carried_out } if *api == struck => Some(*carried_out),
            _ => None,
        })
    }

    pub(crate) fn answer_instead(&mut self, struck: ApiKey) -> Option<ErrorCode> {
        self.take(|fault| match fault {
            Fault::AnswerInstead { api, code } if *api == struck => Some(*code),
            _ => None,
        })
    }

    /// Something that goes wrong in SASL, if `fits` says that it does so here.
    pub(crate) fn sasl<T>(&mut self, fits: impl Fn(&SaslFault) -> Option<T>) -> Option<T> {
        self.take(|fault| match fault {
            Fault::Sasl(fault) => fits(fault),
            _ => None,
        })
    }

    fn take<T>(&mut self, fits: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        let (place, found) =
            self.planned.iter().enumerate().find_map(|(place, (fault, _))| Some((place, fits(fault)?)))?;
        let times = &mut self.planned[place].1;
        // u32::MAX stands for "until cleared".
        if *times != u32::MAX {
            *times -= 1;
        }
        if *times == 0 {
            self.planned.remove(place);
        }
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_as_often_as_planned_and_only_where_it_fits() {
        let mut faults = Faults::default();
        let (topic, other) = (TopicName::new("a"), TopicName::new("b"));
        let partition = Some(TopicPartition::new("a", 1));
        faults.plan(Fault::RefuseBatch { partition, code: ErrorCode(7) }, 2);
        faults.plan(Fault::AppendThenRefuse { partition: None, code: ErrorCode(20) }, 1);
        assert_eq!(faults.left(), 3);
        assert_eq!(faults.batch(&topic, 1), Some((ErrorCode(7), false)));
        assert_eq!(faults.batch(&other, 1), Some((ErrorCode(20), true)));
        assert_eq!(faults.batch(&topic, 0), None);
        assert_eq!(faults.batch(&topic, 1), Some((ErrorCode(7), false)));
        assert_eq!(faults.batch(&topic, 1), None);
        assert_eq!(
            (faults.left(), faults.throttle(ApiKey::Produce), faults.strike(ApiKey::Produce)),
            (0, 0, None)
        );
    }

    #[test]
    fn a_fault_planned_without_end_lasts_until_cleared() {
        let mut faults = Faults::default();
        faults.plan(Fault::Throttle { api: ApiKey::Produce, throttle_time_ms: 5 }, u32::MAX);
        assert!((0..100).all(|_| faults.throttle(ApiKey::Produce) == 5));
        faults.clear();
        assert_eq!(faults.throttle(ApiKey::Produce), 0);
    }
}
