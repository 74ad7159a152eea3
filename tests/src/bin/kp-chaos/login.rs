//! How clients get into a secured cluster: trust and password stand in files, and change while the producers write.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use kp_producer::ProducerConfig;
use xtask::kafka::{KafkaCluster, USERS};

use crate::Failure;

/// The listener that clients' own is like: logins over TLS, good for three seconds.
pub(crate) const LISTENER: &str = "REAUTH_SSL";
/// The listener of clients that come through the proxy.
const RELAYED: &str = "clients";
const NEXT_PASSWORD: &str = "the-next-secret";
/// How long a broker may be away in a run with faults.
const PATIENCE: Duration = Duration::from_secs(60);

/// What changed, and how often.
pub(crate) type Changes = BTreeMap<&'static str, u64>;

/// The files that clients read.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    trust: PathBuf,
    password: PathBuf,
    certificates: PathBuf,
}

impl Login {
    /// Writes the files.
    pub(crate) fn new(cluster: &KafkaCluster) -> Result<Self, Failure> {
        let certificates = cluster.certificates();
        let dir = certificates.join("of-the-clients");
        fs::create_dir_all(&dir)?;
        let login = Self { trust: dir.join("trust.pem"), password: dir.join("password"), certificates };
        fs::copy(login.certificates.join("ca.pem"), &login.trust)?;
        replace(&login.password, USERS[0].1.as_bytes())?;
        Ok(login)
    }

    /// The keys that get a client in.
    pub(crate) fn config(&self) -> Result<ProducerConfig, Failure> {
        let (user, _) = USERS[0];
        let text = format!(
            "security.protocol=SASL_SSL\n\
             ssl.truststore.type=PEM\n\
             ssl.truststore.location={}\n\
             kp.ssl.reload.interval.ms=1000\n\
             sasl.mechanism=SCRAM-SHA-512\n\
             sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
             username=\"{user}\" password=\"${{file:{}}}\";\n",
            self.trust.display(),
            self.password.display(),
        );
        Ok(ProducerConfig::from_properties_str(&text)?)
    }

    /// After a third of `whole` brokers get other certificates, after two thirds the user another password.
    pub(crate) fn rotate_within(
        self,
        cluster: &Arc<KafkaCluster>,
        whole: Duration,
    ) -> JoinHandle<Result<Changes, String>> {
        let (cluster, begun) = (Arc::clone(cluster), Instant::now());
        std::thread::spawn(move || {
            let wait_for = |moment: Duration| std::thread::sleep(moment.saturating_sub(begun.elapsed()));
            wait_for(whole / 3);
            self.change_certificates(&cluster).map_err(|error| error.to_string())?;
            wait_for(whole * 2 / 3);
            self.change_password(&cluster).map_err(|error| error.to_string())?;
            Ok(Changes::from([("certificates and their authority changed", 1), ("password changed", 1)]))
        })
    }

    /// First clients trust both authorities, then brokers show certificates of the new one.
    fn change_certificates(&self, cluster: &KafkaCluster) -> Result<(), Failure> {
        let both = ["ca.pem", "otherca.pem"].map(|name| fs::read(self.certificates.join(name)));
        let [old, new] = both;
        replace(&self.trust, &[old?, new?].concat())?;
        // Longer than producers take to look at their files.
        std::thread::sleep(Duration::from_secs(3));
        let store = self.certificates.join("server-otherca.p12");
        let setting = format!("listener.name.{RELAYED}.ssl.keystore.location={}", store.display());
        for broker in cluster.broker_ids() {
            let broker = broker.to_string();
            alter(
                cluster,
                &["--entity-type", "brokers", "--entity-name", &broker, "--add-config", &setting],
            )?;
        }
        eprintln!("brokers have certificates of another authority");
        Ok(())
    }

    fn change_password(&self, cluster: &KafkaCluster) -> Result<(), Failure> {
        let (user, _) = USERS[0];
        let setting = format!("SCRAM-SHA-512=[iterations=8192,password={NEXT_PASSWORD}]");
        alter(cluster, &["--entity-type", "users", "--entity-name", user, "--add-config", &setting])?;
        // A user has one password at a time, so clients are refused until they have read the new one.
        replace(&self.password, NEXT_PASSWORD.as_bytes())?;
        eprintln!("the user has another password");
        Ok(())
    }
}

/// Kafka's own tool, again and again while brokers are away.
fn alter(cluster: &KafkaCluster, args: &[&str]) -> Result<(), Failure> {
    let bootstrap = cluster.bootstrap();
    let fixed = ["--bootstrap-server", bootstrap.as_str(), "--alter"];
    let args: Vec<&str> = fixed.into_iter().chain(args.iter().copied()).collect();
    let begun = Instant::now();
    loop {
        match cluster.tool("kafka.admin.ConfigCommand", &args) {
            Ok(_) => return Ok(()),
            Err(error) if begun.elapsed() > PATIENCE => return Err(error.into()),
            Err(_) => std::thread::sleep(Duration::from_millis(500)),
        }
    }
}

/// Whoever reads the file sees the old content or the new, never a part.
fn replace(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let draft = path.with_extension("new");
    fs::write(&draft, content)?;
    fs::rename(&draft, path)
}
