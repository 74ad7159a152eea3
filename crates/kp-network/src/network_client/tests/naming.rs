//! Bootstrap entries that are connected to by the names of their addresses.

use super::*;
use crate::{CanonicalNames, SaslProvider, SetupStage};
use kp_sasl::{Plain, SaslFailure, SaslMechanism, Secret};
use std::net::IpAddr;
use std::sync::Mutex;

const ENTRY: BrokerId = BrokerId(-1);

#[derive(Debug)]
struct Names;

impl CanonicalNames for Names {
    fn name_of(&self, address: IpAddr) -> Option<String> {
        (address == IpAddr::from([10, 0, 0, 9])).then(|| "broker-9.example.com".to_owned())
    }
}

/// Keeps in mind for which hosts exchanges began.
#[derive(Debug, Default)]
struct Hosts(Mutex<Vec<String>>);

impl SaslProvider for Hosts {
    fn begin(&self, host: &str) -> Result<Box<dyn SaslMechanism>, SaslFailure> {
        self.0.lock().unwrap().push(host.to_owned());
        Ok(Box::new(Plain::new("alice", &Secret::from("alice-secret"))?))
    }
}

fn named(hosts: &Arc<Hosts>, bootstrap: &str) -> Stage {
    let (sasl, canonical_names) = (Some(Arc::clone(hosts) as _), Some(Arc::new(Names) as _));
    let mut stage = Stage::with(NetworkSettings { sasl, canonical_names, ..settings() });
    let now = stage.now();
    stage.client.set_brokers(now, &[broker(ENTRY, bootstrap), broker(A, "10.0.0.9")]);
    stage.client.known = KnownCluster::of(ClusterAge::AnswersApiVersions);
    stage
}

fn at(ip: [u8; 4]) -> SocketAddr {
    (ip, 9092).into()
}

// SE49
#[test]
fn each_address_of_a_bootstrap_entry_is_connected_to_by_its_own_name() {
    let hosts = Arc::new(Hosts::default());
    let mut stage = named(&hosts, "kafka");
    stage.readiness(ENTRY);
    stage.turn();
    let (number, _) = stage.net.look_ups().remove(0);
    stage.net.resolve(number, Ok(vec![at([10, 0, 0, 9]), at([10, 0, 0, 8])]));
    stage.turn();
    assert!(stage.net.attempts().is_empty(), "the name comes first");
    assert_eq!(stage.net.do_work(), [number]);
    stage.turn();
    assert_eq!(
        (stage.net.attempts(), stage.net.names()),
        (vec![(number, at([10, 0, 0, 9]))], vec!["broker-9.example.com".to_owned()])
    );
    // The exchange is one with that host, too.
    stage.net.accept(number);
    stage.turn();
    let (header, _) = stage.request(number);
    let mut speaks = speaks();
    for (key, max_version) in [(ApiKey::SaslHandshake, 1), (ApiKey::SaslAuthenticate, 2)] {
        speaks.api_keys.push(ApiVersion { api_key: key.key(), max_version, ..Default::default() });
    }
    stage.net.give(number, encode_response(header.version, header.correlation_id, &speaks).unwrap().concat());
    stage.turn();
    assert_eq!(*hosts.0.lock().unwrap(), ["broker-9.example.com"]);
    // The other address has no name: it is called as the configuration does.
    stage.net.give(number, Vec::new());
    stage.turn();
    stage.clock.advance(MS(100));
    stage.readiness(ENTRY);
    stage.turn();
    let (number, _) = stage.net.look_ups().remove(0);
    stage.net.resolve(number, Ok(vec![at([10, 0, 0, 8])]));
    stage.turn();
    stage.net.do_work();
    stage.turn();
    assert_eq!(stage.net.names(), ["kafka"]);
}

// SE49
#[test]
fn a_literal_address_is_named_and_brokers_of_the_metadata_are_taken_as_they_are() {
    let hosts = Arc::default();
    let mut stage = named(&hosts, "10.0.0.9");
    stage.readiness(ENTRY);
    stage.turn();
    assert_eq!(stage.net.do_work().len(), 1);
    stage.turn();
    assert_eq!(stage.net.names(), ["broker-9.example.com"]);
    stage.attempt(A);
    assert!(stage.net.do_work().is_empty() && stage.net.names() == ["10.0.0.9"]);
}

// SE49, H27
#[test]
fn a_name_server_that_hangs_ends_the_attempt_in_time() {
    let hosts = Arc::default();
    let mut stage = named(&hosts, "10.0.0.9");
    stage.readiness(ENTRY);
    assert!(stage.turn().is_empty());
    stage.clock.advance(MS(10_000));
    let (_, address, reason) = broken(&stage.turn());
    assert_eq!(reason, DisconnectReason::SetupTimeout(SetupStage::Resolving));
    assert_eq!(address, "10.0.0.9:9092");
    // What comes too late is dropped.
    stage.net.do_work();
    assert!(stage.turn().is_empty() && stage.net.attempts().is_empty());
}
