//! Certificates, keys and stores of a secured cluster, made by `openssl` and by Java's `keytool`: programs that users make
//! theirs with, and no code of ours.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::STORE_PASSWORD;
use crate::error::{Doing, XtaskError};
use crate::kafka::java::Java;
use crate::kafka::tools::run;

const INSTALL_OPENSSL: &str =
    "Debian, Ubuntu: apt-get install openssl · Fedora: dnf install openssl · macOS: brew install openssl@3";
/// The names and addresses of a broker of this machine.
const LOCAL: &str = "DNS:localhost,IP:127.0.0.1,IP:::1";

/// What a certificate is good for.
#[derive(Debug, Clone, Copy)]
enum Purpose {
    Server,
    Client,
    /// To sign others.
    Authority,
}

/// When a certificate is good.
#[derive(Debug, Clone, Copy)]
enum Validity {
    /// From now on, for a year.
    Year,
    /// From and until, as `YYYYMMDDHHMMSSZ`.
    Between(&'static str, &'static str),
}

/// A certificate that an authority signs.
#[derive(Debug, Clone, Copy)]
struct Leaf {
    /// Its file, without `.pem`.
    name: &'static str,
    /// The key, without `.key`; made if it is not there.
    key: &'static str,
    authority: &'static str,
    purpose: Purpose,
    common_name: &'static str,
    /// Of the subjectAltName; empty for none.
    alternatives: &'static str,
    validity: Validity,
    /// Certificates that are sent behind it, without `.pem`.
    chain: &'static [&'static str],
}

const SERVER: Leaf = Leaf {
    name: "server",
    key: "server",
    authority: "ca",
    purpose: Purpose::Server,
    common_name: "localhost",
    alternatives: LOCAL,
    validity: Validity::Year,
    chain: &["ca"],
};
const CLIENT: Leaf = Leaf {
    name: "client",
    key: "client",
    purpose: Purpose::Client,
    common_name: "kp-client",
    alternatives: "",
    ..SERVER
};

/// In the order of their making: authorities stand before those that they sign.
const LEAVES: &[Leaf] = &[
    Leaf {
        name: "between",
        key: "between-ec",
        purpose: Purpose::Authority,
        common_name: "between",
        alternatives: "",
        ..SERVER
    },
    SERVER,
    // For a broker that changes its certificate.
    Leaf { name: "server-next", ..SERVER },
    Leaf { name: "server-ec", key: "server-ec", ..SERVER },
    Leaf { name: "server-chain", authority: "between", chain: &["between", "ca"], ..SERVER },
    Leaf { name: "server-nochain", authority: "between", chain: &[], ..SERVER },
    Leaf { name: "server-dnsonly", alternatives: "DNS:localhost", ..SERVER },
    Leaf {
        name: "server-wronghost",
        common_name: "other.example",
        alternatives: "DNS:other.example",
        ..SERVER
    },
    Leaf { name: "server-cnonly", alternatives: "", ..SERVER },
    Leaf { name: "server-clienteku", purpose: Purpose::Client, ..SERVER },
    Leaf { name: "server-otherca", authority: "otherca", chain: &["otherca"], ..SERVER },
    Leaf {
        name: "server-expired",
        validity: Validity::Between("20200101000000Z", "20210101000000Z"),
        ..SERVER
    },
    Leaf {
        name: "server-notyet",
        validity: Validity::Between("20450101000000Z", "20460101000000Z"),
        ..SERVER
    },
    CLIENT,
    Leaf { name: "client2", key: "client2-ec", common_name: "kp-client2", ..CLIENT },
    Leaf { name: "client-otherca", authority: "otherca", chain: &["otherca"], ..CLIENT },
    Leaf {
        name: "client-expired",
        validity: Validity::Between("20200101000000Z", "20210101000000Z"),
        ..CLIENT
    },
];

/// The folder where they are made.
pub(super) struct Certificates<'a> {
    dir: &'a Path,
}

