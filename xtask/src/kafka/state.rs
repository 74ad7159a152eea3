//! What is remembered of a cluster: `target/kafka/clusters/<name>/state.json`, so that `down`, `status`, `kill`
//! and `restart` find the processes of an earlier command.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::process::ProcessId;
use super::secured::ListenerState;
use super::services::ServiceState;
use crate::error::{Doing, XtaskError};
use crate::workspace;

/// How long a failed test's brokers can be looked into.
const LOGS_ARE_KEPT: Duration = Duration::from_secs(3600);

/// Who ends a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifetime {
    /// It ends with the process that started it, however that ends; for tests.
    WithProcess,
    /// It stays until `down` or [`super::KafkaCluster::stop`]; for `cargo xtask kafka up`.
    Detached,
}

/// A cluster as it is written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ClusterState {
    /// Its name: also the name of its directory.
    pub name: String,
    /// The version of Kafka, a row of [`super::VERSIONS`].
    pub version: String,
    /// The id that its storage was formatted with.
    pub cluster_id: String,
    /// Who ends it.
    pub lifetime: Lifetime,
    /// The process that started it.
    pub owner: Option<ProcessId>,
    /// Heap of each broker, in MiB.
    pub heap_mib: u32,
    /// Further flags of the Java that runs each broker.
    #[serde(default)]
    pub java_flags: Vec<String>,
    /// Its nodes, ids from 1.
    pub brokers: Vec<BrokerState>,
    /// Whether it has certificates and users.
    #[serde(default)]
    pub is_secured: bool,
    /// Its ZooKeeper, in versions that need one.
    #[serde(default)]
    pub zookeeper: Option<ZooKeeperState>,
    /// What it has beside its brokers.
    #[serde(default)]
    pub services: Vec<ServiceState>,
}

/// The ZooKeeper of a cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ZooKeeperState {
    /// Its port, on 127.0.0.1.
    pub port: u16,
    /// The process, if it was started; it may have ended since.
    pub process: Option<ProcessId>,
}

/// One node: broker and controller in one process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BrokerState {
    /// `node.id`, from 1.
    pub id: i32,
    /// The port for clients, on 127.0.0.1.
    pub port: u16,
    /// The port for controllers, on 127.0.0.1.
    pub controller_port: u16,
    /// Its secured listeners.
    #[serde(default)]
    pub listeners: Vec<ListenerState>,
    /// The process, if it was started; it may have ended since.
    pub process: Option<ProcessId>,
}

impl BrokerState {
    /// Whether its process is there; a stopped (`SIGSTOP`) one is.
    pub fn is_alive(&self) -> bool {
        self.process.as_ref().is_some_and(ProcessId::is_alive)
    }

    /// Whether its process is there and can answer: not ended, not stopped.
    pub fn is_running(&self) -> bool {
        self.process.as_ref().is_some_and(ProcessId::is_running)
    }

    /// `host:port` for clients.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl ClusterState {
    /// The addresses of all brokers, for `bootstrap.servers`.
    pub fn bootstrap(&self) -> String {
        self.brokers.iter().map(BrokerState::address).collect::<Vec<_>>().join(",")
    }

    /// Where its logs and data lie.
    pub fn directory(&self) -> PathBuf {
        clusters_dir().join(&self.name)
    }

    /// The broker's directory: settings, log, data.
    pub fn broker_directory(&self, broker: i32) -> PathBuf {
        self.directory().join(format!("broker-{broker}"))
    }

    /// Whether any of its processes is there.
    pub fn is_alive(&self) -> bool {
        let zookeeper = self.zookeeper.as_ref().and_then(|zookeeper| zookeeper.process.as_ref());
        let services = self.services.iter().filter_map(|service| service.process.as_ref());
        self.brokers.iter().any(BrokerState::is_alive) || services.chain(zookeeper).any(ProcessId::is_alive)
    }

    /// Whether it is not needed any more: its owner is gone, and so are its processes, since long enough that
    /// its logs are not read any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        let saved = fs::metadata(self.directory().join("state.json")).and_then(|file| file.modified());
        let age = saved.ok().and_then(|saved| saved.elapsed().ok()).unwrap_or_default();
        self.lifetime == Lifetime::WithProcess
            && age > LOGS_ARE_KEPT
            && !self.is_alive()
            && !self.owner.as_ref().is_some_and(ProcessId::is_alive)
    }

    /// Writes it down; a reader sees the old file or the new one, never half of it.
    pub(crate) fn save(&self) -> Result<(), XtaskError> {
        let path = self.directory().join("state.json");
        let text = serde_json::to_string_pretty(self)
            .map_err(|source| XtaskError::Json { path: path.clone(), source })?;
        let draft = path.with_extension("json.new");
        fs::write(&draft, text + "\n").doing(|| format!("writing {}", draft.display()))?;
        fs::rename(&draft, &path).doing(|| format!("renaming {}", draft.display()))
    }

    /// Reads what was written down for `name`.
    ///
    /// # Errors
    /// [`XtaskError::NoCluster`] if nothing was.
    pub fn load(name: &str) -> Result<Self, XtaskError> {
        read(&clusters_dir().join(name).join("state.json"))?
            .ok_or_else(|| XtaskError::NoCluster { name: name.to_owned() })
    }

    /// All clusters written down, by name.
    ///
    /// # Errors
    /// When the directory of the clusters cannot be read.
    pub fn load_all() -> Result<Vec<Self>, XtaskError> {
        let dir = clusters_dir();
        let entries = match fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => {
                return Err(XtaskError::Io { doing: format!("reading {}", dir.display()), source });
            }
        };
        let mut states = Vec::new();
        for entry in entries.flatten() {
            states.extend(read(&entry.path().join("state.json"))?);
        }
        states.sort_by(|a: &Self, b| a.name.cmp(&b.name));
        Ok(states)
    }
}

/// Where all clusters lie.
pub(crate) fn clusters_dir() -> PathBuf {
    workspace::target_dir().join("kafka/clusters")
}

fn read(path: &Path) -> Result<Option<ClusterState>, XtaskError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(XtaskError::Io { doing: format!("reading {}", path.display()), source }),
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|source| XtaskError::Json { path: path.to_path_buf(), source })
}
