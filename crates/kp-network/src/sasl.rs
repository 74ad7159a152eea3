//! Where the credentials of connections come from: the trait, and credentials that a program holds itself.
//! Owns: the credentials, and the keys derived from them. Never: a connection.

mod failed;
mod login;

pub(crate) use failed::{cannot_begin, failed, is_not_renewed, login_wanted, not_renewed, nothing_offered};
pub use login::{SaslCredentials, SaslLogin};

use crate::TokenFacts;
use kp_sasl::{SaslFailure, SaslMechanism, Work, Worked};
use std::fmt;
use std::sync::Arc;

/// Gives each exchange with a broker its mechanism. One for all connections of a client.
pub trait SaslProvider: fmt::Debug + Send + Sync {
    /// A mechanism for one exchange with the broker that is named `host`, with the newest credentials. Called on the
    /// network thread, so it must not block: what takes long is [`Work`] that the mechanism hands out.
    ///
    /// # Errors
    /// Why there is nothing to authenticate with.
    fn begin(&self, host: &str) -> Result<Box<dyn SaslMechanism>, SaslFailure>;

    /// Work of one of its mechanisms was done: what came out of it can be kept for later exchanges. Called on the
    /// thread that did the work, also if the connection it was for has ended meanwhile.
    fn worked(&self, worked: &Worked) {
        let _ = worked;
    }

    /// Credentials may have changed: what is kept of them is not to be shown again. Called on the network thread.
    fn reload(&self) {}

    /// What is known of its tokens, if it has some that end. Called on the network thread, so it must not block.
    fn tokens(&self) -> Option<TokenFacts> {
        None
    }

    /// A broker has refused what this mechanism, which came out of [`begin`](Self::begin), showed it: credentials that are
    /// kept and are the mechanism's ([`SaslMechanism::is_secret_in`]) are not to be shown again. Called on the network
    /// thread, before the next attempt.
    fn refused(&self, mechanism: &dyn SaslMechanism) {
        let _ = mechanism;
    }
}

/// Whether the tokens of this mechanism show the secret itself.
pub(crate) fn shows_secret(mechanism: &str) -> bool {
    ["PLAIN", "OAUTHBEARER"].contains(&mechanism)
}

/// `work`, and then a look of `provider` at what comes out of it.
pub(crate) fn kept(provider: &Arc<dyn SaslProvider>, work: Work) -> Work {
    let provider = Arc::clone(provider);
    Work::new(work.what(), move || {
        let worked = work.run();
        provider.worked(&worked);
        worked
    })
}