impl<'a> Certificates<'a> {
    /// Makes all of them in `dir`, anew.
    ///
    /// # Errors
    /// `openssl` is missing, or a program refuses.
    pub(super) fn make(dir: &'a Path, java: &Java) -> Result<(), XtaskError> {
        find_openssl()?;
        fs::create_dir_all(dir).doing(|| format!("making {}", dir.display()))?;
        let here = Self { dir };
        for name in ["ca", "otherca"] {
            here.authority(name)?;
        }
        for leaf in LEAVES {
            here.leaf(leaf)?;
            here.key_store(leaf)?;
        }
        here.oddities()?;
        here.java_stores(java)?;
        here.joined("client-all.pem", &["client.key", "client.pem", "ca.pem"])?;
        here.joined("client2-all.pem", &["client2-ec.key", "client2.pem", "ca.pem"])?;
        here.joined("client-otherca-all.pem", &["client.key", "client-otherca.pem", "otherca.pem"])
    }

    /// A root that signs others.
    fn authority(&self, name: &str) -> Result<(), XtaskError> {
        self.key(&format!("{name}-ec"))?;
        let (key, certificate, subject) =
            (format!("{name}-ec.key"), format!("{name}.pem"), format!("/CN=kp test {name}"));
        self.openssl(
            &["req", "-x509", "-new", "-key", &key, "-out", &certificate, "-days", "3650"],
            |command| {
                command.args(["-subj", &subject, "-addext", "basicConstraints=critical,CA:TRUE"]);
                command.args(["-addext", "keyUsage=critical,keyCertSign,cRLSign"]);
            },
        )
    }

    /// A key of P-256 if its name ends in `-ec`, else of RSA; nothing if it is there.
    fn key(&self, name: &str) -> Result<(), XtaskError> {
        let file = format!("{name}.key");
        if self.dir.join(&file).exists() {
            return Ok(());
        }
        let (algorithm, option) = match name.ends_with("-ec") {
            true => ("EC", "ec_paramgen_curve:P-256"),
            false => ("RSA", "rsa_keygen_bits:2048"),
        };
        self.openssl(&["genpkey", "-algorithm", algorithm, "-pkeyopt", option, "-out", &file], |_| {})
    }

    fn leaf(&self, leaf: &Leaf) -> Result<(), XtaskError> {
        self.key(leaf.key)?;
        let Leaf { name, key, authority, .. } = leaf;
        let authority_key = format!("{authority}-ec.key");
        let (request, certificate, authority) =
            (format!("{name}.csr"), format!("{name}.pem"), format!("{authority}.pem"));
        let (key, subject) = (format!("{key}.key"), format!("/CN={}", leaf.common_name));
        self.openssl(&["req", "-new", "-key", &key, "-subj", &subject, "-out", &request], |_| {})?;
        self.write("extensions.cnf", &extensions(leaf))?;
        match leaf.validity {
            Validity::Year => {
                self.openssl(&["x509", "-req", "-in", &request, "-out", &certificate], |command| {
                    command.args(["-CA", &authority, "-CAkey", &authority_key, "-CAcreateserial"]);
                    command.args(["-days", "365", "-extfile", "extensions.cnf"]);
                })
            }
            Validity::Between(from, until) => {
                self.write("authority.cnf", AUTHORITY_SETTINGS)?;
                self.write("authority.txt", "")?;
                self.openssl(&["ca", "-batch", "-notext", "-config", "authority.cnf"], |command| {
                    command.args(["-cert", &authority, "-keyfile", &authority_key, "-in", &request]);
                    command.args(["-startdate", from, "-enddate", until]);
                    command.args(["-extfile", "extensions.cnf", "-out", &certificate]);
                })
            }
        }
    }

    /// The PKCS#12 store of a certificate, its key and its chain.
    fn key_store(&self, leaf: &Leaf) -> Result<(), XtaskError> {
        let chain: Vec<String> = leaf.chain.iter().map(|name| format!("{name}.pem")).collect();
        self.joined("chain.pem", &chain.iter().map(String::as_str).collect::<Vec<_>>())?;
        self.pkcs12(leaf.name, leaf.key, !chain.is_empty())
    }

    fn pkcs12(&self, name: &str, key: &str, has_chain: bool) -> Result<(), XtaskError> {
        let (key, certificate, store) = (format!("{key}.key"), format!("{name}.pem"), format!("{name}.p12"));
        let password = format!("pass:{STORE_PASSWORD}");
        self.openssl(&["pkcs12", "-export", "-inkey", &key, "-in", &certificate, "-out", &store], |command| {
            command.args(["-name", "kp", "-passout", &password]);
            if has_chain {
                command.args(["-certfile", "chain.pem"]);
            }
        })
    }

