//! Apache Kafka itself, for tests and for trying things out: clusters of one or three brokers on 127.0.0.1,
//! started from Maven's jars on Java 17, without a container engine.
//!
//! Owns: processes, ports and directories of clusters under `target/kafka`. Borrows: Java and Maven.
//! A cluster started with [`Lifetime::WithProcess`] ends when its [`KafkaCluster`] is dropped, and also when the
//! process that started it dies in any way.

mod java;
mod kdc;
mod new_cluster;
mod options;
mod ports;
mod process;
mod secured;
mod services;
mod settings;
mod state;
mod tools;
mod topics;
mod versions;
mod wire;
mod zookeeper;

pub mod commands;

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub(crate) use self::java::Java;
use self::process::Keeper;
use self::settings::{Listener, NodeSettings};

pub use self::java::available;
pub use self::kdc::Kdc;
pub use self::options::{ClientListener, Options, SecuredOptions};
pub use self::ports::pick as free_ports;
pub use self::process::{ProcessId, Signal};
pub use self::secured::{
    HOST, LISTENERS, Login, Protocol, SERVICE_USERS, STORE_PASSWORD, SecuredListener, USERS,
    make_certificates,
};
pub use self::services::{ISSUER_SECRET, Service, ServiceState};
pub use self::state::{BrokerState, ClusterState, Lifetime, ZooKeeperState};
pub(crate) use self::tools::{run, shown};
use self::versions::Quorum;
pub use self::versions::{VERSIONS, Version};
pub use self::wire::PartitionView;
use crate::error::{Doing, XtaskError};
use crate::workspace;

/// How long a cluster may take to come up; two busy cores need 10 s for one broker, 25 s for three.
const START_LIMIT: Duration = Duration::from_secs(120);
/// How long a killed process may take to be gone.
const END_LIMIT: Duration = Duration::from_secs(20);

/// A cluster of Apache Kafka brokers. Calls take `&self`, so a test can kill a broker from one thread while
/// another sends. Broker ids start at 1.
#[derive(Debug)]
pub struct KafkaCluster {
    version: &'static Version,
    java: Java,
    state: Mutex<ClusterState>,
    /// By broker, as in `state`; `None` for brokers that another process started.
    keepers: Mutex<Vec<Option<Keeper>>>,
    /// Of the ZooKeeper, likewise.
    zookeeper_keeper: Mutex<Option<Keeper>>,
    /// Of what there is beside them, likewise.
    service_keepers: Mutex<Vec<Keeper>>,
}

impl KafkaCluster {
    /// Starts a cluster and returns when every broker answers and knows of all others.
    ///
    /// # Errors
    /// Missing Java or Maven, a name in use, a broker that did not come up within two minutes. Nothing that was
    /// started stays then.
    pub fn start(options: &Options) -> Result<Self, XtaskError> {
        let mut attempts_left = 2;
        loop {
            match Self::start_once(options) {
                // Another process was quicker with the port.
                Err(XtaskError::Broker { tail, .. })
                    if attempts_left > 0 && tail.contains("already in use") =>
                {
                    attempts_left -= 1;
                    eprintln!("kafka: a port was taken in the meantime; starting again with others");
                }
                outcome => return outcome,
            }
        }
    }

    fn start_once(options: &Options) -> Result<Self, XtaskError> {
        let version = Version::find(&options.version)?;
        options.check()?;
        sweep();
        let java = Java::with_jars_of(version)?;
        let state = new_cluster::state(options)?;
        let directory = state.directory();
        if directory.exists() {
            fs::remove_dir_all(&directory).doing(|| format!("removing {}", directory.display()))?;
        }
        fs::create_dir_all(&directory).doing(|| format!("making {}", directory.display()))?;
        state.save()?;
        let cluster = Self::of(version, java, state);
        let issuer = cluster.find_issuer(options)?;
        let started = Instant::now();
        let outcome = cluster
            .prepare_security()
            .and_then(|()| cluster.launch_services(issuer.as_deref()))
            .and_then(|()| cluster.write_settings(&options.settings, &options.client_listeners))
            .and_then(|()| cluster.prepare_quorum())
            .and_then(|()| cluster.launch_all());
        match outcome.and_then(|()| cluster.wait_until_ready(started)) {
            Ok(()) => {
                let (name, took) = (cluster.name(), started.elapsed().as_secs_f32());
                eprintln!(
                    "kafka {}: {name} with {} broker(s) ready in {took:.1} s",
                    version.number, options.brokers
                );
                Ok(cluster)
            }
            Err(error) => {
                cluster.end_all();
                Err(error)
            }
        }
    }

