//! What the application provides: its future is driven here, on the thread that asks, and is given up when it takes too long.
//! A provider that blocks in the middle of it cannot be given up.

use crate::drive::parker::block_on_timeout;
use kp_sasl::{Provided, ProviderError};
use std::time::Duration;

/// Longer than any set-up of a connection, so that what comes late still serves the next one.
const AT_MOST: Duration = Duration::from_secs(60);

/// The provider's answer; that it gave none within [`AT_MOST`] is an error, and it may be asked again.
pub(super) fn answer_of<T>(provided: Provided<'_, T>) -> Result<T, ProviderError> {
    answer_within(provided, AT_MOST)
}

fn answer_within<T>(mut provided: Provided<'_, T>, limit: Duration) -> Result<T, ProviderError> {
    block_on_timeout(&mut provided, limit)
        .unwrap_or_else(|| Err(format!("the provider gave no answer within {limit:?}").into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::sync::Arc;

    // H59
    #[test]
    fn a_provider_that_never_answers_is_given_up_and_its_future_is_dropped() {
        let held = Arc::new(());
        let in_future = Arc::clone(&held);
        let never = Box::pin(async move {
            let _held = in_future;
            pending::<Result<u8, ProviderError>>().await
        });
        let error = answer_within(never, Duration::ZERO).unwrap_err();
        assert_eq!(error.to_string(), "the provider gave no answer within 0ns");
        assert_eq!(Arc::strong_count(&held), 1, "what the future held is free");
    }

    #[test]
    fn an_answer_is_passed_on_as_it_is() {
        assert_eq!(answer_of(Box::pin(async { Ok(7) })).unwrap(), 7);
        let error = answer_of::<u8>(Box::pin(async { Err("the vault is sealed".into()) })).unwrap_err();
        assert_eq!(error.to_string(), "the vault is sealed");
    }
}
