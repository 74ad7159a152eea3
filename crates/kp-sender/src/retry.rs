//! Again, split or fail: one pure function over what came back, the attempts, and the time (KIP-91, KIP-580).
//! Owns nothing, changes nothing.
//!
//! What an acknowledgement means: with `acks=all` every in-sync replica has the batch; with `acks=1` the leader has
//! it, and loses it if it fails before a follower has fetched it; with `acks=0` the bytes were handed to the operating
//! system, and no more is known.

use crate::idempotence::sequences::Standing;
use kp_accumulator::FailureKind;
use kp_protocol::{Acks, ErrorCode, Offset, Timestamp};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What one attempt to write a batch came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Acknowledged, or with `acks=0` written to the socket.
    Acknowledged { base_offset: Option<Offset>, log_append_time: Option<Timestamp> },
    /// The broker answered with an error.
    Refused(Refusal),
    /// No answer will come.
    Lost {
        /// Some of it may have reached the broker.
        written: bool,
        /// Given up after `request.timeout.ms`.
        timed_out: bool,
        reason: Arc<str>,
    },
    /// The network did not take it; it never left, and that is no fault of the batch.
    NotSent,
}

/// An error answer for one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: ErrorCode,
    /// The broker's words, if it had any (SN13).
    pub(crate) message: Option<Arc<str>>,
    /// An error beside an offset: the leader had appended it.
    pub(crate) has_offset: bool,
    /// Where the log begins (Produce 5 and newer), said with UNKNOWN_PRODUCER_ID.
    pub(crate) log_start_offset: Option<Offset>,
    /// Records the broker named (KIP-467).
    pub(crate) record_errors: Vec<(u32, Option<Arc<str>>)>,
}

/// What there is to know about the batch and its attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// How often it was put on the wire, this time included.
    pub(crate) attempts: u32,
    /// The key `retries`.
    pub(crate) retries: u32,
    /// Whether `delivery.timeout.ms` is over for it.
    pub(crate) is_expired: bool,
    /// Records in it.
    pub(crate) records: u32,
    /// Whether its parts may be sent in its place. Where order is kept by never sending again, they would come behind what
    /// was sent after it: it fails, as in 0.9.
    pub(crate) may_split: bool,
    /// Where it stands among the numbered batches of its partition.
    pub(crate) standing: Standing,
    /// An attempt, perhaps this one, may have written it.
    pub(crate) is_ever_unknown: bool,
    /// The wait drawn for this attempt, in case it is needed (AC14: drawn once).
    pub(crate) backoff: Duration,
    /// A newer leader than the one it was sent to is known (AC15, MD14).
    pub(crate) has_newer_leader: bool,
}

/// What becomes of the batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is written.
    Done { base_offset: Option<Offset>, log_append_time: Option<Timestamp> },
    /// Back to the front of its queue; not sent before this moment.
    Again { not_before: Option<Instant> },
    /// As [`Again`](Self::Again), but under a new epoch: its number is of no use any more (KIP-360).
    Renumber { not_before: Option<Instant> },
    /// Cut in two or more, which are sent in its place (BB25).
    Split,
    /// It has failed.
    Fail(FailureKind),
}

/// Decides.
pub(crate) fn decide(now: Instant, attempt: &Attempt, verdict: &Verdict) -> Decision {
    match verdict {
        Verdict::Acknowledged { base_offset, log_append_time } => {
            Decision::Done { base_offset: *base_offset, log_append_time: *log_append_time }
        }
        // The connection changed between the question and the send: that uses up no retry.
        Verdict::NotSent if !attempt.is_expired => Decision::Again { not_before: None },
        Verdict::NotSent => Decision::Fail(FailureKind::Expired),
        Verdict::Refused(refusal)
            if attempt.standing != Standing::Unnumbered && is_about_numbers(refusal.code) =>
        {
            on_number_refused(now, attempt, refusal)
        }
        Verdict::Refused(refusal) => on_refusal(now, attempt, refusal.code),
        // SN6: a lost connection is NETWORK_EXCEPTION, a request timeout REQUEST_TIMED_OUT; both retriable.
        Verdict::Lost { .. } => again_or(now, attempt, FailureKind::Disconnected),
    }
}

