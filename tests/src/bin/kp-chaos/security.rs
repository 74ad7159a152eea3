//! What goes wrong or changes in the security of a cluster while clients write: certificates that end and are mended, authorities
//! and passwords that change, an issuer of tokens that is away.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kp_producer::ProducerConfig;
use kp_tests::oidc_issuer::OidcIssuer;
use kp_time::Jitter;
use xtask::kafka::KafkaCluster;

use crate::Failure;
use crate::login::Login;

/// Tokens of this path are good for twelve seconds, so that an issuer that is away is missed.
const TOKENS: &str = "/unsigned-short";

/// What changed, and how often.
pub(crate) type Changes = BTreeMap<&'static str, u64>;

/// One at a time: a fault of the arsonist, or a planned change.
#[derive(Clone)]
pub(crate) struct Security(Arc<Mutex<Parts>>);

struct Parts {
    login: Login,
    /// `None` while it is away.
    issuer: Option<OidcIssuer>,
    issuer_port: u16,
}

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Certificates,
    Password(Duration),
    Expired { broker: i32, how_long: Duration },
    NoIssuer(Duration),
}

impl Change {
    /// Draws one.
    pub(crate) fn draw(dice: &mut Jitter, broker: i32) -> Self {
        match dice.below(5) {
            0 => Self::Certificates,
            1 => Self::Password(Duration::from_millis(dice.below(3_000))),
            2 | 3 => Self::Expired { broker, how_long: Duration::from_millis(3_000 + dice.below(5_000)) },
            _ => Self::NoIssuer(Duration::from_millis(3_000 + dice.below(15_000))),
        }
    }

    /// Its name in the table, and what is going on.
    pub(crate) fn words(self) -> (&'static str, String) {
        match self {
            Self::Certificates => {
                ("certificates and their authority changed", "other certificates".to_owned())
            }
            Self::Password(later) => {
                ("password changed", format!("clients read the next password {later:?} after brokers"))
            }
            Self::Expired { broker, how_long } => {
                ("certificate expired and mended", format!("that of broker {broker}, for {how_long:?}"))
            }
            Self::NoIssuer(how_long) => ("token endpoint away", format!("for {how_long:?}")),
        }
    }
}

impl Security {
    /// Writes the clients' files, and starts an issuer.
    pub(crate) fn new(cluster: &Arc<KafkaCluster>) -> Result<Self, Failure> {
        let issuer_port = xtask::kafka::free_ports(1)?[0];
        let issuer = Some(OidcIssuer::start(issuer_port));
        let parts = Parts { login: Login::new(cluster)?, issuer, issuer_port };
        Ok(Self(Arc::new(Mutex::new(parts))))
    }

    /// The keys of clients: with a password, and with tokens.
    pub(crate) fn configs(&self) -> Result<[ProducerConfig; 2], Failure> {
        let parts = self.parts();
        let url = format!("http://127.0.0.1:{}{TOKENS}", parts.issuer_port);
        Ok([parts.login.by_password()?, parts.login.by_token(&url)?])
    }

    /// Does it, and returns when it is over.
    pub(crate) fn carry_out(&self, change: Change) -> Result<(), Failure> {
        let mut parts = self.parts();
        match change {
            Change::Certificates => parts.login.change_certificates(),
            Change::Password(later) => parts.login.change_password(later),
            Change::Expired { broker, how_long } => parts.login.let_expire(broker, how_long),
            Change::NoIssuer(how_long) => {
                parts.issuer = None;
                std::thread::sleep(how_long);
                parts.issuer = Some(OidcIssuer::start(parts.issuer_port));
                Ok(())
            }
        }
    }

    /// After a third of `whole` brokers get other certificates, after two thirds the user another password.
    pub(crate) fn rotate_within(&self, whole: Duration) -> JoinHandle<Result<Changes, String>> {
        let (security, begun) = (self.clone(), Instant::now());
        std::thread::spawn(move || {
            let mut changes = Changes::new();
            let moments =
                [(whole / 3, Change::Certificates), (whole * 2 / 3, Change::Password(Duration::ZERO))];
            for (moment, change) in moments {
                std::thread::sleep(moment.saturating_sub(begun.elapsed()));
                security.carry_out(change).map_err(|error| error.to_string())?;
                let (name, words) = change.words();
                eprintln!("{name}: {words}");
                *changes.entry(name).or_default() += 1;
            }
            Ok(changes)
        })
    }

    fn parts(&self) -> std::sync::MutexGuard<'_, Parts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
