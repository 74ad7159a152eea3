//! What the brokers say about themselves: where clients are to find them, and whether that is so from here.
//! The classic trap: `advertised.listeners` names a host that only the broker's own machine knows.

use std::collections::BTreeMap;

use kp_network::OldKafka;
use kp_protocol::{api::MetadataResponse, text::shown};

use super::{
    listener,
    report::{Ailment, Report},
    sockets::Sockets,
    tls,
    way::Way,
};

const STEP: &str = "listeners";

/// Tries every broker where it wants to be found. Answers host and port of those that work, by their number.
pub(super) fn try_advertised(
    report: &mut Report,
    way: &Way<'_>,
    sockets: &mut Sockets,
    metadata: &MetadataResponse,
    known: Option<OldKafka>,
) -> BTreeMap<i32, (String, u16)> {
    let mut works = BTreeMap::new();
    let bootstrap = &way.settings.bootstrap_servers;
    let asked_elsewhere = !bootstrap.iter().all(|(host, _)| is_loopback(host));
    for broker in &metadata.brokers {
        let (id, host) = (broker.node_id, broker.host.as_str());
        let port = u16::try_from(broker.port).unwrap_or_default();
        let at = listener::written(host, port);
        match try_one(report, way, sockets, host, port, known) {
            Ok(()) if is_loopback(host) && asked_elsewhere => {
                report.warning(STEP, Ailment::new(
                    format!("broker {id} tells clients to use {at}, which is this machine; something answers here, but is it that broker?"),
                    remedy(id),
                ));
                works.insert(id, (host.to_owned(), port));
            }
            Ok(()) => {
                report.ok(STEP, format!("broker {id} tells clients to use {at}, and answers there"));
                works.insert(id, (host.to_owned(), port));
            }
            Err(why) => {
                let found = format!(
                    "broker {id} tells clients to use {at}, and that does not work from here: {}",
                    why.found
                );
                report.failed(STEP, Ailment::new(found, format!("{}; {}", remedy(id), why.remedy)));
            }
        }
    }
    if metadata.brokers.is_empty() {
        report.failed(
            STEP,
            Ailment::new(
                "the metadata names no broker",
                "the cluster is starting, or no broker is registered: look into the brokers' logs",
            ),
        );
    }
    works
}

fn remedy(id: i32) -> String {
    format!("set advertised.listeners of broker {id} to a host and port that its clients can reach")
}

fn try_one(
    report: &mut Report,
    way: &Way<'_>,
    sockets: &mut Sockets,
    host: &str,
    port: u16,
    known: Option<OldKafka>,
) -> Result<(), Ailment> {
    let addresses = sockets.resolve(host, port).map_err(|error| {
        Ailment::new(
            format!("the name {} cannot be resolved ({error})", shown(host)),
            "or let DNS or /etc/hosts know that name",
        )
    })?;
    listener::connect(sockets, host, &addresses)?;
    if let Some(look) = tls::look(way, host, &addresses) {
        super::tell_tls(report, way, &look, host, port);
    }
    listener::speak(way, sockets, host, port, known).map(drop).map_err(|unspoken| unspoken.ailment)
}

/// Whether a host is the machine itself, by name or by number.
pub(super) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_itself_has_many_names() {
        for host in ["localhost", "LocalHost", "127.0.0.1", "127.1.2.3", "::1"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["kafka-1", "10.0.0.1", "localhost.example.org", "::2"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
