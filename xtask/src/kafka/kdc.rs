//! The realm of a KDC of MIT's Kerberos for tests: `KP.TEST`, on loopback, with a user for each type of key and the service of
//! brokers. Owns: the files of a folder. Whose process it is says [`super::services`].

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::error::{Doing, XtaskError};

/// The realm.
const REALM: &str = "KP.TEST";
/// Clients, each with the types of its keys and how long its tickets are good.
const CLIENTS: [(&str, &str, &str); 5] = [
    ("kp18", "aes256-cts-hmac-sha1-96", "10h"),
    ("kp17", "aes128-cts-hmac-sha1-96", "10h"),
    ("kp20", "aes256-cts-hmac-sha384-192", "10h"),
    ("shorty", "aes256-cts-hmac-sha1-96", "20s"),
    // As guides of vendors call theirs.
    ("kafka-client-1", "aes256-cts-hmac-sha1-96", "10h"),
];
const INSTALL: &str = "apt-get install krb5-kdc krb5-admin-server krb5-user";
/// Programs of administrators are not in everybody's path.
const FOLDERS: &str = "/usr/sbin:/usr/local/sbin";
const LOGIN_MODULE: &str = "com.sun.security.auth.module.Krb5LoginModule required";

/// The files of a realm.
#[derive(Debug, Clone)]
pub struct Kdc {
    folder: PathBuf,
}

impl Kdc {
    /// The realm of that folder, which need not be there yet.
    pub(super) fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Whether MIT's KDC is on this machine.
    pub(super) fn is_installed() -> bool {
        let path = std::env::var("PATH").unwrap_or_default();
        let folders = path.split(':').chain(FOLDERS.split(':'));
        folders.into_iter().any(|folder| Path::new(folder).join("krb5kdc").is_file())
    }

    /// Makes the realm, for a KDC at `port`.
    ///
    /// # Errors
    /// MIT's programs are not there (Debian: `krb5-kdc krb5-admin-server`), or do not do what they should.
    pub(super) fn make(&self, port: u16) -> Result<(), XtaskError> {
        let folder = &self.folder;
        let write = |name: &str, text: String| {
            fs::write(folder.join(name), text).doing(|| format!("writing {name} of the KDC"))
        };
        write("krb5.conf", conf(port))?;
        write("kdc.conf", kdc_conf(port, folder))?;
        let create = ["create", "-s", "-r", REALM, "-P", "the-key-of-the-realm"];
        run(folder, "kdb5_util", &create, "")?;
        let mut queries = String::new();
        for (name, types, life) in CLIENTS.into_iter().chain([("kafka/localhost", "", "10h")]) {
            let types = if types.is_empty() { String::new() } else { format!("-e {types}:normal") };
            let (file, _) = name.split_once('/').unwrap_or((name, ""));
            let keytab = self.keytab(file);
            queries += &format!(
                "addprinc -randkey +requires_preauth -maxlife {life} {types} {name}\nktadd -norandkey -k {} {name}\n",
                keytab.display()
            );
        }
        run(folder, "kadmin.local", &["-r", REALM], &queries)
    }

    /// What runs it.
    pub(super) fn command(&self) -> Command {
        // Its program and its settings come in by the environment, which a keeper does not pass on.
        let mut command = Command::new("env");
        command.args(environment(&self.folder)).args(["krb5kdc", "-n", "-r", REALM]);
        command.current_dir(&self.folder);
        command
    }

    /// Its `krb5.conf`, for clients and for brokers.
    pub fn conf(&self) -> PathBuf {
        self.folder.join("krb5.conf")
    }

    /// The keytab of a client (`kp18`, `kp17`, `kp20`, `shorty`, `kafka-client-1`), or of brokers (`kafka`).
    pub fn keytab(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.keytab"))
    }

    /// The login line of a client, as Java reads it.
    pub(super) fn client_login(&self, name: &str) -> String {
        let keytab = self.keytab(name);
        format!(
            "{LOGIN_MODULE} useKeyTab=true storeKey=true keyTab=\"{}\" principal=\"{name}@{REALM}\";",
            keytab.display()
        )
    }

    /// The login line of brokers.
    pub(super) fn broker_login(&self) -> String {
        let keytab = self.keytab("kafka");
        format!(
            "{LOGIN_MODULE} useKeyTab=true storeKey=true doNotPrompt=true keyTab=\"{}\" principal=\"kafka/localhost@{REALM}\";",
            keytab.display()
        )
    }

    /// A ticket of a client, got by `kinit`, in a file.
    ///
    /// # Errors
    /// `kinit` is not there, or fails.
    pub fn ticket_cache(&self, name: &str) -> Result<PathBuf, XtaskError> {
        let (path, keytab) = (self.folder.join(format!("{name}.ccache")), self.keytab(name));
        let (path_text, keytab) = (path.display().to_string(), keytab.display().to_string());
        run(&self.folder, "kinit", &["-k", "-t", &keytab, "-c", &path_text, name], "")?;
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

fn environment(folder: &Path) -> [String; 3] {
    let path = std::env::var("PATH").unwrap_or_default();
    [
        format!("PATH={path}:{FOLDERS}"),
        format!("KRB5_CONFIG={}", folder.join("krb5.conf").display()),
        format!("KRB5_KDC_PROFILE={}", folder.join("kdc.conf").display()),
    ]
}

/// Runs one of MIT's programs with `input` at its standard input.
fn run(folder: &Path, program: &'static str, arguments: &[&str], input: &str) -> Result<(), XtaskError> {
    let mut command = Command::new("env");
    command.args(environment(folder)).arg(program).args(arguments);
    let output = output_of(&mut command, input).doing(|| format!("running {program}"))?;
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

fn output_of(command: &mut Command, input: &str) -> std::io::Result<Output> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that is not there reads nothing; its exit code says so.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output()
}
