//! What connections authenticate with, out of the configuration: the network asks here for each exchange.
//! Owns: the keys of SCRAM. Touched by the network thread, which it never holds
//! up, and by the thread that does the network's heavy work; that one may wait for a provider.

use crate::builder::provided::answer_of;
use crate::config::{ConfigError, Credentials, Login, Sasl, Settings, Token};
use crate::observe::notes::Notes;
use kp_network::{SaslProvider, ScramKeyCache, ScramKeys, TokenFacts};
use kp_protocol::Timestamp;
use kp_sasl::{
    Deferred, JwtClaims, OAuthBearer, Plain, SaslFailure, SaslMechanism, Scram, ScramHash, ScramNonce, Worked,
};
use kp_time::Clock;
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;

mod https;
mod kept_token;
#[cfg(feature = "sasl-gssapi")]
mod kerberos;
#[cfg(feature = "sasl-msk-iam")]
mod msk_iam;
mod not_given;
#[cfg(feature = "sasl-oidc")]
mod oidc;
mod open_calls;

pub(super) use https::HandedCryptography;
use kept_token::{ASKING_FOR_A_TOKEN, TokenKeeper};
use not_given::{not_given, of_provider};
use open_calls::OpenCalls;

type Mechanism = Result<Box<dyn SaslMechanism>, SaslFailure>;

/// The login of one producer.
pub(super) struct ProducerLogin {
    sasl: Sasl,
    max_iterations: u32,
    clock: Arc<dyn Clock>,
    keys: Arc<Mutex<ScramKeyCache>>,
    #[cfg_attr(
        not(feature = "sasl-msk-iam"),
        expect(dead_code, reason = "no other login asks an endpoint later")
    )]
    handed: HandedCryptography,
    /// There if the mechanism has tokens that a provider gives.
    tokens: Option<Arc<TokenKeeper>>,
    /// Of a provider of users and passwords, or of keys of AWS.
    calls: OpenCalls,
    #[cfg(feature = "sasl-msk-iam")]
    msk_iam: msk_iam::MskIamLogin,
    /// There if, and only if, the mechanism is Kerberos.
    #[cfg(feature = "sasl-gssapi")]
    kerberos: Option<kp_gssapi::KerberosLogin>,
}

impl ProducerLogin {
    /// The login that `settings` describe; `seed` is that of chance in the moments at which tokens are replaced.
    ///
    /// # Errors
    /// [`ConfigError::FeatureOff`], or what a login cannot be made of.
    pub(super) fn of(
        sasl: Sasl,
        settings: &Settings,
        handed: HandedCryptography,
        seed: u64,
        notes: &Arc<Notes>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        check_features(&sasl)?;
        let refresh = settings.security.refresh;
        let tokens = match &sasl {
            Sasl::Tokens(source) => {
                let keeper = TokenKeeper::new(Arc::clone(source.provider()), Arc::clone(&clock));
                Some(keeper.refreshed(refresh, seed, notes))
            }
            #[cfg(feature = "sasl-oidc")]
            Sasl::Oidc(login) => Some(oidc::keeper(login, &handed, refresh, seed, notes, &clock)?),
            _ => None,
        };
        let calls = OpenCalls::told_to(notes);
        Ok(Self {
            handed,
            #[cfg(feature = "sasl-msk-iam")]
            msk_iam: msk_iam::MskIamLogin::counting(&calls),
            calls,
            ..Self::new(sasl, settings.scram_max_iterations, clock, tokens)
        })
    }

