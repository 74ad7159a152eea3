//! The flags that say how to connect: encrypted, and as whom. Owns: which keys they stand for. Never: a password; it is read
//! where it is used.

use std::path::PathBuf;

use clap::Args;
use kp_producer::config::Value;
use kp_producer::{ConfigError, ProducerConfig};

/// What a password on the command line is answered with.
const SEEN_BY_ALL: &str =
    "every user of this machine can see the command line: --password-file FILE or --password-env NAME";

/// How to connect; each flag stands for keys of the configuration, and wins over them.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Security")]
pub(crate) struct SecurityArgs {
    /// Encrypt connections (security.protocol), and trust the authorities in this PEM file instead of the system's
    #[arg(long, value_name = "CA.pem", num_args = 0..=1, require_equals = true)]
    pub(crate) tls: Option<Option<PathBuf>>,
    /// Log in by this mechanism, such as SCRAM-SHA-512
    #[arg(long, value_name = "MECHANISM")]
    pub(crate) sasl: Option<String>,
    /// The user to log in as
    #[arg(long, value_name = "USER", requires = "sasl")]
    pub(crate) user: Option<String>,
    /// The file with the password and nothing else
    #[arg(long, value_name = "FILE", requires = "sasl", conflicts_with = "password_env")]
    pub(crate) password_file: Option<PathBuf>,
    /// The environment variable with the password
    #[arg(long, value_name = "NAME", requires = "sasl")]
    pub(crate) password_env: Option<String>,
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "", value_parser = seen)]
    pub(crate) password: Option<Seen>,
    /// Take a certificate for another host, too: any host with one can then play the broker
    #[arg(long)]
    pub(crate) insecure_no_hostname_check: bool,
}

/// A password that stood on the command line. It is not kept: it would be shown with the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen;

fn seen(_: &str) -> Result<Seen, std::convert::Infallible> {
    Ok(Seen)
}

impl SecurityArgs {
    /// Sets the keys that the flags stand for.
    pub(crate) fn apply(&self, config: &mut ProducerConfig) -> Result<(), ConfigError> {
        if self.password.is_some() {
            return Err(ConfigError::Credential { key: "--password", problem: SEEN_BY_ALL.to_owned() });
        }
        if self.tls.is_some() || self.sasl.is_some() {
            let before = match config.get("security.protocol") {
                Some(Value::Text(name)) => name.to_ascii_uppercase(),
                _ => String::new(),
            };
            let tls = self.tls.is_some() || before.ends_with("SSL");
            let sasl = self.sasl.is_some() || before.starts_with("SASL");
            config.set("security.protocol", protocol(tls, sasl))?;
        }
        if let Some(Some(authorities)) = &self.tls {
            config.set("ssl.truststore.type", "PEM")?;
            config.set("ssl.truststore.location", authorities.display().to_string())?;
        }
        if self.insecure_no_hostname_check {
            config.set("ssl.endpoint.identification.algorithm", "")?;
        }
        let pairs = [("sasl.mechanism", &self.sasl), ("sasl.username", &self.user)];
        for (key, value) in pairs.into_iter().filter_map(|(key, value)| Some((key, value.as_ref()?))) {
            config.set(key, value.as_str())?;
        }
        // Read by each connection, so that a new password needs no new start.
        if let Some(file) = &self.password_file {
            config.set("sasl.password", format!("${{file:{}}}", file.display()))?;
        }
        if let Some(name) = &self.password_env {
            config.set("sasl.password", format!("${{env:{name}}}"))?;
        }
        Ok(())
    }
}

fn protocol(tls: bool, sasl: bool) -> &'static str {
    match (tls, sasl) {
        (true, true) => "SASL_SSL",
        (true, false) => "SSL",
        (false, true) => "SASL_PLAINTEXT",
        (false, false) => "PLAINTEXT",
    }
}

#[cfg(test)]
mod tests {
    use crate::config_args::ConfigArgs;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        config: ConfigArgs,
        files: Vec<String>,
    }

    fn parsed(args: &[&str]) -> Result<Line, clap::Error> {
        Line::try_parse_from(["kp", "-b", "h:1"].iter().chain(args))
    }

    fn keys(args: &[&str]) -> Vec<String> {
        let config = crate::configure::producer_config(&parsed(args).unwrap().config).unwrap();
        let of_security =
            |key: &str| ["security.", "ssl.", "sasl."].iter().any(|start| key.starts_with(start));
        let set = config.to_map().into_iter().filter(|(key, _)| of_security(key));
        set.map(|(key, value)| format!("{key}={value}")).collect()
    }

    // A16
    #[test]
    fn flags_stand_for_keys() {
        assert_eq!(keys(&["--tls"]), ["security.protocol=SSL"]);
        assert_eq!(
            keys(&["--tls=/ca.pem", "--insecure-no-hostname-check"]),
            [
                "security.protocol=SSL",
                "ssl.endpoint.identification.algorithm=",
                "ssl.truststore.location=/ca.pem",
                "ssl.truststore.type=PEM",
            ]
        );
        let login = ["--sasl", "PLAIN", "--user", "alice", "--password-env", "PW"];
        let plain = ["sasl.mechanism=PLAIN", "sasl.password=[hidden]", "sasl.username=alice"];
        assert_eq!(keys(&login), [&plain[..], &["security.protocol=SASL_PLAINTEXT"]].concat());
        let over_ssl = [&login[..], &["-X", "security.protocol=ssl"]].concat();
        assert_eq!(keys(&over_ssl), [&plain[..], &["security.protocol=SASL_SSL"]].concat());
        assert_eq!(keys(&[]), [""; 0]);
    }

    // A16
    #[test]
    fn a_password_on_the_command_line_is_refused_with_what_to_do_and_not_shown() {
        for args in [&["--password", "secret"][..], &["--password=secret"], &["--password"]] {
            let line = parsed(args).unwrap().config;
            let error = crate::configure::producer_config(&line).unwrap_err().to_string();
            assert!(error.contains("--password-file FILE or --password-env NAME"), "{error}");
            assert!(!error.contains("secret") && !format!("{line:?}").contains("secret"), "{error}");
        }
        assert!(parsed(&["--user", "alice"]).is_err(), "a user without a mechanism");
        let twice = ["--sasl", "PLAIN", "--password-file", "f", "--password-env", "E"];
        assert!(parsed(&twice).is_err());
    }

    #[test]
    fn a_file_to_send_is_not_taken_for_one_of_authorities() {
        let line = parsed(&["--tls", "data.txt"]).unwrap();
        assert_eq!((line.config.security.tls, line.files), (Some(None), vec!["data.txt".to_owned()]));
    }
}