fn on_refusal(now: Instant, attempt: &Attempt, code: ErrorCode) -> Decision {
    match code {
        // ID9: the broker has the batch and has forgotten where.
        ErrorCode::DUPLICATE_SEQUENCE_NUMBER => Decision::Done { base_offset: None, log_append_time: None },
        // BB30: what has expired is not split any more.
        ErrorCode::MESSAGE_TOO_LARGE if attempt.is_expired => Decision::Fail(FailureKind::Expired),
        // Rule iii: parts would not be recognised as the batch that may be there already.
        ErrorCode::MESSAGE_TOO_LARGE
            if attempt.standing != Standing::Unnumbered && attempt.is_ever_unknown =>
        {
            Decision::Fail(FailureKind::Refused(code))
        }
        ErrorCode::MESSAGE_TOO_LARGE if attempt.records > 1 && !attempt.may_split => {
            Decision::Fail(FailureKind::Refused(code))
        }
        ErrorCode::MESSAGE_TOO_LARGE if attempt.records > 1 => Decision::Split,
        ErrorCode::MESSAGE_TOO_LARGE => Decision::Fail(FailureKind::RecordTooLarge), // BB29
        ErrorCode::INVALID_RECORD => Decision::Fail(FailureKind::InvalidRecord),     // BB24
        code if code.is_retriable() => again_or(now, attempt, FailureKind::Refused(code)),
        code => Decision::Fail(FailureKind::Refused(code)),
    }
}

/// Whether a broker refused the number of a batch, not the batch.
pub(crate) fn is_about_numbers(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
            | ErrorCode::UNKNOWN_PRODUCER_ID
            | ErrorCode::INVALID_PRODUCER_EPOCH
    )
}

/// ID7, ID10.
fn on_number_refused(now: Instant, attempt: &Attempt, refusal: &Refusal) -> Decision {
    let used_up = FailureKind::Refused(refusal.code);
    match attempt.standing {
        // Rule v: a later number could not have been acknowledged otherwise.
        Standing::Proven => Decision::Done { base_offset: None, log_append_time: None },
        // It goes behind the one that is missing, which has its own wait.
        Standing::Behind => match again_or(now, attempt, used_up) {
            Decision::Again { .. } => Decision::Again { not_before: None },
            other => other,
        },
        // The broker did not say what it has: it may know soon.
        Standing::Lowest
            if refusal.code == ErrorCode::UNKNOWN_PRODUCER_ID && refusal.log_start_offset.is_none() =>
        {
            again_or(now, attempt, used_up)
        }
        // Rule iii: nothing but its own number may go out, and that is of no use.
        Standing::Lowest | Standing::Unnumbered if attempt.is_ever_unknown => Decision::Fail(used_up),
        Standing::Lowest | Standing::Unnumbered => match again_or(now, attempt, used_up) {
            Decision::Again { not_before } => Decision::Renumber { not_before },
            other => other,
        },
    }
}

/// SN5: again while `retries` and `delivery.timeout.ms` allow.
fn again_or(now: Instant, attempt: &Attempt, when_used_up: FailureKind) -> Decision {
    if attempt.is_expired {
        return Decision::Fail(FailureKind::Expired);
    }
    // The first attempt is no retry.
    if attempt.attempts > attempt.retries {
        return Decision::Fail(when_used_up);
    }
    // AC15, MD14: a newer leader is asked at once; MD15: without one the backoff holds.
    let not_before = if attempt.has_newer_leader { None } else { now.checked_add(attempt.backoff) };
    Decision::Again { not_before }
}

/// Whether, after this verdict, the batch may be in the log although no broker said so. Once true for one attempt of a
/// batch, nothing but an acknowledgement can make that good.
pub(crate) fn leaves_unknown(verdict: &Verdict, acks: Acks) -> bool {
    match verdict {
        Verdict::Acknowledged { .. } | Verdict::NotSent => false,
        Verdict::Lost { written, .. } => *written,
        Verdict::Refused(refusal) => refusal.has_offset || may_be_appended(refusal.code, acks),
    }
}

fn may_be_appended(code: ErrorCode, acks: Acks) -> bool {
    match code {
        ErrorCode::UNKNOWN_SERVER_ERROR
        | ErrorCode::REQUEST_TIMED_OUT
        | ErrorCode::NETWORK_EXCEPTION
        | ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND
        | ErrorCode::KAFKA_STORAGE_ERROR => true,
        // With acks=all the leader appends, then waits for the followers; if it stops being the leader meanwhile, it
        // says so with the same code as if it had never appended.
        code if code.refreshes_metadata() => acks == Acks::All,
        code => !code.is_known(),
    }
}

/// Whether the answer shows that the picture of the cluster is stale (SN12), retried or not.
pub(crate) fn wants_metadata(verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Acknowledged { .. } | Verdict::NotSent => false,
        Verdict::Refused(refusal) => refusal.code.refreshes_metadata(),
        Verdict::Lost { .. } => true,
    }
}