    /// What guides of old tell users to make: version 1, and a certificate that signs itself.
    fn oddities(&self) -> Result<(), XtaskError> {
        self.openssl(
            &["x509", "-req", "-in", "server.csr", "-out", "server-v1.pem", "-days", "365"],
            |command| {
                command.args(["-CA", "ca.pem", "-CAkey", "ca-ec.key", "-CAcreateserial"]);
            },
        )?;
        self.pkcs12("server-v1", "server", false)?;
        let names = format!("subjectAltName={LOCAL}");
        self.openssl(&["req", "-x509", "-new", "-key", "server.key", "-subj", "/CN=localhost"], |command| {
            command.args(["-days", "365", "-addext", &names, "-out", "server-selfsigned.pem"]);
        })?;
        self.pkcs12("server-selfsigned", "server", false)
    }

    /// Stores of Java's own form.
    fn java_stores(&self, java: &Java) -> Result<(), XtaskError> {
        for (name, kind) in [("truststore.jks", "JKS"), ("truststore.p12", "PKCS12")] {
            let mut trust = java.key_tool();
            trust.args(["-importcert", "-noprompt", "-alias", "ca", "-file", "ca.pem"]);
            trust.args(["-keystore", name, "-storetype", kind, "-storepass", STORE_PASSWORD]);
            run(trust.current_dir(self.dir))?;
        }
        for name in ["server", "client"] {
            let (from, to) = (format!("{name}.p12"), format!("{name}.jks"));
            let mut copy = java.key_tool();
            copy.args(["-importkeystore", "-noprompt", "-srckeystore", &from, "-srcstoretype", "PKCS12"]);
            copy.args(["-srcstorepass", STORE_PASSWORD, "-destkeystore", &to, "-deststoretype", "JKS"]);
            copy.args(["-deststorepass", STORE_PASSWORD, "-destkeypass", STORE_PASSWORD]);
            run(copy.current_dir(self.dir))?;
        }
        Ok(())
    }

    fn openssl(&self, first: &[&str], more: impl FnOnce(&mut Command)) -> Result<(), XtaskError> {
        let mut command = Command::new("openssl");
        command.args(first);
        more(&mut command);
        run(command.current_dir(self.dir)).map(drop)
    }

    /// Writes the files `parts`, one behind the other, to `name`.
    fn joined(&self, name: &str, parts: &[&str]) -> Result<(), XtaskError> {
        let mut text = String::new();
        for part in parts {
            let path = self.dir.join(part);
            text += &fs::read_to_string(&path).doing(|| format!("reading {}", path.display()))?;
        }
        self.write(name, &text)
    }

    fn write(&self, name: &str, text: &str) -> Result<(), XtaskError> {
        let path = self.dir.join(name);
        fs::write(&path, text).doing(|| format!("writing {}", path.display()))
    }
}

/// Of `openssl ca`, the only command of openssl 3.0 that takes dates. It keeps a file of what it signed; that is emptied
/// for each.
const AUTHORITY_SETTINGS: &str = "[ca]\ndefault_ca=here\n[here]\ndatabase=authority.txt\nnew_certs_dir=.\nrand_serial=yes\n\
     default_md=sha256\npolicy=any\ncopy_extensions=none\n[any]\ncommonName=supplied\n";

fn extensions(leaf: &Leaf) -> String {
    let mut text = match leaf.purpose {
        Purpose::Authority => {
            return "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n".to_owned();
        }
        Purpose::Server => "extendedKeyUsage=serverAuth\n".to_owned(),
        Purpose::Client => "extendedKeyUsage=clientAuth\n".to_owned(),
    };
    text += "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature,keyEncipherment\n";
    if !leaf.alternatives.is_empty() {
        text += &format!("subjectAltName={}\n", leaf.alternatives);
    }
    text
}

fn find_openssl() -> Result<(), XtaskError> {
    let missing = |found: String| XtaskError::MissingProgram {
        program: "openssl",
        purpose: "make certificates (openssl 3)",
        found,
        install: INSTALL_OPENSSL,
    };
    let said = Command::new("openssl").arg("version").stdin(Stdio::null()).output();
    let said = said.map_err(|error| missing(format!("`openssl version` cannot be run ({error})")))?;
    let text = String::from_utf8_lossy(&said.stdout);
    if text.starts_with("OpenSSL 1.0") || text.starts_with("OpenSSL 0") || text.starts_with("LibreSSL") {
        return Err(missing(format!("`openssl version` says {:?}", text.trim())));
    }
    Ok(())
}