    fn new(sasl: Sasl, max_iterations: u32, clock: Arc<dyn Clock>, tokens: Option<TokenKeeper>) -> Self {
        Self {
            sasl,
            max_iterations,
            clock,
            keys: Arc::default(),
            handed: HandedCryptography::default(),
            tokens: tokens.map(Arc::new),
            calls: OpenCalls::default(),
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
}

/// OAUTHBEARER with the token that there is, at once, or with one that is asked for first.
fn with_token(tokens: &Arc<TokenKeeper>, host: &str) -> Mechanism {
    if let Some(token) = tokens.shown() {
        return bearing(&token);
    }
    let (tokens, host, noted) = (Arc::clone(tokens), host.to_owned(), tokens.settled());
    Ok(Box::new(Deferred::new("OAUTHBEARER", ASKING_FOR_A_TOKEN, move || {
        bearing(&tokens.token(&host, noted)?)
    })))
}

fn bearing(token: &Token) -> Mechanism {
    let claims = JwtClaims::read(token.value()).ok();
    let principal = token.of_principal().or(claims.as_ref().map(JwtClaims::subject));
    let mechanism = OAuthBearer::new(token.value())?.principal(principal);
    Ok(Box::new(mechanism.extensions(token.sent_beside().clone())))
}

const ASKING_FOR_CREDENTIALS: &str = "asking for credentials";

impl SaslProvider for ProducerLogin {
    fn begin(&self, host: &str) -> Mechanism {
        if let Some(tokens) = &self.tokens {
            return with_token(tokens, host);
        }
        match &self.sasl {
            Sasl::Plain(login) => with_credentials("PLAIN", login, &self.calls, plain),
            Sasl::Scram { hash, login, delegation_token } => {
                let scram = self.scram(*hash, *delegation_token);
                with_credentials(hash.mechanism(), login, &self.calls, scram)
            }
            Sasl::UnsecuredTokens(maker) => {
                let token = maker.token(Timestamp(self.clock.timestamp_ms()))?;
                let claims = JwtClaims::read(&token).ok();
                let mechanism = OAuthBearer::new(&token)?.principal(claims.as_ref().map(JwtClaims::subject));
                Ok(Box::new(mechanism.extensions(maker.extensions().clone())))
            }
            #[cfg(feature = "sasl-msk-iam")]
            Sasl::MskIam(iam) => self.msk_iam.begin(iam, host, &self.handed, &self.clock),
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

    fn reload(&self) {
        if let Some(tokens) = &self.tokens {
            tokens.forget();
        }
        #[cfg(feature = "sasl-msk-iam")]
        self.msk_iam.refused();
    }

    fn tokens(&self) -> Option<TokenFacts> {
        Some(self.tokens.as_ref()?.facts())
    }

    fn refused(&self, mechanism: &dyn SaslMechanism) {
        if let Some(tokens) = &self.tokens {
            tokens.refuse_if(|token| mechanism.is_secret_in(token));
        }
        #[cfg(feature = "sasl-msk-iam")]
        self.msk_iam.refused();
    }
}

/// What a configuration needs, this build has to have.
///
/// # Errors
/// [`ConfigError::FeatureOff`].
fn check_features(sasl: &Sasl) -> Result<(), ConfigError> {
    match sasl {
        #[cfg(not(feature = "sasl-oidc"))]
        Sasl::Oidc(_) => Err(ConfigError::FeatureOff {
            key: "sasl.mechanism",
            value: sasl.mechanism(),
            feature: "sasl-oidc",
        }),
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
    calls: &OpenCalls,
    make: impl Fn(&Credentials) -> Mechanism + Send + 'static,
) -> Mechanism {
    match login {
        Login::Fixed(credentials) => make(credentials),
        Login::Provided(provider) => {
            let (provider, calls) = (Arc::clone(provider), calls.clone());
            Ok(Box::new(Deferred::new(name, ASKING_FOR_CREDENTIALS, move || {
                let given = calls.call(ASKING_FOR_CREDENTIALS, || answer_of(provider.credentials()))?;
                make(&given.map_err(|error| of_provider(ASKING_FOR_CREDENTIALS, error))?)
            })))
        }
        _ => Err(not_given(ASKING_FOR_CREDENTIALS, "this version knows no such login")),
    }
}

#[cfg(test)]
mod tests;
