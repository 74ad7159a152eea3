//! `server.properties` of one node of a cluster, on 127.0.0.1 only: a combined broker and controller (KRaft), or a broker
//! beside a ZooKeeper.

use std::fmt::Write as _;
use std::path::Path;

use super::options::ClientListener;
use super::secured::RELAYED;
use super::state::BrokerState;

/// A listener beside the one for brokers and tools.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) name: &'static str,
    /// `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT`, `SASL_SSL`.
    pub(crate) protocol: &'static str,
    /// Where it listens.
    pub(crate) host: &'static str,
    pub(crate) port: u16,
    /// Where it tells clients to go.
    pub(crate) advertised: (&'static str, u16),
}

impl Listener {
    /// The listener of clients that come through a relay.
    pub(crate) fn of_clients(clients: ClientListener, is_secured: bool) -> Self {
        Self {
            name: RELAYED,
            protocol: if is_secured { "SASL_SSL" } else { "PLAINTEXT" },
            host: "127.0.0.1",
            port: clients.port,
            advertised: ("127.0.0.1", clients.advertised),
        }
    }
}

/// Everything of `server.properties` that depends on the cluster.
pub(crate) struct NodeSettings<'a> {
    /// All nodes of the cluster; each is a voter.
    pub(crate) brokers: &'a [BrokerState],
    /// The node whose file this is.
    pub(crate) node: &'a BrokerState,
    /// Where its log segments go.
    pub(crate) data: &'a Path,
    /// The port of the cluster's ZooKeeper, if it has one.
    pub(crate) zookeeper_port: Option<u16>,
    /// Listeners beside the one for brokers and tools.
    pub(crate) listeners: &'a [Listener],
    /// Lines that make those secure.
    pub(crate) security: &'a [(String, String)],
    /// The user's own lines; they win over ours.
    pub(crate) overrides: &'a [(String, String)],
}

impl NodeSettings<'_> {
    /// The text of the file, one `key=value` a line, each key once.
    pub(crate) fn to_properties(&self) -> String {
        let replicas = self.brokers.len().min(3);
        let in_sync = replicas.saturating_sub(1).max(1);
        let mut lines = vec![
            ("log.dirs", self.data.display().to_string()),
            ("default.replication.factor", replicas.to_string()),
            ("min.insync.replicas", in_sync.to_string()),
            ("offsets.topic.replication.factor", replicas.to_string()),
        ];
        match self.zookeeper_port {
            Some(port) => lines.extend(self.beside_zookeeper(port)),
            None => lines.extend(self.in_a_quorum(replicas, in_sync)),
        }
        lines.extend(FIXED.iter().map(|&(key, value)| (key, value.to_owned())));
        let mut text = String::new();
        let security = self.security.iter().map(|(key, value)| (key.as_str(), value));
        for (key, value) in lines.iter().map(|(key, value)| (*key, value)).chain(security) {
            if !self.overrides.iter().any(|(name, _)| name == key) {
                let _ = writeln!(text, "{key}={value}");
            }
        }
        for (key, value) in self.overrides {
            let _ = writeln!(text, "{key}={value}");
        }
        text
    }

    fn in_a_quorum(&self, replicas: usize, in_sync: usize) -> Vec<(&'static str, String)> {
        let voters: Vec<_> = self
            .brokers
            .iter()
            .map(|broker| format!("{}@127.0.0.1:{}", broker.id, broker.controller_port))
            .collect();
        let (port, controller_port) = (self.node.port, self.node.controller_port);
        let (mut listeners, mut advertised, mut protocols) = (
            format!("PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}"),
            format!("PLAINTEXT://127.0.0.1:{port}"),
            "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT".to_owned(),
        );
        for Listener { name, protocol, host, port, advertised: (told_host, told_port) } in self.listeners {
            let _ = write!(listeners, ",{name}://{host}:{port}");
            let _ = write!(advertised, ",{name}://{told_host}:{told_port}");
            let _ = write!(protocols, ",{name}:{protocol}");
        }
        vec![
            ("process.roles", "broker,controller".to_owned()),
            ("node.id", self.node.id.to_string()),
            ("controller.quorum.voters", voters.join(",")),
            ("listeners", listeners),
            ("advertised.listeners", advertised),
            ("listener.security.protocol.map", protocols),
            ("inter.broker.listener.name", "PLAINTEXT".to_owned()),
            ("controller.listener.names", "CONTROLLER".to_owned()),
            ("transaction.state.log.replication.factor", replicas.to_string()),
            ("transaction.state.log.min.isr", in_sync.to_string()),
            ("share.coordinator.state.topic.replication.factor", replicas.to_string()),
            ("share.coordinator.state.topic.min.isr", in_sync.to_string()),
        ]
    }

    fn beside_zookeeper(&self, port: u16) -> Vec<(&'static str, String)> {
        let mut listeners = format!("PLAINTEXT://127.0.0.1:{}", self.node.port);
        for Listener { name, host, port, .. } in self.listeners {
            let _ = write!(listeners, ",{name}://{host}:{port}");
        }
        vec![
            ("broker.id", self.node.id.to_string()),
            ("listeners", listeners),
            ("zookeeper.connect", format!("127.0.0.1:{port}")),
            ("zookeeper.connection.timeout.ms", "30000".to_owned()),
            ("zookeeper.session.timeout.ms", "2000".to_owned()),
        ]
    }
}

