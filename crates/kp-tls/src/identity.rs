//! As whom a client shows itself: plain data, nothing is read yet. Shows no key.

use crate::StoreSource;
use std::fmt;
use std::sync::Arc;

/// The client's own certificate, with those of its authorities, and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Certificates and the key, each on its own.
    Parts { chain: StoreSource, key: StoreSource },
    /// Both in one.
    Store(StoreSource),
    /// The program gives it.
    Asked(Asker),
}

impl Identity {
    /// Whether a part of it stands in a file.
    pub(crate) fn has_files(&self) -> bool {
        match self {
            Self::Parts { chain, key } => chain.path().is_some() || key.path().is_some(),
            Self::Store(store) => store.path().is_some(),
            Self::Asked(_) => false,
        }
    }
}

/// A client's certificate, with those of its authorities, and its key, as a program gives them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity(pub(crate) Identity);

impl ClientIdentity {
    /// Certificates, the client's own first, and the key.
    #[must_use]
    pub fn parts(chain: StoreSource, key: StoreSource) -> Self {
        Self(Identity::Parts { chain, key })
    }

    /// Both in one store.
    #[must_use]
    pub fn store(store: StoreSource) -> Self {
        Self(Identity::Store(store))
    }
}

/// Whom to ask. May block, and answers why there is none in words that are shown.
#[derive(Clone)]
pub(crate) struct Asker(pub(crate) Arc<dyn Fn() -> Result<ClientIdentity, String> + Send + Sync>);

/// Two are equal if they are one.
impl PartialEq for Asker {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Asker {}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asker(..)")
    }
}
