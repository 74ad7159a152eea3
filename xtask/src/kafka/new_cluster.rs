//! A cluster before its start: a name, an id, and a port for each listener.

use std::sync::atomic::{AtomicU32, Ordering};

use super::options::Options;
use super::process::ProcessId;
use super::services::ServiceState;
use super::state::{BrokerState, ClusterState, ZooKeeperState};
use super::versions::{Quorum, Version};
use super::{ports, secured};
use crate::error::XtaskError;

/// What is written down of it: its brokers have ports, and no process yet.
///
/// # Errors
/// The name is in use, the version unknown, or no ports are free.
pub(super) fn state(options: &Options) -> Result<ClusterState, XtaskError> {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let name = options.name.clone().unwrap_or_else(|| {
        format!("unnamed-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
    });
    if let Ok(old) = ClusterState::load(&name)
        && old.is_alive()
    {
        return Err(XtaskError::AlreadyRunning { name, bootstrap: old.bootstrap() });
    }
    let version = Version::find(&options.version)?;
    let names: Vec<_> = match &options.secured {
        Some(secured) => secured::names(version, secured),
        None => Vec::new(),
    };
    let services = secured::services(version, &names);
    // Two a broker and one for each of its secured listeners; one for each service; one for a ZooKeeper, needed or not.
    let each = 2 + names.len();
    let of_brokers = usize::from(options.brokers) * each;
    let ports = ports::pick(of_brokers + services.len() + 1)?;
    let (ports, others) = ports.split_at(of_brokers);
    let brokers = ports.chunks_exact(each).zip(1..).map(|(ports, id)| BrokerState {
        id,
        port: ports[0],
        controller_port: ports[1],
        process: None,
        listeners: secured::with_ports(&names, &ports[2..]),
    });
    Ok(ClusterState {
        name,
        version: options.version.clone(),
        cluster_id: cluster_id(ports::seed()),
        lifetime: options.lifetime,
        owner: ProcessId::of(std::process::id() as i32),
        heap_mib: options.heap_mib,
        java_flags: options.java_flags.clone(),
        is_secured: options.secured.is_some(),
        zookeeper: match version.quorum {
            Quorum::ZooKeeper { .. } => {
                others.last().map(|port| ZooKeeperState { port: *port, process: None })
            }
            Quorum::KRaft { .. } => None,
        },
        services: services
            .into_iter()
            .zip(others)
            .map(|(service, port)| ServiceState { service, port: *port, process: None })
            .collect(),
        brokers: brokers.collect(),
    })
}

/// A random cluster id in Kafka's form: 16 bytes in 22 letters of base64. The last letter holds two bits only.
fn cluster_id(seed: u64) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut state = seed;
    let mut letters: String = (0..21)
        .map(|_| {
            state = ports::splitmix(state);
            char::from(LETTERS[(state % LETTERS.len() as u64) as usize])
        })
        .collect();
    letters.push('g');
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_id_is_sixteen_bytes_of_base64() {
        let id = cluster_id(7);
        assert_eq!(id.len(), 22);
        assert_ne!(id, cluster_id(8));
    }
}