/// Whether it was sent to a broker that does not lead the partition, or not yet: an election is under way or just over, and
/// ends at any moment, so it is tried again after `retry.backoff.ms` and no longer.
pub(crate) fn waits_for_leader(verdict: &Verdict) -> bool {
    let Verdict::Refused(refusal) = verdict else { return false };
    matches!(
        refusal.code,
        ErrorCode::NOT_LEADER_OR_FOLLOWER | ErrorCode::LEADER_NOT_AVAILABLE | ErrorCode::FENCED_LEADER_EPOCH
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use kp_time::{Clock, ManualClock};

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn now() -> Instant {
        ManualClock::new().now()
    }

    fn attempt() -> Attempt {
        Attempt {
            attempts: 1,
            retries: 3,
            is_expired: false,
            records: 2,
            may_split: true,
            standing: Standing::Unnumbered,
            is_ever_unknown: false,
            backoff: MS(100),
            has_newer_leader: false,
        }
    }

    fn refused(code: ErrorCode) -> Verdict {
        Verdict::Refused(Refusal {
            code,
            message: None,
            has_offset: false,
            log_start_offset: None,
            record_errors: Vec::new(),
        })
    }

    fn lost(written: bool) -> Verdict {
        Verdict::Lost { written, timed_out: false, reason: "gone".into() }
    }

    #[test]
    fn a_retriable_error_goes_again_after_the_backoff() {
        // SN5, AC14
        let now = now();
        let again = Decision::Again { not_before: Some(now + MS(100)) };
        for code in ErrorCode::all().filter(|code| code.is_retriable()) {
            assert_eq!(decide(now, &attempt(), &refused(code)), again, "{code}");
        }
        assert_eq!(decide(now, &attempt(), &lost(true)), again);
    }

    #[test]
    fn the_first_attempt_is_no_retry_and_the_last_retry_is_tried() {
        // SN5
        let now = now();
        let nth = |attempts, retries| {
            let attempt = Attempt { attempts, retries, ..attempt() };
            decide(now, &attempt, &refused(ErrorCode::NOT_ENOUGH_REPLICAS))
        };
        let fail = Decision::Fail(FailureKind::Refused(ErrorCode::NOT_ENOUGH_REPLICAS));
        assert_eq!(nth(1, 0), fail);
        assert!(matches!(nth(3, 3), Decision::Again { .. }));
        assert_eq!(nth(4, 3), fail);
        assert!(matches!(nth(u32::MAX - 1, u32::MAX), Decision::Again { .. }));
    }

    #[test]
    fn a_newer_leader_is_asked_without_backoff() {
        // AC15, MD14, MD15
        let now = now();
        let moved = Attempt { has_newer_leader: true, ..attempt() };
        let verdict = refused(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        assert_eq!(decide(now, &moved, &verdict), Decision::Again { not_before: None });
        assert_ne!(decide(now, &attempt(), &verdict), Decision::Again { not_before: None });
    }

    #[test]
    fn nothing_goes_again_after_the_delivery_timeout() {
        // SN5, SN9
        let now = now();
        let late = Attempt { is_expired: true, ..attempt() };
        for verdict in [refused(ErrorCode::NOT_LEADER_OR_FOLLOWER), lost(true), Verdict::NotSent] {
            assert_eq!(decide(now, &late, &verdict), Decision::Fail(FailureKind::Expired));
        }
    }

    #[test]
    fn a_batch_that_is_too_large_is_split_unless_it_is_one_record_or_expired() {
        // BB25, BB29, BB30
        let now = now();
        let too_large = refused(ErrorCode::MESSAGE_TOO_LARGE);
        assert_eq!(decide(now, &attempt(), &too_large), Decision::Split);
        let used_up = Attempt { attempts: 9, ..attempt() };
        assert_eq!(decide(now, &used_up, &too_large), Decision::Split, "a split charges no attempt");
        let ordered = Attempt { may_split: false, ..attempt() };
        let refused_for_good = Decision::Fail(FailureKind::Refused(ErrorCode::MESSAGE_TOO_LARGE));
        assert_eq!(decide(now, &ordered, &too_large), refused_for_good, "its parts would come too late");
        let one = Attempt { records: 1, ..attempt() };
        assert_eq!(decide(now, &one, &too_large), Decision::Fail(FailureKind::RecordTooLarge));
        let late = Attempt { is_expired: true, ..attempt() };
        assert_eq!(decide(now, &late, &too_large), Decision::Fail(FailureKind::Expired));
    }

    #[test]
    fn a_numbered_batch_that_may_be_there_already_is_not_split() {
        // Rule 3, docs/delivery-guarantees.md
        let now = now();
        let too_large = refused(ErrorCode::MESSAGE_TOO_LARGE);
        let unknown = Attempt { is_ever_unknown: true, ..attempt() };
        assert_eq!(
            decide(now, &unknown, &too_large),
            Decision::Split,
            "without numbers no broker is confused"
        );
        let numbered = Attempt { standing: Standing::Lowest, ..attempt() };
        assert_eq!(decide(now, &numbered, &too_large), Decision::Split);
        let both = Attempt { is_ever_unknown: true, ..numbered };
        let fail = Decision::Fail(FailureKind::Refused(ErrorCode::MESSAGE_TOO_LARGE));
        assert_eq!(decide(now, &both, &too_large), fail);
    }

    #[test]
    fn one_record_that_is_too_large_is_that_also_where_nothing_may_be_split() {
        // BB29
        let one = Attempt { records: 1, may_split: false, ..attempt() };
        let decision = decide(now(), &one, &refused(ErrorCode::MESSAGE_TOO_LARGE));
        assert_eq!(decision, Decision::Fail(FailureKind::RecordTooLarge));
    }

    #[test]
    fn only_an_answer_about_leaders_waits_for_a_leader() {
        // AC14
        let waits = ErrorCode::all().filter(|code| waits_for_leader(&refused(*code)));
        let mut waits: Vec<_> = waits.collect();
        waits.sort_unstable();
        let leaders = [
            ErrorCode::LEADER_NOT_AVAILABLE,
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
            ErrorCode::FENCED_LEADER_EPOCH,
        ];
        assert_eq!(waits, leaders);
        assert!(!waits_for_leader(&lost(true)) && !waits_for_leader(&Verdict::NotSent));
    }

    #[test]
    fn what_is_not_retriable_fails_with_its_code() {
        let now = now();
        let special = [
            ErrorCode::NONE,
            ErrorCode::MESSAGE_TOO_LARGE,
            ErrorCode::INVALID_RECORD,
            ErrorCode::DUPLICATE_SEQUENCE_NUMBER,
        ];
        for code in ErrorCode::all().filter(|code| !code.is_retriable() && !special.contains(code)) {
            let decision = decide(now, &attempt(), &refused(code));
            assert_eq!(decision, Decision::Fail(FailureKind::Refused(code)), "{code}");
        }
        let invalid = decide(now, &attempt(), &refused(ErrorCode::INVALID_RECORD));
        assert_eq!(invalid, Decision::Fail(FailureKind::InvalidRecord));
    }

    #[test]
    fn a_request_the_network_did_not_take_uses_up_no_retry() {
        let now = now();
        let used_up = Attempt { attempts: 9, retries: 0, ..attempt() };
        assert_eq!(decide(now, &used_up, &Verdict::NotSent), Decision::Again { not_before: None });
    }

    #[test]
    fn only_an_answer_that_proves_it_leaves_the_batch_surely_unwritten() {
        let unknown = |code| leaves_unknown(&refused(code), Acks::All);
        for code in [
            ErrorCode::UNKNOWN_SERVER_ERROR,
            ErrorCode::REQUEST_TIMED_OUT,
            ErrorCode::NOT_ENOUGH_REPLICAS_AFTER_APPEND,
            ErrorCode::NOT_LEADER_OR_FOLLOWER,
            ErrorCode(1234),
        ] {
            assert!(unknown(code), "{code}");
        }
        for code in [
            ErrorCode::CORRUPT_MESSAGE,
            ErrorCode::NOT_ENOUGH_REPLICAS,
            ErrorCode::MESSAGE_TOO_LARGE,
            ErrorCode::TOPIC_AUTHORIZATION_FAILED,
            ErrorCode::INVALID_RECORD,
        ] {
            assert!(!unknown(code), "{code}");
        }
        assert!(leaves_unknown(&lost(true), Acks::Leader) && !leaves_unknown(&lost(false), Acks::Leader));
        assert!(!leaves_unknown(&Verdict::NotSent, Acks::All));
    }

    #[test]
    fn a_leader_that_waits_for_nobody_has_not_appended_what_it_refuses() {
        // acks=1: NOT_LEADER is said before the append; acks=all: perhaps after it
        let verdict = refused(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        assert!(!leaves_unknown(&verdict, Acks::Leader));
        assert!(leaves_unknown(&verdict, Acks::All));
        let appended = Verdict::Refused(Refusal {
            code: ErrorCode::NOT_LEADER_OR_FOLLOWER,
            message: None,
            has_offset: true,
            log_start_offset: None,
            record_errors: Vec::new(),
        });
        assert!(leaves_unknown(&appended, Acks::Leader), "an offset tells that it was");
    }

    #[test]
    fn stale_leaders_and_lost_connections_ask_for_metadata() {
        // SN12, NC11
        assert!(wants_metadata(&refused(ErrorCode::NOT_LEADER_OR_FOLLOWER)));
        assert!(wants_metadata(&lost(false)));
        assert!(!wants_metadata(&refused(ErrorCode::NOT_ENOUGH_REPLICAS)));
    }
}
