//! What connections authenticate with, out of the configuration: the network asks here for each exchange.
//! Owns: the keys of SCRAM and the token that later connections take too. Touched by the network thread, which it never holds
//! up, and by the thread that does the network's heavy work; that one may wait for a provider.

use crate::config::{ConfigError, Credentials, Login, Sasl, Token, TokenProvider, TokenRequest};
use crate::drive::parker::block_on;
use kp_network::{SaslProvider, ScramKeyCache, ScramKeys};
use kp_protocol::Timestamp;
use kp_sasl::{
    Deferred, OAuthBearer, Plain, SaslFailure, SaslMechanism, Scram, ScramHash, ScramNonce, Worked,
};
use kp_time::Clock;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

#[cfg(feature = "sasl-gssapi")]
mod kerberos;
#[cfg(feature = "sasl-msk-iam")]
mod msk_iam;

type Mechanism = Result<Box<dyn SaslMechanism>, SaslFailure>;

/// The login of one producer.
pub(super) struct ProducerLogin {
    sasl: Sasl,
    max_iterations: u32,
    clock: Arc<dyn Clock>,
    keys: Arc<Mutex<ScramKeyCache>>,
    token: Arc<KeptToken>,
    #[cfg(feature = "sasl-msk-iam")]
    msk_iam: msk_iam::MskIamLogin,
    /// There if, and only if, the mechanism is Kerberos.
    #[cfg(feature = "sasl-gssapi")]
    kerberos: Option<kp_gssapi::KerberosLogin>,
}

impl ProducerLogin {
    pub(super) fn new(sasl: Sasl, max_iterations: u32, clock: Arc<dyn Clock>) -> Self {
        Self {
            sasl,
            max_iterations,
            clock,
            keys: Arc::default(),
            token: Arc::default(),
            #[cfg(feature = "sasl-msk-iam")]
            msk_iam: msk_iam::MskIamLogin::default(),
            #[cfg(feature = "sasl-gssapi")]
            kerberos: None,
        }
    }

    /// With what is read from files when a producer is built.
    ///
    /// # Errors
    /// [`ConfigError::Credential`] for a keytab or a `krb5.conf` that cannot be used.
    #[cfg_attr(
        not(feature = "sasl-gssapi"),
        expect(clippy::unnecessary_wraps, reason = "no other login reads files")
    )]
    pub(super) fn with_files(self) -> Result<Self, ConfigError> {
        #[cfg(feature = "sasl-gssapi")]
        if let Sasl::Kerberos(settings) = &self.sasl {
            let kerberos = Some(kerberos::log_in(settings, &self.clock)?);
            return Ok(Self { kerberos, ..self });
        }
        Ok(self)
    }

    fn scram(&self, hash: ScramHash, is_token: bool) -> impl Fn(&Credentials) -> Mechanism + Send + use<> {
        let (keys, most) = (Arc::clone(&self.keys), self.max_iterations);
        move |who| {
            let scram = Scram::new(hash, who.user(), who.password(), ScramNonce::random()?)?;
            let scram = scram.max_iterations(most).known_keys(&keys.lock());
            Ok(Box::new(if is_token { scram.with_delegation_token() } else { scram }))
        }
    }

    fn token(&self, source: &Arc<dyn TokenProvider>, host: &str) -> Box<dyn SaslMechanism> {
        let (source, kept, clock) = (Arc::clone(source), Arc::clone(&self.token), Arc::clone(&self.clock));
        let host = host.to_owned();
        Box::new(Deferred::new("OAUTHBEARER", ASKING_FOR_A_TOKEN, move || {
            let now = clock.timestamp_ms();
            let token = match kept.good_at(now) {
                Some(token) => token,
                None => {
                    let refused = kept.take_refused();
                    let request = TokenRequest::new(&host);
                    let request = match &refused {
                        Some(token) => request.after_refusal_of(token.value()),
                        None => request,
                    };
                    let token = block_on(source.token(request))
                        .map_err(|error| not_given(ASKING_FOR_A_TOKEN, &error))?;
                    kept.keep(&token, clock.timestamp_ms());
                    token
                }
            };
            Ok(Box::new(OAuthBearer::new(token.value())?.extensions(token.sent_beside().clone())))
        }))
    }
}

const ASKING_FOR_A_TOKEN: &str = "asking for a token";
const ASKING_FOR_CREDENTIALS: &str = "asking for credentials";

