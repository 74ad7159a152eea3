//! A KDC of MIT's Kerberos for tests: realm `KP.TEST`, on loopback, with a user for each type of key and the service of brokers.
//! It ends with this process.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::ports;
use super::process::{Keeper, ProcessId};
use crate::error::{Doing, XtaskError};
use crate::workspace;

/// The realm.
const REALM: &str = "KP.TEST";
/// Clients, each with the types of its keys; the last one's tickets are good for 20 seconds.
const CLIENTS: [(&str, &str, &str); 4] = [
    ("kp18", "aes256-cts-hmac-sha1-96", "10h"),
    ("kp17", "aes128-cts-hmac-sha1-96", "10h"),
    ("kp20", "aes256-cts-hmac-sha384-192", "10h"),
    ("shorty", "aes256-cts-hmac-sha1-96", "20s"),
];
const INSTALL: &str = "apt-get install krb5-kdc krb5-admin-server krb5-user";
const START_LIMIT: Duration = Duration::from_secs(20);

/// A KDC that runs.
#[derive(Debug)]
pub struct Kdc {
    folder: PathBuf,
    process: ProcessId,
    _keeper: Keeper,
}

impl Kdc {
    /// Makes the realm anew and starts its KDC.
    ///
    /// # Errors
    /// MIT's programs are not there (Debian: `krb5-kdc krb5-admin-server`), or do not do what they should.
    pub fn start() -> Result<Self, XtaskError> {
        let port = ports::pick(1)?[0];
        let folder = workspace::root().join("target/kdc").join(format!("{}-{port}", std::process::id()));
        fs::create_dir_all(&folder).doing(|| format!("making {}", folder.display()))?;
        let write = |name: &str, text: String| {
            fs::write(folder.join(name), text).doing(|| format!("writing {name} of the KDC"))
        };
        write("krb5.conf", conf(port))?;
        write("kdc.conf", kdc_conf(port, &folder))?;
        run(&folder, "kdb5_util", &["create", "-s", "-r", REALM, "-P", "the-key-of-the-realm"])?;
        let admin = |query: &str| run(&folder, "kadmin.local", &["-r", REALM, "-q", query]);
        for (name, types, life) in CLIENTS.into_iter().chain([("kafka/localhost", "", "10h")]) {
            let types = if types.is_empty() { String::new() } else { format!("-e {types}:normal") };
            admin(&format!("addprinc -randkey +requires_preauth -maxlife {life} {types} {name}"))?;
            let (file, _) = name.split_once('/').unwrap_or((name, ""));
            let keytab = folder.join(format!("{file}.keytab"));
            admin(&format!("ktadd -norandkey -k {} {name}", keytab.display()))?;
        }
        let log_path = folder.join("kdc.log");
        let log = File::create(&log_path).doing(|| format!("making {}", log_path.display()))?;
        // Its program and its settings come in by the environment, which a keeper does not pass on.
        let mut command = Command::new("env");
        command.args(environment(&folder)).args(["krb5kdc", "-n", "-r", REALM]).current_dir(&folder);
        let (keeper, process) = Keeper::start(&command, log, Some(&folder))?;
        let kdc = Self { folder, process, _keeper: keeper };
        kdc.wait_for(port, &log_path)?;
        Ok(kdc)
    }

    fn wait_for(&self, port: u16, log: &Path) -> Result<(), XtaskError> {
        let (address, started) = (SocketAddr::from((Ipv4Addr::LOCALHOST, port)), Instant::now());
        while TcpStream::connect(address).is_err() {
            if !self.process.is_alive() || started.elapsed() > START_LIMIT {
                let tail = super::tools::last_lines_of(log, 15);
                return Err(XtaskError::Failed(format!("the KDC on port {port} did not start:\n{tail}")));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Its `krb5.conf`, for clients and for brokers.
    pub fn conf(&self) -> PathBuf {
        self.folder.join("krb5.conf")
    }

    /// The keytab of a client (`kp18`, `kp17`, `kp20`, `shorty`), or of brokers (`kafka`).
    pub fn keytab(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.keytab"))
    }

    /// A ticket of a client, got by `kinit`, in a file.
    ///
    /// # Errors
    /// `kinit` is not there, or fails.
    pub fn ticket_cache(&self, name: &str) -> Result<PathBuf, XtaskError> {
        let (path, keytab) = (self.folder.join(format!("{name}.ccache")), self.keytab(name));
        let (path_text, keytab) = (path.display().to_string(), keytab.display().to_string());
        run(&self.folder, "kinit", &["-k", "-t", &keytab, "-c", &path_text, name])?;
        Ok(path)
    }
}

/// Several lines for a realm: Java's parser fails at one.
fn conf(port: u16) -> String {
    format!(
        "[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_lookup_realm = false\n rdns = false\n \
         dns_canonicalize_hostname = false\n udp_preference_limit = 1\n\
         [realms]\n {REALM} = {{\n  kdc = 127.0.0.1:{port}\n }}\n\
         [domain_realm]\n localhost = {REALM}\n"
    )
}

fn kdc_conf(port: u16, folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "[kdcdefaults]\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n\
         [realms]\n {REALM} = {{\n  database_name = {folder}/principal\n  key_stash_file = {folder}/stash\n  \
         max_life = 10h\n  max_renewable_life = 7d\n  \
         supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal aes256-cts-hmac-sha384-192:normal\n }}\n"
    )
}

/// Programs of administrators are not in everybody's path.
fn environment(folder: &Path) -> [String; 3] {
    let path = std::env::var("PATH").unwrap_or_default();
    [
        format!("PATH={path}:/usr/sbin:/usr/local/sbin"),
        format!("KRB5_CONFIG={}", folder.join("krb5.conf").display()),
        format!("KRB5_KDC_PROFILE={}", folder.join("kdc.conf").display()),
    ]
}

fn run(folder: &Path, program: &'static str, arguments: &[&str]) -> Result<(), XtaskError> {
    let mut command = Command::new("env");
    command.args(environment(folder)).arg(program).args(arguments).stdin(Stdio::null());
    let output = command.output().doing(|| format!("running {program}"))?;
    if output.status.code() == Some(127) {
        let found = "it is not there".to_owned();
        return Err(XtaskError::MissingProgram {
            program,
            purpose: "run a Kerberos KDC",
            found,
            install: INSTALL,
        });
    }
    // kadmin.local reports its failures in words alone.
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() || said.contains("while") {
        return Err(XtaskError::Failed(format!("{program} {}: {}", arguments.join(" "), said.trim())));
    }
    Ok(())
}
