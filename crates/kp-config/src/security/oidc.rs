//! OAUTHBEARER with tokens that an endpoint issues (KIP-768, KIP-1139, KIP-1258): plain data, by typed calls or out of the keys
//! (`oidc_keys.rs`). Never: a request, a file that is read.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kp_sasl::{Credentials, CredentialsProvider, SaslExtensions, Secret};

use super::Login;

/// How tokens are got: from whom, with what, and how long that may take. No secret is in its `Debug`.
///
/// ```
/// use kp_config::{Oidc, ProducerConfig, Sasl, Secret, Security};
/// let login = Oidc::new("https://issuer.example/oauth2/token").client("kp", Secret::from("kp-secret")).scope("kafka");
/// let config = ProducerConfig::default()
///     .bootstrap_servers("localhost:9092")
///     .security(Security::plaintext())
///     .sasl(Sasl::oidc(login));
/// assert!(!format!("{config:?}").contains("kp-secret"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Oidc {
    pub(super) endpoint: String,
    pub(super) grant: OidcGrant,
    pub(super) scope: Option<String>,
    pub(super) extensions: SaslExtensions,
    pub(super) claims: ClaimNames,
    pub(super) limits: OidcLimits,
    pub(super) trust: Vec<(String, Secret)>,
    pub(super) http_to_others: bool,
}

/// What the endpoint is shown in exchange for a token.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum OidcGrant {
    /// `client_credentials`, with an id and a secret.
    ClientSecret {
        /// The id and the secret.
        client: Login,
        /// Whether both are percent-encoded in the header (`sasl.oauthbearer.header.urlencode`).
        is_encoded: bool,
    },
    /// `client_credentials`, with a signed assertion in place of a secret (RFC 7523, 2.2).
    ClientAssertion {
        /// The client's id, if the endpoint wants it beside the assertion.
        id: Option<String>,
        /// The assertion.
        assertion: Assertion,
    },
    /// `jwt-bearer`: an assertion is exchanged for a token (RFC 7523, 2.1).
    JwtBearer(Assertion),
    /// No endpoint: a file holds the token, and is read whenever one is wanted.
    File(PathBuf),
}

/// A JSON Web Token that says who the client is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Assertion {
    /// A file holds it, finished (`sasl.oauthbearer.assertion.file`).
    File(PathBuf),
    /// It is made and signed anew for each request.
    Signed(SignedAssertion),
}

/// An assertion that kp makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedAssertion {
    pub(super) algorithm: AssertionAlgorithm,
    pub(super) key_file: PathBuf,
    pub(super) passphrase: Option<Secret>,
    pub(super) template_file: Option<PathBuf>,
    pub(super) audience: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) subject: Option<String>,
    pub(super) lifetime: Duration,
    pub(super) backdating: Duration,
    pub(super) is_numbered: bool,
}

/// How an assertion is signed (`sasl.oauthbearer.assertion.algorithm`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssertionAlgorithm {
    /// RSA with SHA-256.
    Rs256,
    /// ECDSA over P-256 with SHA-256.
    Es256,
}

/// The names of the claims that are read of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ClaimNames {
    pub(super) subject: String,
    pub(super) scope: String,
}

/// How long an exchange with the endpoint may take, and how long a failed one is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OidcLimits {
    /// Until there is a connection (`sasl.login.connect.timeout.ms`; 10 s).
    pub connect: Duration,
    /// Until there is the whole answer (`sasl.login.read.timeout.ms`; 10 s).
    pub exchange: Duration,
    /// The wait before the second request; doubled for each further one (`sasl.login.retry.backoff.ms`; 100 ms).
    pub retry_backoff: Duration,
    /// After so much time in all no further request is begun (`sasl.login.retry.backoff.max.ms`; 10 s).
    pub retry_total: Duration,
}

impl Default for OidcLimits {
    fn default() -> Self {
        const TEN_SECONDS: Duration = Duration::from_secs(10);
        Self {
            connect: TEN_SECONDS,
            exchange: TEN_SECONDS,
            retry_backoff: Duration::from_millis(100),
            retry_total: TEN_SECONDS,
        }
    }
}

/// An endpoint, and nothing yet to show it.
#[derive(Clone, Debug)]
pub struct OidcEndpoint(String);

impl OidcEndpoint {
    /// Shows it an id and a secret.
    #[must_use]
    pub fn client(self, id: impl Into<String>, secret: impl Into<Secret>) -> Oidc {
        self.granting(OidcGrant::client(Login::Fixed(Credentials::new(id, secret))))
    }

    /// Shows it an id and a secret that can change: `provider` is asked before each request.
    #[must_use]
    pub fn client_from(self, provider: impl CredentialsProvider + 'static) -> Oidc {
        self.granting(OidcGrant::client(Login::Provided(Arc::new(provider))))
    }

    /// Shows it an assertion in place of a secret, with the client's id beside it if there is one.
    #[must_use]
    pub fn client_assertion(self, id: Option<String>, assertion: Assertion) -> Oidc {
        self.granting(OidcGrant::ClientAssertion { id, assertion })
    }

    /// Exchanges an assertion for a token.
    #[must_use]
    pub fn jwt_bearer(self, assertion: Assertion) -> Oidc {
        self.granting(OidcGrant::JwtBearer(assertion))
    }

