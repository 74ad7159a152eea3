//! User and password, or who gives them.

use std::fmt;
use std::sync::Arc;

use kp_sasl::{Credentials, CredentialsProvider};

/// User and password: these, or whatever a provider gives at the time.
#[derive(Clone)]
#[non_exhaustive]
pub enum Login {
    /// These.
    Fixed(Credentials),
    /// Asked for by each connection.
    Provided(Arc<dyn CredentialsProvider>),
}

/// Two providers are equal if they are one.
impl PartialEq for Login {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Fixed(one), Self::Fixed(other)) => one == other,
            (Self::Provided(one), Self::Provided(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(credentials) => credentials.fmt(f),
            Self::Provided(_) => f.write_str("Provided(..)"),
        }
    }
}
