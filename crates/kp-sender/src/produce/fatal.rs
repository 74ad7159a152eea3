//! Errors after which this producer can do nothing more: what is queued fails, what is under way ends by itself, and no
//! record is accepted (SN14, SN15).

use crate::Output;
use crate::cluster::KnownCluster;
use crate::context::Context;
use crate::ending::{Ending, Fatal};
use crate::idempotence::Idempotence;
use crate::retry::{Decision, Verdict};
use kp_accumulator::{BrokerError, FailureKind};
use kp_protocol::{BrokerId, ErrorCode};
use std::sync::Arc;

/// Whether this answer to Produce says that no other batch will fare better.
fn is_fatal(code: ErrorCode, numbers: &Idempotence) -> bool {
    match code {
        // Timed out or fenced: the coordinator is asked which (TC21).
        ErrorCode::PRODUCER_FENCED if numbers.transaction.is_transactional() => false,
        ErrorCode::CLUSTER_AUTHORIZATION_FAILED
        | ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        | ErrorCode::INVALID_PRODUCER_ID_MAPPING
        | ErrorCode::PRODUCER_FENCED => true,
        ErrorCode::UNSUPPORTED_VERSION => numbers.is_on(),
        _ => false,
    }
}

/// Takes note if this verdict is the end.
pub(super) fn note_fatal(
    cx: &mut Context<'_>,
    cluster: &KnownCluster,
    numbers: &Idempotence,
    broker: BrokerId,
    verdict: &Verdict,
) {
    let Verdict::Refused(refusal) = verdict else { return };
    if cx.ending.fatal().is_some() || !is_fatal(refusal.code, numbers) {
        return;
    }
    let name = cluster.name_of(broker);
    let words = match &refusal.message {
        Some(message) => format!("{name}: {message}"),
        None => format!("{name} has refused this producer"),
    };
    let last = BrokerError { code: refusal.code, message: Some(Arc::from(words)), broker: Some(broker) };
    cx.put(Output::Fatal { reason: Arc::from(last.to_string()) });
    cx.ending.end(Fatal { code: refusal.code, last });
}

/// Nothing is sent again once that is of no use. What never left goes back to its queue, and fails there with the producer.
pub(super) fn after_the_fatal_error(ending: &Ending, decision: Decision, verdict: &Verdict) -> Decision {
    let goes_on = matches!(decision, Decision::Again { .. } | Decision::Renumber { .. } | Decision::Split);
    if ending.fatal().is_none() || !goes_on {
        return decision;
    }
    match verdict {
        Verdict::Refused(refusal) => Decision::Fail(FailureKind::Refused(refusal.code)),
        Verdict::Lost { .. } => Decision::Fail(FailureKind::Disconnected),
        Verdict::Acknowledged { .. } | Verdict::NotSent => decision,
    }
}