    pub(super) fn granting(self, grant: OidcGrant) -> Oidc {
        Oidc {
            endpoint: self.0,
            grant,
            scope: None,
            extensions: SaslExtensions::default(),
            claims: ClaimNames { subject: "sub".to_owned(), scope: "scope".to_owned() },
            limits: OidcLimits::default(),
            trust: Vec::new(),
            http_to_others: false,
        }
    }
}

impl OidcGrant {
    fn client(client: Login) -> Self {
        Self::ClientSecret { client, is_encoded: false }
    }
}

impl Oidc {
    /// Tokens of the endpoint at `url` (`sasl.oauthbearer.token.endpoint.url`): what it is shown is said next.
    #[expect(clippy::new_ret_no_self, reason = "an endpoint alone is no way to get a token")]
    #[must_use]
    pub fn new(url: impl Into<String>) -> OidcEndpoint {
        OidcEndpoint(url.into())
    }

    /// A file that holds the token, which something else keeps fresh.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        OidcEndpoint(String::new()).granting(OidcGrant::File(path.into()))
    }

    /// The scope to ask for: words with spaces between.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Extensions for the broker (KIP-342), such as `logicalCluster`.
    #[must_use]
    pub fn extensions(mut self, extensions: SaslExtensions) -> Self {
        self.extensions = extensions;
        self
    }

    /// How long it may take.
    #[must_use]
    pub fn limits(mut self, limits: OidcLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Takes plain `http` to other machines than this one, too (`kp.oauth.allow.http`): secrets and tokens are then read by
    /// every host on the way.
    #[must_use]
    pub fn allow_http(mut self, is_allowed: bool) -> Self {
        self.http_to_others = is_allowed;
        self
    }

    /// The endpoint's URL; empty if a file holds the token.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What the endpoint is shown.
    #[must_use]
    pub fn grant(&self) -> &OidcGrant {
        &self.grant
    }

    /// The scope to ask for.
    #[must_use]
    pub fn asked_scope(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// What goes to the broker beside the token.
    #[must_use]
    pub fn sent_beside(&self) -> &SaslExtensions {
        &self.extensions
    }

    /// The names of the claims with the subject and with the scope.
    #[must_use]
    pub fn claim_names(&self) -> (&str, &str) {
        (&self.claims.subject, &self.claims.scope)
    }

    /// How long it may take.
    #[must_use]
    pub fn time_limits(&self) -> OidcLimits {
        self.limits
    }

    /// Keys `ssl.*` of the connection to the endpoint, from the options of the login module. None: the system's authorities are
    /// believed.
    #[must_use]
    pub fn trust(&self) -> &[(String, Secret)] {
        &self.trust
    }

    /// Whether plain `http` may go to other machines than this one.
    #[must_use]
    pub fn is_http_allowed(&self) -> bool {
        self.http_to_others
    }
}

impl SignedAssertion {
    /// An assertion that is signed with the PEM key of `key_file`, is good for five minutes and began a minute ago.
    #[must_use]
    pub fn new(algorithm: AssertionAlgorithm, key_file: impl Into<PathBuf>) -> Self {
        Self {
            algorithm,
            key_file: key_file.into(),
            passphrase: None,
            template_file: None,
            audience: None,
            issuer: None,
            subject: None,
            lifetime: Duration::from_secs(300),
            backdating: Duration::from_secs(60),
            is_numbered: false,
        }
    }

    /// Whom it is for, who issues it, and whom it is about: `aud`, `iss`, `sub`.
    #[must_use]
    pub fn claims(
        mut self,
        audience: impl Into<String>,
        issuer: impl Into<String>,
        subject: impl Into<String>,
    ) -> Self {
        self.audience = Some(audience.into());
        self.issuer = Some(issuer.into());
        self.subject = Some(subject.into());
        self
    }

    /// A JSON file with further parts: `{"header": {…}, "payload": {…}}`.
    #[must_use]
    pub fn template_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.template_file = Some(path.into());
        self
    }

    /// Opens the key.
    #[must_use]
    pub fn passphrase(mut self, passphrase: impl Into<Secret>) -> Self {
        self.passphrase = Some(passphrase.into());
        self
    }

    /// How it is signed, with the key of which file, and what opens that.
    #[must_use]
    pub fn signer(&self) -> (AssertionAlgorithm, &PathBuf, Option<&Secret>) {
        (self.algorithm, &self.key_file, self.passphrase.as_ref())
    }

    /// The file with further parts.
    #[must_use]
    pub fn template(&self) -> Option<&PathBuf> {
        self.template_file.as_ref()
    }

    /// `aud`, `iss` and `sub`, those that are set.
    pub fn fixed_claims(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [("aud", &self.audience), ("iss", &self.issuer), ("sub", &self.subject)]
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_deref()?)))
    }

    /// From now until `exp`, and from `nbf` until now.
    #[must_use]
    pub fn span(&self) -> (Duration, Duration) {
        (self.lifetime, self.backdating)
    }

    /// Whether each has a number of its own (`jti`).
    #[must_use]
    pub fn is_numbered(&self) -> bool {
        self.is_numbered
    }
}