    /// Takes up a cluster that another command started. Dropping it ends nothing.
    ///
    /// # Errors
    /// [`XtaskError::NoCluster`], or Java is missing.
    pub fn open(name: &str) -> Result<Self, XtaskError> {
        let state = ClusterState::load(name)?;
        let version = Version::find(&state.version)?;
        let java = Java::with_jars_of(version)?;
        Ok(Self::of(version, java, state))
    }

    /// A cluster of which nothing was started by this process.
    fn of(version: &'static Version, java: Java, state: ClusterState) -> Self {
        let keepers = state.brokers.iter().map(|_| None).collect();
        let (state, keepers) = (Mutex::new(state), Mutex::new(keepers));
        Self {
            version,
            java,
            state,
            keepers,
            zookeeper_keeper: Mutex::default(),
            service_keepers: Mutex::default(),
        }
    }

    /// Its name.
    pub fn name(&self) -> String {
        self.state().name.clone()
    }

    /// All brokers' addresses, for `bootstrap.servers`: also of those that are down.
    pub fn bootstrap(&self) -> String {
        self.state().bootstrap()
    }

    /// The ids of all brokers, up or down.
    pub fn broker_ids(&self) -> Vec<i32> {
        self.state().brokers.iter().map(|broker| broker.id).collect()
    }

    /// `127.0.0.1:port` of one broker.
    ///
    /// # Errors
    /// [`XtaskError::NoBroker`].
    pub fn address(&self, broker: i32) -> Result<String, XtaskError> {
        self.with_broker(broker, |broker| broker.address())
    }

    /// Whether the broker's process is there; a stopped (`SIGSTOP`) one is.
    ///
    /// # Errors
    /// [`XtaskError::NoBroker`].
    pub fn is_alive(&self, broker: i32) -> Result<bool, XtaskError> {
        self.with_broker(broker, BrokerState::is_alive)
    }

    /// Kills a broker (`SIGKILL`) and returns when it is gone. Killing a dead one does nothing.
    ///
    /// # Errors
    /// [`XtaskError::NoBroker`], or it was still there after 20 s.
    pub fn kill(&self, broker: i32) -> Result<(), XtaskError> {
        self.signal(broker, Signal::KILL)?;
        self.wait_for_end(broker)
    }

    /// Sends a signal to a broker: `STOP` freezes it, `CONT` thaws it, `TERM` shuts it down in order.
    /// Answers whether it was there to get it.
    ///
    /// # Errors
    /// [`XtaskError::NoBroker`].
    pub fn signal(&self, broker: i32, signal: Signal) -> Result<bool, XtaskError> {
        self.with_broker(broker, |broker| {
            broker.process.as_ref().is_some_and(|process| process.signal(signal))
        })
    }

    /// Starts a broker again, on its port and with its data; one that runs is killed first. Returns when it
    /// answers and every running broker knows of it.
    ///
    /// # Errors
    /// [`XtaskError::NoBroker`], or it did not come up within two minutes.
    pub fn restart(&self, broker: i32) -> Result<(), XtaskError> {
        self.kill(broker)?;
        let started = Instant::now();
        loop {
            self.launch(broker)?;
            let Err(error) = self.wait_until_ready(started) else { return Ok(()) };
            // A ZooKeeper keeps a killed broker's name until its session ends, and the broker gives up over that.
            let has_given_up = !self.with_broker(broker, BrokerState::is_alive)?;
            if self.state().zookeeper.is_none() || !has_given_up || started.elapsed() > START_LIMIT {
                return Err(error);
            }
        }
    }

    /// Ends all brokers (`SIGKILL`, for their data is thrown away) and removes the cluster's directory.
    ///
    /// # Errors
    /// When a process did not go, or the directory could not be removed.
    pub fn stop(self) -> Result<(), XtaskError> {
        self.end_all();
        for id in self.broker_ids() {
            self.wait_for_end(id)?;
        }
        self.remove_directory()
    }

