//! What the double knows of the client behind each connection: has it shown who it is, and until when is that good.
//! Owns: the states of a connection, the keys of SCRAM, nonces. Never: the words of an answer.

use std::collections::BTreeMap;
use std::time::Instant;

use kp_sasl::ScramHash;
use kp_time::Jitter;

use super::msk_iam;
use super::oauth::OAuthServer;
use super::plain;
use super::scram::{Known, Login, ScramCredential, ScramServer, salt_of};
use super::settings::{SaslSettings, SimMechanism};
use super::verdict::Verdict;

/// All connections, and what is kept for later ones.
#[derive(Clone, Debug)]
pub(crate) struct Doors {
    doors: BTreeMap<u64, Door>,
    /// By login and mechanism; derived when they are first asked for, as that takes long.
    credentials: BTreeMap<(Login, SimMechanism), ScramCredential>,
    nonces: Jitter,
    seed: u64,
}

/// One connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Door {
    /// ApiVersions was answered well. Before the client has authenticated it is not answered again (SE1).
    has_versions: bool,
    pub(super) exchange: Option<Exchange>,
    pub(super) session: Option<Session>,
    /// When the newest re-authentication began.
    pub(super) renewal_began: Option<Instant>,
}

/// Who a client is.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) mechanism: SimMechanism,
    pub(super) principal: String,
    /// `None`: as long as the connection.
    pub(super) ends: Option<Instant>,
}

/// A client that shows who it is.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) mechanism: SimMechanism,
    /// Tokens go behind their length, without the header of a request.
    pub(super) is_bare: bool,
    /// How many tokens have come.
    pub(super) tokens: u32,
    /// `None`: the mechanism is not that of the session, and its first token is closed on.
    pub(super) server: Option<Server>,
}

/// The server's side of a mechanism.
#[derive(Clone, Debug)]
pub(super) enum Server {
    Plain,
    Scram(ScramHash, Box<ScramServer>),
    OAuth(OAuthServer),
    MskIam,
}

impl Door {
    /// Whether an ordinary request is taken.
    pub(super) fn is_open(&self, now: Instant) -> bool {
        let is_valid = |session: &Session| session.ends.is_none_or(|ends| now < ends);
        self.exchange.is_none() && self.session.as_ref().is_some_and(is_valid)
    }

    /// Whether ApiVersions is answered although the client has not authenticated.
    pub(super) fn may_ask_versions(&self) -> bool {
        !self.has_versions && self.exchange.is_none() && self.session.is_none()
    }
}

impl Doors {
    pub(crate) fn seeded(seed: u64) -> Self {
        let nonces = Jitter::seeded(seed ^ 0x7361_736c);
        Self { doors: BTreeMap::new(), credentials: BTreeMap::new(), nonces, seed }
    }

    pub(crate) fn versions_told(&mut self, connection: u64) {
        self.door(connection).has_versions = true;
    }

    pub(crate) fn forget(&mut self, connection: u64) {
        self.doors.remove(&connection);
    }

    pub(super) fn door(&mut self, connection: u64) -> &mut Door {
        self.doors.entry(connection).or_default()
    }

    pub(super) fn principal(&self, connection: u64) -> Option<&str> {
        self.doors.get(&connection)?.session.as_ref().map(|session| session.principal.as_str())
    }

    /// Whether the next frame of a connection is a token and nothing else.
    pub(super) fn awaits_bare_token(&self, connection: u64) -> bool {
        let exchange = self.doors.get(&connection).and_then(|door| door.exchange.as_ref());
        exchange.is_some_and(|exchange| exchange.is_bare)
    }

    /// A password or a delegation token has changed, so keys of the old one are good for nothing.
    pub(super) fn forget_credentials(&mut self, name: &str) {
        self.credentials.retain(|(known, _), _| known.name != name);
    }

    /// Whether a client has begun to show who it is, and is not done.
    pub(super) fn is_in_exchange(&self, connection: u64) -> bool {
        self.doors.get(&connection).is_some_and(|door| door.exchange.is_some())
    }

    /// The server's side of a new exchange.
    pub(super) fn server(&mut self, mechanism: SimMechanism) -> Server {
        let hash = match mechanism {
            SimMechanism::Plain => return Server::Plain,
            SimMechanism::AwsMskIam => return Server::MskIam,
            SimMechanism::OAuthBearer => return Server::OAuth(OAuthServer::default()),
            SimMechanism::ScramSha256 => ScramHash::Sha256,
            SimMechanism::ScramSha512 => ScramHash::Sha512,
        };
        let nonce = format!("{:016x}{:016x}", self.nonces.next_u64(), self.nonces.next_u64());
        Server::Scram(hash, Box::new(ScramServer::new(hash, nonce)))
    }

    /// Judges the next token of an exchange; `None`: it is closed on.
    pub(super) fn judge(
        &mut self,
        settings: &SaslSettings,
        exchange: &mut Exchange,
        token: &[u8],
        now_ms: i64,
    ) -> Option<Verdict> {
        let mechanism = exchange.mechanism;
        Some(match exchange.server.as_mut()? {
            Server::Plain => plain::judge(settings, token),
            Server::OAuth(server) => server.judge(settings, token, now_ms),
            Server::MskIam => msk_iam::judge(settings, token, now_ms),
            Server::Scram(hash, server) => {
                let hash = *hash;
                server.judge(token, |login| self.known(settings, login, (mechanism, hash), now_ms))
            }
        })
    }

    /// A user by the password, or the owner of a delegation token by its HMAC: one that has ended is unknown.
    fn known(
        &mut self,
        settings: &SaslSettings,
        login: &Login,
        (mechanism, hash): (SimMechanism, ScramHash),
        now_ms: i64,
    ) -> Option<Known> {
        let (password, principal, ends_at_ms) = if login.is_token {
            let token = settings.delegation_token(&login.name).filter(|token| now_ms < token.ends_at_ms)?;
            (&token.hmac, &token.owner, Some(token.ends_at_ms))
        } else {
            (settings.password(&login.name)?, &login.name, None)
        };
        let salt = salt_of(self.seed, &login.name);
        let derive = || ScramCredential::derive(hash, password.expose(), &salt, settings.iterations());
        let credential = self.credentials.entry((login.clone(), mechanism)).or_insert_with(derive).clone();
        Some(Known { credential, principal: principal.clone(), ends_at_ms })
    }
}
