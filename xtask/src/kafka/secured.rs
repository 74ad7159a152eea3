//! Security of a cluster: certificates, a listener for each kind of security that a client can meet, users, and a file of
//! client properties for each way in.
//!
//! Owns: what lies in `certificates` and `clients` of a cluster's directory. The listener without security stays, for
//! brokers among each other and for tools; who comes in there is a super user.

mod broker_lines;
mod certificates;
mod clients;
mod listeners;

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use self::certificates::Certificates;
use self::clients::ClientFile;
pub use self::listeners::{LISTENERS, Login, Protocol, SecuredListener};
use super::java::Java;
use super::options::SecuredOptions;
use super::services::Service;
use super::settings::Listener;
use super::state::{BrokerState, ClusterState};
use super::versions::{Quorum, Version};
use super::{KafkaCluster, Kdc, wire};
use crate::error::{Doing, XtaskError};

/// The password of every key store and trust store.
pub const STORE_PASSWORD: &str = "changeit";
/// The users of PLAIN and SCRAM, with their passwords.
pub const USERS: [(&str, &str); 4] = [
    ("alice", "alice-secret"),
    ("bob", "bob-secret"),
    ("avnadmin", "AVNS_alice-secret"),
    ("my-user", "alice-secret"),
];
/// Users of PLAIN alone: as services of the cloud name theirs, with what stands in passwords there.
pub const SERVICE_USERS: [(&str, &str); 2] = [
    ("CLUSTERAPIKEY", "cluster/api+secret=="),
    (
        "$ConnectionString",
        "Endpoint=sb://example.servicebus.windows.net/;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=a/b+c=",
    ),
];
/// How clients call a secured broker: the name in its certificates.
pub const HOST: &str = "localhost";
/// The listener of clients that reach a broker through a relay.
pub(super) const RELAYED: &str = "CLIENTS";

/// A secured listener of one broker, as it is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerState {
    /// Its name, of [`LISTENERS`].
    pub name: String,
    /// Its port.
    pub port: u16,
}

/// The names of the secured listeners that brokers of a version get.
pub(super) fn names(version: &Version, wanted: &SecuredOptions) -> Vec<&'static str> {
    let is_old = matches!(version.quorum, Quorum::ZooKeeper { .. });
    // An old broker's listeners are named after their protocols, so there is one of each.
    let rows = LISTENERS.iter().filter(|row| !is_old || row.name == row.protocol.name());
    let is_wanted = |row: &&SecuredListener| match wanted {
        SecuredOptions::All => true,
        SecuredOptions::Named(names) => names.contains(&row.name),
    };
    let mut rows: Vec<_> = rows.filter(is_wanted).map(|row| row.at(is_old)).collect();
    if *wanted == SecuredOptions::All && !Kdc::is_installed() {
        let without = rows.extract_if(.., |row| row.service() == Some(Service::Kdc));
        let without: Vec<_> = without.map(|row| row.name).collect();
        eprintln!("kafka: no {}, for MIT's KDC is not installed", without.join(", "));
    }
    rows.into_iter().map(|row| row.name).collect()
}

/// What these listeners need beside brokers.
pub(super) fn services(version: &Version, names: &[&str]) -> Vec<Service> {
    let is_old = matches!(version.quorum, Quorum::ZooKeeper { .. });
    let rows = names.iter().filter_map(|name| SecuredListener::find(name));
    let services: BTreeSet<_> = rows.filter_map(|row| row.at(is_old).service()).collect();
    services.into_iter().collect()
}

