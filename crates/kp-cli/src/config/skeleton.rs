//! `kp config skeleton --for SERVICE`: a configuration to fill in, with where to find what goes into it.
//! Owns: which services there are. The texts are files of `skeletons/`; a name between angle brackets is for the user
//! to fill in.

use std::io::Write as _;

use clap::ValueEnum;

use crate::Failure;

/// Whose clusters there are skeletons for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Service {
    /// Confluent Cloud, with an API key
    ConfluentCloud,
    /// Confluent Cloud, with tokens of an identity provider
    ConfluentCloudOauth,
    /// Amazon MSK, signed in with IAM
    MskIam,
    /// Amazon MSK, with user and password
    MskScram,
    /// Aiven, with a client certificate
    Aiven,
    /// Azure Event Hubs, with a connection string
    EventHubs,
    /// Strimzi in Kubernetes
    Strimzi,
    /// Redpanda
    Redpanda,
    /// Kerberos, with a keytab
    Kerberos,
    /// A cluster of your own, TLS with user and password
    Scram,
    /// A cluster of your own, TLS with client certificates
    Mtls,
}

impl Service {
    fn skeleton(self) -> &'static str {
        macro_rules! skeleton {
            ($name:literal) => {
                include_str!(concat!("../../skeletons/", $name, ".properties"))
            };
        }
        match self {
            Self::ConfluentCloud => skeleton!("confluent-cloud"),
            Self::ConfluentCloudOauth => skeleton!("confluent-cloud-oauth"),
            Self::MskIam => skeleton!("msk-iam"),
            Self::MskScram => skeleton!("msk-scram"),
            Self::Aiven => skeleton!("aiven"),
            Self::EventHubs => skeleton!("event-hubs"),
            Self::Strimzi => skeleton!("strimzi"),
            Self::Redpanda => skeleton!("redpanda"),
            Self::Kerberos => skeleton!("kerberos"),
            Self::Scram => skeleton!("scram"),
            Self::Mtls => skeleton!("mtls"),
        }
    }
}

/// # Errors
/// Stdout is gone.
pub(super) fn run(service: Service) -> Result<u8, Failure> {
    match std::io::stdout().write_all(service.skeleton().as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("stdout: {error}")))
        }
        _ => Ok(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_the_folder_belongs_to_a_service() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/skeletons");
        let files = std::fs::read_dir(folder).unwrap().count();
        assert_eq!(files, Service::value_variants().len());
    }

    #[test]
    fn each_says_what_is_to_be_filled_in_and_has_no_secret_on_its_lines() {
        for service in Service::value_variants() {
            let text = service.skeleton();
            assert!(text.contains("bootstrap.servers=<"), "{service:?}");
            for secret in ["password=\"", "clientSecret=\""] {
                for (at, _) in text.match_indices(secret) {
                    assert!(text[at + secret.len()..].starts_with("${env:"), "{service:?}");
                }
            }
        }
    }
}
