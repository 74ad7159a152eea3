//! Errors after which this producer can do nothing more: what is queued fails, what is under way ends by itself, and no
//! record is accepted (SN14, SN15).

use crate::retry::{Decision, Verdict};
use crate::{Output, SenderCore};
use kp_accumulator::{BrokerError, FailureKind};
use kp_protocol::{BrokerId, ErrorCode};
use std::sync::Arc;
use std::time::Instant;

/// What ended the producer.
#[derive(Clone, Debug)]
pub(crate) struct Fatal {
    code: ErrorCode,
    last: BrokerError,
}

/// Whether this answer to Produce says that no other batch will fare better.
fn is_fatal(code: ErrorCode, is_numbered: bool) -> bool {
    match code {
        ErrorCode::CLUSTER_AUTHORIZATION_FAILED
        | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        | ErrorCode::INVALID_PRODUCER_ID_MAPPING
        | ErrorCode::PRODUCER_FENCED => true,
        ErrorCode::UNSUPPORTED_VERSION => is_numbered,
        _ => false,
    }
}

impl SenderCore {
    /// Whether batches still go out.
    pub(crate) fn may_send(&self) -> bool {
        self.shutdown.may_send() && self.fatal.is_none()
    }

    /// What ended the producer, in words.
    pub(crate) fn fatal_reason(&self) -> Option<Arc<str>> {
        self.fatal.as_ref().map(|fatal| Arc::from(fatal.last.to_string()))
    }

    /// Whether a batch that fails like this fails with the producer. A refused producer id is none: it is asked for again (ID2).
    pub(crate) fn is_fatal_failure(&self, kind: FailureKind) -> bool {
        self.fatal.as_ref().is_some_and(|fatal| kind == FailureKind::Refused(fatal.code))
    }

    /// Takes note if this verdict is the end.
    pub(crate) fn note_fatal(&mut self, broker: BrokerId, verdict: &Verdict) {
        let Verdict::Refused(refusal) = verdict else { return };
        if self.fatal.is_some() || !is_fatal(refusal.code, self.idempotence.is_on()) {
            return;
        }
        let address = self.address_of(broker);
        let words = match &refusal.message {
            Some(message) => format!("broker {broker} ({address}): {message}"),
            None => format!("broker {broker} ({address}) has refused this producer"),
        };
        let last = BrokerError { code: refusal.code, message: Some(Arc::from(words)), broker: Some(broker) };
        self.put(Output::Fatal { reason: Arc::from(last.to_string()) });
        self.fatal = Some(Fatal { code: refusal.code, last });
    }

    /// Nothing is sent again once that is of no use.
    pub(crate) fn after_the_fatal_error(&self, decision: Decision, verdict: &Verdict) -> Decision {
        match decision {
            Decision::Again { .. } | Decision::Renumber { .. } | Decision::Split if self.fatal.is_some() => {
                Decision::Fail(match verdict {
                    Verdict::Refused(refusal) => FailureKind::Refused(refusal.code),
                    Verdict::Acknowledged { .. } | Verdict::Lost { .. } | Verdict::NotSent => {
                        FailureKind::Disconnected
                    }
                })
            }
            decision => decision,
        }
    }

    /// Fails what is queued, also what compression gives back later.
    pub(crate) fn fail_what_is_queued_after_the_fatal_error(&mut self, now: Instant) {
        let Some(Fatal { code, last }) = self.fatal.clone() else { return };
        for mut batch in self.accumulator.take_undrained() {
            batch.remember_error(last.clone());
            self.fail_queued(now, batch, FailureKind::Refused(code));
        }
    }
}
