//! How clients get into a secured cluster: trust and password stand in files, tokens come from an issuer; all of them change while
//! the producers write.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kp_producer::ProducerConfig;
use xtask::kafka::{ISSUER_SECRET, KafkaCluster, USERS};

use crate::Failure;

/// The listener that clients' own is like: logins over TLS, good for three seconds.
pub(crate) const LISTENER: &str = "REAUTH_SSL";
/// The listener of clients that come through the proxy.
const RELAYED: &str = "clients";
const MODULES: &str = "org.apache.kafka.common.security";
/// Longer than producers take to look at their files.
const LOOKED_AT: Duration = Duration::from_secs(3);
/// How long a broker may be away in a run with faults.
const PATIENCE: Duration = Duration::from_secs(60);

/// Whose certificates brokers show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authority {
    First,
    Other,
}

impl Authority {
    /// Its own certificate, and the store of brokers.
    fn files(self) -> (&'static str, &'static str) {
        match self {
            Self::First => ("ca.pem", "server.p12"),
            Self::Other => ("otherca.pem", "server-otherca.p12"),
        }
    }

    fn next(self) -> Self {
        if self == Self::First { Self::Other } else { Self::First }
    }
}

/// The files that clients read, and what brokers have.
#[derive(Debug)]
pub(crate) struct Login {
    cluster: Arc<KafkaCluster>,
    trust: PathBuf,
    password: PathBuf,
    certificates: PathBuf,
    authority: Authority,
    passwords: u32,
}

impl Login {
    /// Writes the files.
    pub(crate) fn new(cluster: &Arc<KafkaCluster>) -> Result<Self, Failure> {
        let certificates = cluster.certificates();
        let dir = certificates.join("of-the-clients");
        fs::create_dir_all(&dir)?;
        let (trust, password) = (dir.join("trust.pem"), dir.join("password"));
        fs::copy(certificates.join("ca.pem"), &trust)?;
        replace(&password, USERS[0].1.as_bytes())?;
        let cluster = Arc::clone(cluster);
        Ok(Self { cluster, trust, password, certificates, authority: Authority::First, passwords: 0 })
    }

    /// The keys that get a client in by a password.
    pub(crate) fn by_password(&self) -> Result<ProducerConfig, Failure> {
        let (user, _) = USERS[0];
        let login = format!(
            "sasl.mechanism=SCRAM-SHA-512\n\
             sasl.jaas.config={MODULES}.scram.ScramLoginModule required \
             username=\"{user}\" password=\"${{file:{}}}\";\n",
            self.password.display(),
        );
        self.config(&login)
    }

    /// The keys that get a client in by tokens of the endpoint `url`.
    pub(crate) fn by_token(&self, url: &str) -> Result<ProducerConfig, Failure> {
        let login = format!(
            "sasl.mechanism=OAUTHBEARER\n\
             sasl.login.callback.handler.class={MODULES}.oauthbearer.OAuthBearerLoginCallbackHandler\n\
             sasl.oauthbearer.token.endpoint.url={url}\n\
             sasl.jaas.config={MODULES}.oauthbearer.OAuthBearerLoginModule required \
             clientId='kp' clientSecret='{ISSUER_SECRET}' scope='kafka';\n"
        );
        self.config(&login)
    }

    fn config(&self, login: &str) -> Result<ProducerConfig, Failure> {
        let text = format!(
            "security.protocol=SASL_SSL\n\
             ssl.truststore.type=PEM\n\
             ssl.truststore.location={}\n\
             kp.ssl.reload.interval.ms=1000\n{login}",
            self.trust.display(),
        );
        Ok(ProducerConfig::from_properties_str(&text)?)
    }

    /// First clients trust both authorities, then brokers show certificates of the new one, then clients trust that alone.
    pub(crate) fn change_certificates(&mut self) -> Result<(), Failure> {
        let next = self.authority.next();
        let of = |authority: Authority| fs::read(self.certificates.join(authority.files().0));
        let (old, new) = (of(self.authority)?, of(next)?);
        replace(&self.trust, &[&old[..], &new[..]].concat())?;
        std::thread::sleep(LOOKED_AT);
        for broker in self.cluster.broker_ids() {
            self.show(broker, next.files().1)?;
        }
        replace(&self.trust, &new)?;
        self.authority = next;
        Ok(())
    }

    /// One broker shows a certificate that has ended, for `how_long`.
    pub(crate) fn let_expire(&self, broker: i32, how_long: Duration) -> Result<(), Failure> {
        self.show(broker, "server-expired.p12")?;
        std::thread::sleep(how_long);
        self.show(broker, self.authority.files().1)
    }

    /// The user gets another password; clients read it `later`, and are refused until then.
    pub(crate) fn change_password(&mut self, later: Duration) -> Result<(), Failure> {
        let (user, _) = USERS[0];
        self.passwords += 1;
        let password = format!("secret-number-{}", self.passwords);
        let setting = format!("SCRAM-SHA-512=[iterations=8192,password={password}]");
        self.alter(&["--entity-type", "users", "--entity-name", user, "--add-config", &setting])?;
        std::thread::sleep(later);
        Ok(replace(&self.password, password.as_bytes())?)
    }

    /// Has a broker show another store from its next connection on.
    fn show(&self, broker: i32, store: &str) -> Result<(), Failure> {
        let store = self.certificates.join(store);
        let setting = format!("listener.name.{RELAYED}.ssl.keystore.location={}", store.display());
        self.alter(&[
            "--entity-type",
            "brokers",
            "--entity-name",
            &broker.to_string(),
            "--add-config",
            &setting,
        ])
    }

    /// Kafka's own tool, again and again while brokers are away.
    fn alter(&self, args: &[&str]) -> Result<(), Failure> {
        let bootstrap = self.cluster.bootstrap();
        let fixed = ["--bootstrap-server", bootstrap.as_str(), "--alter"];
        let args: Vec<&str> = fixed.into_iter().chain(args.iter().copied()).collect();
        let begun = Instant::now();
        loop {
            match self.cluster.tool("kafka.admin.ConfigCommand", &args) {
                Ok(_) => return Ok(()),
                Err(error) if begun.elapsed() > PATIENCE => return Err(error.into()),
                Err(_) => std::thread::sleep(Duration::from_millis(500)),
            }
        }
    }
}

/// Whoever reads the file sees the old content or the new, never a part.
fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let draft = path.with_extension("new");
    fs::write(&draft, content)?;
    fs::rename(&draft, path)
}