impl SaslProvider for ProducerLogin {
    fn begin(&self, host: &str) -> Mechanism {
        match &self.sasl {
            Sasl::Plain(login) => with_credentials("PLAIN", login, plain),
            Sasl::Scram { hash, login, delegation_token } => {
                with_credentials(hash.mechanism(), login, self.scram(*hash, *delegation_token))
            }
            Sasl::UnsecuredTokens(maker) => {
                let token = maker.token(Timestamp(self.clock.timestamp_ms()))?;
                Ok(Box::new(OAuthBearer::new(&token)?.extensions(maker.extensions().clone())))
            }
            Sasl::Tokens(source) => Ok(self.token(source.provider(), host)),
            #[cfg(feature = "sasl-msk-iam")]
            Sasl::MskIam(iam) => self.msk_iam.begin(iam, host, &self.clock),
            #[cfg(feature = "sasl-gssapi")]
            Sasl::Kerberos(_) => kerberos::begin(self.kerberos.as_ref(), host),
            // A mechanism that the configuration gets later is one here, too.
            other => Err(SaslFailure::WorkFailed {
                what: ASKING_FOR_CREDENTIALS,
                problem: format!("there are none for {}", other.mechanism()),
            }),
        }
    }

    fn worked(&self, worked: &Worked) {
        if let Some(keys) = worked.result::<ScramKeys>() {
            self.keys.lock().keep(keys.clone());
        }
    }

    fn refused(&self, mechanism: &dyn SaslMechanism) {
        self.token.refuse_if(|token| mechanism.is_secret_in(token));
        #[cfg(feature = "sasl-msk-iam")]
        self.msk_iam.refused();
    }
}

/// What a configuration needs, this build has to have.
///
/// # Errors
/// [`ConfigError::FeatureOff`].
pub(super) fn check_features(sasl: &Sasl) -> Result<(), ConfigError> {
    match sasl {
        #[cfg(not(feature = "sasl-msk-iam"))]
        Sasl::MskIam(_) => Err(ConfigError::FeatureOff {
            key: "sasl.mechanism",
            value: sasl.mechanism(),
            feature: "sasl-msk-iam",
        }),
        #[cfg(not(feature = "sasl-gssapi"))]
        Sasl::Kerberos(_) => Err(ConfigError::FeatureOff {
            key: "sasl.mechanism",
            value: sasl.mechanism(),
            feature: "sasl-gssapi",
        }),
        _ => Ok(()),
    }
}

/// No secret is in it.
impl fmt::Debug for ProducerLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerLogin").field("sasl", &self.sasl).finish_non_exhaustive()
    }
}

fn plain(who: &Credentials) -> Mechanism {
    Ok(Box::new(Plain::new(who.user(), who.password())?))
}

/// The mechanism with the credentials that there are, or one that asks for them first.
fn with_credentials(
    name: &'static str,
    login: &Login,
    make: impl Fn(&Credentials) -> Mechanism + Send + 'static,
) -> Mechanism {
    match login {
        Login::Fixed(credentials) => make(credentials),
        Login::Provided(provider) => {
            let provider = Arc::clone(provider);
            Ok(Box::new(Deferred::new(name, ASKING_FOR_CREDENTIALS, move || {
                let given = block_on(provider.credentials());
                make(&given.map_err(|error| not_given(ASKING_FOR_CREDENTIALS, &error))?)
            })))
        }
        _ => Err(not_given(ASKING_FOR_CREDENTIALS, "this version knows no such login")),
    }
}

fn not_given(what: &'static str, why: impl fmt::Display) -> SaslFailure {
    SaslFailure::WorkFailed { what, problem: kp_protocol::text::shown(&why.to_string()).to_string() }
}

/// The newest token of a provider, and until when (in milliseconds since the epoch) later connections take it too.
#[derive(Default)]
struct KeptToken(Mutex<Kept>);

#[derive(Default)]
enum Kept {
    #[default]
    Nothing,
    /// Shown to later connections, until then.
    Good(Token, i64),
    /// Shown no more: a broker did not take it.
    Refused(Token),
}

impl KeptToken {
    fn good_at(&self, now: i64) -> Option<Token> {
        match &*self.0.lock() {
            Kept::Good(token, until) if now < *until => Some(token.clone()),
            _ => None,
        }
    }

    /// The token that is kept is shown no more, if it is this one.
    fn refuse_if(&self, is_this: impl FnOnce(&str) -> bool) {
        let mut kept = self.0.lock();
        if let Kept::Good(token, _) = &*kept
            && token.value().expose_text().is_some_and(is_this)
        {
            *kept = Kept::Refused(token.clone());
        }
    }

    /// The token that was refused since a token was asked for the last time.
    fn take_refused(&self) -> Option<Token> {
        let mut kept = self.0.lock();
        match std::mem::take(&mut *kept) {
            Kept::Refused(token) => Some(token),
            other => {
                *kept = other;
                None
            }
        }
    }

    /// For four fifths of what is left of it, as Java refreshes its tokens then.
    fn keep(&self, token: &Token, now: i64) {
        let Some(end) = token.end().and_then(|end| end.duration_since(UNIX_EPOCH).ok()) else { return };
        let end = i64::try_from(end.as_millis()).unwrap_or(i64::MAX);
        let until = now.saturating_add(end.saturating_sub(now) / 5 * 4);
        *self.0.lock() = Kept::Good(token.clone(), until);
    }
}

#[cfg(test)]
mod tests;