/// Each listener with its port.
pub(super) fn with_ports(names: &[&'static str], ports: &[u16]) -> Vec<ListenerState> {
    names
        .iter()
        .zip(ports)
        .map(|(name, port)| ListenerState { name: (*name).to_owned(), port: *port })
        .collect()
}

/// A broker's listeners as its settings name them.
pub(super) fn open_listeners(broker: &BrokerState, is_old: bool) -> Vec<Listener> {
    let rows = broker.listeners.iter().filter_map(|open| Some((open, SecuredListener::find(&open.name)?)));
    rows.map(|(open, row)| Listener {
        name: row.name,
        protocol: row.protocol.name(),
        // Before 0.10.2 a broker told clients the name that it listened at.
        host: if is_old { HOST } else { "127.0.0.1" },
        port: open.port,
        advertised: (HOST, open.port),
    })
    .collect()
}

/// Makes the certificates, keys and stores of a secured cluster in `dir`, for a test of its own.
///
/// # Errors
/// openssl or Java is missing, or one of them refuses.
pub fn make_certificates(dir: &Path) -> Result<(), XtaskError> {
    Certificates::make(dir, &Java::with_jars_of(Version::newest())?)
}

impl KafkaCluster {
    /// Makes what a secured cluster needs before its first broker starts. Nothing for one without security.
    pub(super) fn prepare_security(&self) -> Result<(), XtaskError> {
        let state = self.state().clone();
        if !state.is_secured {
            return Ok(());
        }
        Certificates::make(&self.certificates(), &self.java)?;
        let clients = state.directory().join("clients");
        fs::create_dir_all(&clients).doing(|| format!("making {}", clients.display()))?;
        for file in self.client_files_to_write(&state) {
            let path = clients.join(file.name());
            fs::write(&path, file.text()).doing(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }

    /// Lines of `server.properties` that make the listeners of `broker` secure.
    pub(super) fn security_lines(&self, broker: &BrokerState, is_relayed: bool) -> Vec<(String, String)> {
        if !self.state().is_secured {
            return Vec::new();
        }
        let is_old = self.is_old();
        let mut rows = rows_of(&broker.listeners, is_old);
        if is_relayed {
            rows.extend(SecuredListener::find("REAUTH_SSL").map(|row| row.called(RELAYED)));
        }
        broker_lines::lines(&rows, &self.certificates(), &self.services(), is_old)
    }

    /// Arguments of the tool that formats a broker's storage: the users of SCRAM.
    pub(super) fn users_to_format(&self) -> Vec<String> {
        if self.state().is_secured { broker_lines::users_to_format() } else { Vec::new() }
    }

    fn client_files_to_write(&self, state: &ClusterState) -> Vec<ClientFile> {
        let first = state.brokers.first().map(|broker| broker.listeners.as_slice()).unwrap_or_default();
        let (certificates, services) = (self.certificates(), self.services());
        let bootstrap = |row: &SecuredListener| bootstrap_of(state, row.name);
        let rows = rows_of(first, self.is_old());
        let files = |row: &SecuredListener| ClientFile::all(*row, &bootstrap(row), &certificates, &services);
        rows.iter().flat_map(files).collect()
    }

    pub(super) fn is_old(&self) -> bool {
        matches!(self.version.quorum, Quorum::ZooKeeper { .. })
    }

    /// Whether the cluster was started with security.
    pub fn is_secured(&self) -> bool {
        self.state().is_secured
    }

    /// `localhost:port,…` of a secured listener, for `bootstrap.servers`.
    ///
    /// # Errors
    /// The cluster has no listener of that name.
    pub fn bootstrap_at(&self, listener: &str) -> Result<String, XtaskError> {
        let bootstrap = bootstrap_of(&self.state(), listener);
        if bootstrap.is_empty() {
            let name = self.name();
            return Err(XtaskError::Usage(format!("cluster {name:?} has no listener {listener:?}")));
        }
        Ok(bootstrap)
    }

    /// The folder of certificates, keys and stores: `ca.pem`, `truststore.jks`, `client.pem`, `client.key`, …
    pub fn certificates(&self) -> PathBuf {
        self.state().directory().join("certificates")
    }

    /// The file of client properties `<listener>[-<login>].properties` in lower case, e.g. `sasl_ssl-plain`.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn client_file(&self, name: &str) -> Result<PathBuf, XtaskError> {
        let path = self.state().directory().join("clients").join(format!("{name}.properties"));
        if path.is_file() {
            return Ok(path);
        }
        Err(XtaskError::Usage(format!("no file of client properties {}", path.display())))
    }

    /// Lets only `principal`, e.g. `User:alice`, write to `topic`; super users stay what they are.
    ///
    /// # Errors
    /// What the broker says.
    pub fn let_only(&self, principal: &str, topic: &str) -> Result<(), XtaskError> {
        let request = || format!("CreateAcls of {topic}");
        let port = self.state().brokers.first().map_or(0, |broker| broker.port);
        let (code, message) = wire::allow_on_topic(port, topic, principal).doing(request)?;
        if code == 0 {
            return Ok(());
        }
        let answer = format!("error {code} {}", message.unwrap_or_default());
        Err(XtaskError::Answer { request: request(), answer })
    }

    /// Waits until every secured listener of the running brokers takes connections.
    pub(super) fn wait_for_listeners(&self, limit: Duration) -> Result<(), XtaskError> {
        let started = Instant::now();
        let brokers = self.state().brokers.clone();
        for broker in brokers.iter().filter(|broker| broker.is_running()) {
            for listener in &broker.listeners {
                let addresses = [
                    SocketAddr::from((Ipv4Addr::LOCALHOST, listener.port)),
                    SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, listener.port)),
                ];
                while TcpStream::connect(&addresses[..]).is_err() {
                    if started.elapsed() > limit {
                        let what = format!("did not listen at {}", listener.name);
                        return Err(self.broker_error(broker.id, &what, started.elapsed()));
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
        Ok(())
    }

    /// What there is to know of the ways in: a line for each listener, with the names of its files; the last says where those
    /// lie. None without security.
    pub fn ways_in(&self) -> Vec<String> {
        let state = self.state().clone();
        let files = self.client_files_to_write(&state);
        let first = state.brokers.first().map(|broker| broker.listeners.as_slice()).unwrap_or_default();
        let mut lines = Vec::new();
        for row in first.iter().filter_map(|open| SecuredListener::find(&open.name)) {
            lines.push(format!("{:<14} {}  {}", row.name, bootstrap_of(&state, row.name), row.about));
            let names = files.iter().filter(|file| file.listener() == row.name).map(ClientFile::name);
            lines.push(format!("    {}", names.collect::<Vec<_>>().join(" ")));
        }
        if let Some(kdc) = self.kdc() {
            lines.push(format!("Kerberos           {}", kdc.conf().display()));
        }
        if let Some(issuer) = self.issuer() {
            lines.push(format!("tokens             {issuer}/token"));
        }
        if state.is_secured {
            lines.push(format!("client properties  {}", state.directory().join("clients").display()));
            lines.push(format!("certificates       {}", self.certificates().display()));
        }
        lines
    }
}

/// The rows of listeners, as brokers of that age have them.
fn rows_of(listeners: &[ListenerState], is_old: bool) -> Vec<SecuredListener> {
    listeners.iter().filter_map(|open| SecuredListener::find(&open.name)).map(|row| row.at(is_old)).collect()
}

fn bootstrap_of(state: &ClusterState, listener: &str) -> String {
    let named = |broker: &BrokerState| {
        let found = broker.listeners.iter().find(|open| open.name == listener)?;
        Some(format!("{HOST}:{}", found.port))
    };
    state.brokers.iter().filter_map(named).collect::<Vec<_>>().join(",")
}
