//! The ZooKeeper of clusters that are too old to do without: started before the brokers, ended after them.

use std::fs::{self, File};
use std::sync::PoisonError;

use super::process::Keeper;
use super::services::wait_for_port;
use super::{KafkaCluster, Lifetime, Signal};
use crate::error::{Doing, XtaskError};

impl KafkaCluster {
    /// Starts the ZooKeeper and waits until its port is open.
    pub(super) fn launch_zookeeper(&self, server: &str) -> Result<(), XtaskError> {
        let state = self.state().clone();
        let Some(zookeeper) = &state.zookeeper else { return Ok(()) };
        let dir = state.directory().join("zookeeper");
        let data = dir.join("data");
        fs::create_dir_all(&data).doing(|| format!("making {}", data.display()))?;
        let settings = dir.join("zookeeper.properties");
        let port = zookeeper.port;
        let text = format!(
            "dataDir={}\nclientPort={port}\nclientPortAddress=127.0.0.1\ntickTime=500\nmaxClientCnxns=0\n",
            data.display()
        );
        fs::write(&settings, text).doing(|| format!("writing {}", settings.display()))?;
        let log_path = dir.join("zookeeper.log");
        let log = File::options().create(true).append(true).open(&log_path);
        let log = log.doing(|| format!("opening {}", log_path.display()))?;
        let mut command = self.java.command(&["-Xmx128m"]);
        command.args(self.logging()).arg(server).arg(&settings).current_dir(&dir);
        let watched = state.lifetime == Lifetime::WithProcess;
        let (keeper, process) = Keeper::start(&command, log, watched.then_some(data.as_path()))?;
        *self.zookeeper_keeper.lock().unwrap_or_else(PoisonError::into_inner) = Some(keeper);
        {
            let mut state = self.state();
            if let Some(zookeeper) = &mut state.zookeeper {
                zookeeper.process = Some(process.clone());
            }
            state.save()?;
        }
        wait_for_port("the ZooKeeper", port, &process, &log_path)
    }

    /// Kills the ZooKeeper, if there is one, and collects what is left of it.
    pub(super) fn end_zookeeper(&self) {
        if let Some(process) =
            self.state().zookeeper.as_ref().and_then(|zookeeper| zookeeper.process.as_ref())
        {
            process.signal(Signal::KILL);
        }
        let keeper = self.zookeeper_keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        keeper.into_iter().for_each(Keeper::dismiss);
    }

    /// `127.0.0.1:port` of the ZooKeeper, in versions that have one.
    pub fn zookeeper(&self) -> Option<String> {
        self.state().zookeeper.as_ref().map(|zookeeper| format!("127.0.0.1:{}", zookeeper.port))
    }
}
