//! A provider's refusal, as a failure of SASL.

use kp_sasl::SaslFailure;
use std::fmt;

/// What was being done, and the provider's words, made harmless.
pub(super) fn not_given(what: &'static str, why: impl fmt::Display) -> SaslFailure {
    SaslFailure::WorkFailed { what, problem: kp_protocol::text::shown(&why.to_string()).to_string() }
}
