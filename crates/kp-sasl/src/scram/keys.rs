//! The keys that SCRAM derives from a password.
//! Owns: which password, salt and iterations they belong to, so that no key is used in place of another.

use std::fmt;
use std::sync::Arc;

use super::hash::{Key, ScramHash};
use crate::Secret;

/// What keys are derived from.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct KeyRequest {
    hash: ScramHash,
    iterations: u32,
    user: String,
    salt: Vec<u8>,
    password: Secret,
}

impl KeyRequest {
    pub(super) fn new(hash: ScramHash, user: &str, password: Secret, salt: Vec<u8>, iterations: u32) -> Self {
        Self { hash, iterations, user: user.to_owned(), salt, password }
    }

    /// RFC 5802, 3. This is the part that takes long.
    pub(super) fn derive(self) -> ScramKeys {
        let hash = self.hash;
        let salted = hash.salted_password(self.password.expose(), &self.salt, self.iterations);
        let client_key = hash.hmac(salted.as_slice(), b"Client Key");
        let server_key = hash.hmac(salted.as_slice(), b"Server Key");
        ScramKeys(Arc::new(Derived { from: self, client_key, server_key }))
    }
}

/// The keys of one user, password, salt and number of iterations: what SCRAM takes long to derive. The brokers of a
/// cluster share salt and iterations of a user, so one derivation serves all connections: see
/// [`ScramKeyCache`](super::ScramKeyCache).
///
/// A reader of them can authenticate as the user: they are overwritten when the last clone is dropped, and never
/// printed.
#[derive(Clone)]
pub struct ScramKeys(Arc<Derived>);

struct Derived {
    from: KeyRequest,
    client_key: Key,
    server_key: Key,
}

impl ScramKeys {
    /// The hash function that they were derived with.
    #[must_use]
    pub fn hash(&self) -> ScramHash {
        self.0.from.hash
    }

    /// The user.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.0.from.user
    }

    /// The iterations that the broker asked for.
    #[must_use]
    pub fn iterations(&self) -> u32 {
        self.0.from.iterations
    }

    /// Whether they are what `wanted` would derive.
    pub(super) fn answer(&self, wanted: &KeyRequest) -> bool {
        self.0.from == *wanted
    }

    /// The client's proof and the server's signature over the messages of an exchange.
    pub(super) fn sign(&self, transcript: &[u8]) -> (Key, Key) {
        let Derived { from: KeyRequest { hash, .. }, client_key, server_key } = &*self.0;
        let stored_key = hash.hash(client_key.as_slice());
        let client_signature = hash.hmac(stored_key.as_slice(), transcript);
        (client_signature.xor(client_key), hash.hmac(server_key.as_slice(), transcript))
    }
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramKeys")
            .field("hash", &self.hash())
            .field("user", &self.user())
            .field("iterations", &self.iterations())
            .finish_non_exhaustive()
    }
}
