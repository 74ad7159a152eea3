//! What a secured cluster has beside its brokers: a KDC, and an issuer of tokens. Started before them, ended with them.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::process::{Keeper, ProcessId};
use super::{KafkaCluster, Kdc, Lifetime, Options, START_LIMIT, Signal, tools};
use crate::error::{Doing, XtaskError};
use crate::programs;

/// The secret of the client `kp`, which the issuer knows.
pub const ISSUER_SECRET: &str = "issued-secret/+=";

/// A program beside the brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// MIT's KDC.
    Kdc,
    /// `kp-oidc` of the tests.
    Issuer,
}

/// A service as it is written down.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ServiceState {
    /// Which one.
    pub service: Service,
    /// Its port, on 127.0.0.1.
    pub port: u16,
    /// The process, if it was started; it may have ended since.
    pub process: Option<ProcessId>,
}

/// Where the services of a cluster are; `None` for one that it does not have.
#[derive(Debug, Clone, Default)]
pub(super) struct Services {
    pub(super) kdc: Option<Kdc>,
    /// The issuer's URL.
    pub(super) issuer: Option<String>,
}

impl Services {
    /// Flags of the Java that runs a broker; `old_login` is the file of one that takes its login from there alone.
    fn java_flags(&self, old_login: Option<&Path>) -> Vec<String> {
        let mut flags = Vec::new();
        if let Some(kdc) = &self.kdc {
            flags.push(format!("-Djava.security.krb5.conf={}", kdc.conf().display()));
            if let Some(login) = old_login {
                flags.push(format!("-Djava.security.auth.login.config={}", login.display()));
                // It has a login, but the ZooKeeper has none.
                flags.push("-Dzookeeper.sasl.client=false".to_owned());
                // It asks a class of the JDK for its default realm.
                for open in ["--add-exports", "--add-opens"] {
                    flags.extend([
                        open.to_owned(),
                        "java.security.jgss/sun.security.krb5=ALL-UNNAMED".to_owned(),
                    ]);
                }
            }
        }
        if let Some(issuer) = &self.issuer {
            flags.push(format!("-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={issuer}/jwks"));
        }
        flags
    }
}

impl KafkaCluster {
    /// Where its services are.
    pub(super) fn services(&self) -> Services {
        let state = self.state().clone();
        let port_of =
            |service| state.services.iter().find(|open| open.service == service).map(|open| open.port);
        Services {
            kdc: port_of(Service::Kdc).map(|_| Kdc::at(state.directory().join("kdc"))),
            issuer: port_of(Service::Issuer).map(|port| format!("http://127.0.0.1:{port}")),
        }
    }

    /// Its KDC, if it has one.
    pub fn kdc(&self) -> Option<Kdc> {
        self.services().kdc
    }

    /// The URL of its issuer of tokens, if it has one.
    pub fn issuer(&self) -> Option<String> {
        self.services().issuer
    }

    /// The program that issues tokens, if the cluster needs one; built when the caller does not say where it lies.
    pub(super) fn find_issuer(&self, options: &Options) -> Result<Option<PathBuf>, XtaskError> {
        if !self.state().services.iter().any(|open| open.service == Service::Issuer) {
            return Ok(None);
        }
        if options.issuer.is_none() {
            eprintln!("building kp-oidc, which issues tokens");
        }
        let built = || programs::build("kp-tests", "kp-oidc", false, &[]);
        options.issuer.clone().map_or_else(built, Ok).map(Some)
    }

    /// Starts them all, and sees to it that brokers know of them.
    pub(super) fn launch_services(&self, issuer: Option<&Path>) -> Result<(), XtaskError> {
        let open = self.state().services.clone();
        for (place, ServiceState { service, port, .. }) in open.into_iter().enumerate() {
            let folder = self.service_folder(service);
            fs::create_dir_all(&folder).doing(|| format!("making {}", folder.display()))?;
            let command = match service {
                Service::Kdc => {
                    let kdc = Kdc::at(folder.clone());
                    kdc.make(port)?;
                    kdc.command()
                }
                Service::Issuer => {
                    let mut command = Command::new(issuer.unwrap_or(Path::new("kp-oidc")));
                    command.arg(port.to_string());
                    command
                }
            };
            self.launch_service(place, port, &command, &folder)?;
        }
        let login = self.write_old_login()?;
        let flags = self.services().java_flags(login.as_deref());
        self.state().java_flags.extend(flags);
        Ok(())
    }

    fn service_folder(&self, service: Service) -> PathBuf {
        self.state().directory().join(match service {
            Service::Kdc => "kdc",
            Service::Issuer => "issuer",
        })
    }

    fn launch_service(
        &self,
        place: usize,
        port: u16,
        command: &Command,
        folder: &Path,
    ) -> Result<(), XtaskError> {
        let log_path = folder.join("service.log");
        let log = File::create(&log_path).doing(|| format!("making {}", log_path.display()))?;
        let is_watched = self.state().lifetime == Lifetime::WithProcess;
        let (keeper, process) = Keeper::start(command, log, is_watched.then_some(folder))?;
        self.service_keepers.lock().unwrap_or_else(PoisonError::into_inner).push(keeper);
        {
            let mut state = self.state();
            state.services[place].process = Some(process.clone());
            state.save()?;
        }
        wait_for_port(&command.get_program().display().to_string(), port, &process, &log_path)
    }

    /// Writes the login of brokers that take it from a file alone; `None` for those that take it from their settings.
    fn write_old_login(&self) -> Result<Option<PathBuf>, XtaskError> {
        let Some(kdc) = self.services().kdc.filter(|_| self.is_old()) else { return Ok(None) };
        let path = self.state().directory().join("login.conf");
        let text = format!("KafkaServer {{ {} }};\n", kdc.broker_login());
        fs::write(&path, text).doing(|| format!("writing {}", path.display()))?;
        Ok(Some(path))
    }

    /// Kills the services, and collects what is left of them.
    pub(super) fn end_services(&self) {
        for service in &self.state().services {
            if let Some(process) = &service.process {
                process.signal(Signal::KILL);
            }
        }
        let keepers =
            std::mem::take(&mut *self.service_keepers.lock().unwrap_or_else(PoisonError::into_inner));
        keepers.into_iter().for_each(Keeper::dismiss);
    }
}

/// Waits until `process` takes connections at `port`.
pub(super) fn wait_for_port(
    what: &str,
    port: u16,
    process: &ProcessId,
    log: &Path,
) -> Result<(), XtaskError> {
    let (address, started) = (SocketAddr::from((Ipv4Addr::LOCALHOST, port)), Instant::now());
    while TcpStream::connect(address).is_err() {
        if !process.is_alive() || started.elapsed() > START_LIMIT {
            let tail = tools::last_lines_of(log, 15);
            return Err(XtaskError::Failed(format!("{what} on port {port} did not start:\n{tail}")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