    /// Where a broker's log segments lie.
    pub fn data_directory(&self, broker: i32) -> PathBuf {
        self.state().broker_directory(broker).join("data")
    }

    /// What a broker wrote to its log.
    pub fn log_file(&self, broker: i32) -> PathBuf {
        self.state().broker_directory(broker).join("broker.log")
    }

    fn state(&self) -> MutexGuard<'_, ClusterState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keepers(&self) -> MutexGuard<'_, Vec<Option<Keeper>>> {
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_broker<T>(&self, id: i32, ask: impl FnOnce(&BrokerState) -> T) -> Result<T, XtaskError> {
        let state = self.state();
        let found = state.brokers.iter().find(|broker| broker.id == id);
        found.map(ask).ok_or_else(|| XtaskError::NoBroker {
            name: state.name.clone(),
            broker: id,
            brokers: state.brokers.len(),
        })
    }

    fn wait_for_end(&self, id: i32) -> Result<(), XtaskError> {
        let process = self.with_broker(id, |broker| broker.process.clone())?;
        if process.is_some_and(|process| !process.wait_for_end(END_LIMIT)) {
            return Err(self.broker_error(id, "did not end", END_LIMIT));
        }
        Ok(())
    }

    fn broker_error(&self, broker: i32, what: &str, waited: Duration) -> XtaskError {
        let log = self.log_file(broker);
        let tail = tools::last_lines_of(&log, 15);
        XtaskError::Broker { broker, what: what.to_owned(), waited, log, tail }
    }

    /// Writes each broker's settings.
    fn write_settings(
        &self,
        overrides: &[(String, String)],
        clients: &[ClientListener],
    ) -> Result<(), XtaskError> {
        let state = self.state().clone();
        let zookeeper_port = state.zookeeper.as_ref().map(|zookeeper| zookeeper.port);
        for (place, node) in state.brokers.iter().enumerate() {
            let dir = state.broker_directory(node.id);
            let data = dir.join("data");
            fs::create_dir_all(&data).doing(|| format!("making {}", data.display()))?;
            let client = clients.get(place);
            let mut listeners = secured::open_listeners(node, self.is_old());
            listeners.extend(client.map(|client| Listener::of_clients(*client, state.is_secured)));
            let settings = NodeSettings {
                brokers: &state.brokers,
                node,
                data: &data,
                zookeeper_port,
                listeners: &listeners,
                security: &self.security_lines(node, client.is_some()),
                overrides,
            };
            let path = dir.join("server.properties");
            fs::write(&path, settings.to_properties()).doing(|| format!("writing {}", path.display()))?;
        }
        Ok(())
    }

    /// What must be there before the first broker starts: formatted storage, or a ZooKeeper.
    fn prepare_quorum(&self) -> Result<(), XtaskError> {
        match &self.version.quorum {
            Quorum::KRaft { storage_tool } => self.format(storage_tool),
            Quorum::ZooKeeper { server, .. } => self.launch_zookeeper(server),
        }
    }

    /// Formats the storage of all brokers, side by side.
    fn format(&self, storage_tool: &str) -> Result<(), XtaskError> {
        let state = self.state().clone();
        let mut running = Vec::new();
        for node in &state.brokers {
            let path = state.broker_directory(node.id).join("server.properties");
            let mut command = self.tool_command(storage_tool);
            command.args(["format", "-t", &state.cluster_id, "-c"]).arg(path).args(self.users_to_format());
            running.push(std::thread::spawn(move || tools::run(&mut command).map(drop)));
        }
        for thread in running {
            thread
                .join()
                .unwrap_or_else(|_| Err(XtaskError::Failed("a formatting thread panicked".to_owned())))?;
        }
        Ok(())
    }

    fn launch_all(&self) -> Result<(), XtaskError> {
        self.broker_ids().into_iter().try_for_each(|id| self.launch(id))
    }

    /// Starts the broker's process and writes its id down.
    fn launch(&self, id: i32) -> Result<(), XtaskError> {
        let (heap, flags, watched, dir) = {
            let state = self.state();
            let watched = state.lifetime == Lifetime::WithProcess;
            (state.heap_mib, state.java_flags.clone(), watched, state.broker_directory(id))
        };
        let log_path = self.log_file(id);
        let log = File::options().create(true).append(true).open(&log_path);
        let log = log.doing(|| format!("opening {}", log_path.display()))?;
        let heap = format!("-Xmx{heap}m");
        let fixed = [heap.as_str(), "-Dorg.slf4j.simpleLogger.showDateTime=true"];
        let flags: Vec<&str> = fixed.into_iter().chain(flags.iter().map(String::as_str)).collect();
        let mut command = self.java.command(&flags);
        command
            .args(self.logging())
            .arg(self.version.broker)
            .arg(dir.join("server.properties"))
            .current_dir(&dir);
        let data = dir.join("data");
        let (keeper, process) = Keeper::start(&command, log, watched.then_some(data.as_path()))?;
        let mut old = None;
        let mut state = self.state();
        if let Some(index) = state.brokers.iter().position(|broker| broker.id == id) {
            state.brokers[index].process = Some(process);
            old = self.keepers()[index].replace(keeper);
        }
        state.save()?;
        drop(state);
        if let Some(old) = old {
            old.dismiss();
        }
        Ok(())
    }

    /// The flag that gives log4j its settings, where that is what logs.
    fn logging(&self) -> Option<String> {
        let settings = workspace::root().join("xtask/kafka/log4j.properties");
        self.version.has_log4j.then(|| format!("-Dlog4j.configuration=file:{}", settings.display()))
    }

    /// Waits until every running broker answers and lists all running brokers.
    fn wait_until_ready(&self, since: Instant) -> Result<(), XtaskError> {
        let expected: Vec<_> =
            self.state().brokers.iter().filter(|broker| broker.is_running()).cloned().collect();
        let knows_all = |port: u16| {
            wire::metadata(port)
                .is_ok_and(|view| expected.iter().all(|broker| view.brokers.contains(&broker.id)))
        };
        for broker in &expected {
            while !knows_all(broker.port) {
                for other in &expected {
                    if !other.is_alive() {
                        return Err(self.broker_error(other.id, "ended while it started", since.elapsed()));
                    }
                }
                if since.elapsed() > START_LIMIT {
                    return Err(self.broker_error(broker.id, "was not ready in time", since.elapsed()));
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
        self.wait_for_listeners(START_LIMIT)
    }

    /// Kills every broker, collects what is left of them, and says so in the file.
    fn end_all(&self) {
        for broker in &self.state().brokers {
            if let Some(process) = &broker.process {
                process.signal(Signal::KILL);
            }
        }
        let keepers: Vec<_> = self.keepers().iter_mut().map(Option::take).collect();
        keepers.into_iter().flatten().for_each(Keeper::dismiss);
        self.end_zookeeper();
        self.end_services();
    }

    fn remove_directory(&self) -> Result<(), XtaskError> {
        let directory = self.state().directory();
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).doing(|| format!("removing {}", directory.display()))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for KafkaCluster {
    /// Ends the brokers of a cluster that lives with this process. Its directory is removed, unless a test is
    /// failing, and its reader may want to look at logs and data.
    fn drop(&mut self) {
        let state = self.state().clone();
        let is_mine = state.owner.is_some() && state.owner == ProcessId::of(std::process::id() as i32);
        if state.lifetime == Lifetime::WithProcess && is_mine {
            self.end_all();
            if !std::thread::panicking() {
                // A directory that cannot be removed now is swept by the next start.
                let _ = self.remove_directory();
            }
        }
    }
}

/// `java` with the class path of a version's jars, for a Java program of ours.
///
/// # Errors
/// Java or Maven is missing.
pub(crate) fn java_command(version: &Version) -> Result<Command, XtaskError> {
    java_command_in(version.number)
}

/// The same with the jars that the pom in a folder of `xtask/kafka` names.
///
/// # Errors
/// Java or Maven is missing.
pub(crate) fn java_command_in(folder: &str) -> Result<Command, XtaskError> {
    Ok(Java::with_jars_in(folder)?.command(tools::TOOL_FLAGS))
}

/// Removes what clusters of dead processes left behind. Best effort: what cannot be removed does no harm.
fn sweep() {
    for state in ClusterState::load_all().unwrap_or_default() {
        if state.is_abandoned() {
            let _ = fs::remove_dir_all(state.directory());
        }
    }
}
