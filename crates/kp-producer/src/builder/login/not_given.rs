//! A provider's refusal, as a failure of SASL.

use kp_sasl::{ProviderError, SaslFailure};
use std::fmt;

/// What was being done, and the provider's words, made harmless.
pub(super) fn not_given(what: &'static str, why: impl fmt::Display) -> SaslFailure {
    SaslFailure::WorkFailed { what, problem: kp_protocol::text::shown(&why.to_string()).to_string() }
}

/// What a provider says; a failure of SASL among it is taken as it is, for it says whether another try is of use.
pub(super) fn of_provider(what: &'static str, why: ProviderError) -> SaslFailure {
    match why.downcast::<SaslFailure>() {
        Ok(failure) => *failure,
        Err(other) => not_given(what, other),
    }
}