/// The same on every node.
const FIXED: &[(&str, &str)] = &[
    ("group.initial.rebalance.delay.ms", "0"),
    // Few partitions of the internal topics: a consumer's first join waits for all of them to be made.
    ("offsets.topic.num.partitions", "3"),
    ("transaction.state.log.num.partitions", "3"),
    // A killed leader is noticed, and replaced, within these six seconds.
    ("broker.session.timeout.ms", "6000"),
    ("broker.heartbeat.interval.ms", "1000"),
    ("replica.lag.time.max.ms", "10000"),
    ("num.network.threads", "2"),
    ("num.io.threads", "4"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn broker(id: i32) -> BrokerState {
        BrokerState {
            id,
            port: 9000 + id as u16,
            controller_port: 9100 + id as u16,
            process: None,
            listeners: Vec::new(),
        }
    }

    fn properties(count: i32, overrides: &[(String, String)]) -> String {
        let zookeeper_port = None;
        let brokers: Vec<_> = (1..=count).map(broker).collect();
        NodeSettings {
            brokers: &brokers,
            node: &brokers[0],
            data: Path::new("data"),
            zookeeper_port,
            listeners: &[],
            security: &[],
            overrides,
        }
        .to_properties()
    }

    #[test]
    fn three_nodes_replicate_everything_and_need_two_in_sync() {
        let text = properties(3, &[]);
        assert!(
            text.contains("controller.quorum.voters=1@127.0.0.1:9101,2@127.0.0.1:9102,3@127.0.0.1:9103\n")
        );
        assert!(
            text.contains("\ndefault.replication.factor=3\n") && text.contains("\nmin.insync.replicas=2\n")
        );
    }

    #[test]
    fn one_node_needs_only_itself() {
        let text = properties(1, &[]);
        assert!(
            text.contains("\noffsets.topic.replication.factor=1\n")
                && text.contains("\nmin.insync.replicas=1\n")
        );
    }

    #[test]
    fn a_broker_beside_a_zookeeper_knows_where_it_is_and_of_no_quorum() {
        let brokers = [broker(1)];
        let (node, data) = (&brokers[0], Path::new("data"));
        let settings = NodeSettings {
            brokers: &brokers,
            node,
            data,
            zookeeper_port: Some(2181),
            listeners: &[],
            security: &[],
            overrides: &[],
        };
        let text = settings.to_properties();
        assert!(
            text.contains("zookeeper.connect=127.0.0.1:2181\n") && text.contains("broker.id=1\n"),
            "{text}"
        );
        assert!(!text.contains("process.roles"), "{text}");
    }

    #[test]
    fn an_override_takes_the_place_of_our_line() {
        let text = properties(1, &[("num.io.threads".to_owned(), "1".to_owned())]);
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with("num.io.threads=")).collect();
        assert_eq!(lines, ["num.io.threads=1"]);
    }
}
