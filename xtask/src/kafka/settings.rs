//! `server.properties` of one node of a cluster, on 127.0.0.1 only: a combined broker and controller (KRaft), or a broker
//! beside a ZooKeeper.

use std::fmt::Write as _;
use std::path::Path;

use super::options::ClientListener;
use super::state::BrokerState;

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
    /// Where clients reach it, if something stands between.
    pub(crate) clients: Option<ClientListener>,
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
        for (key, value) in &lines {
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
        if let Some(ClientListener { port, advertised: told }) = self.clients {
            let _ = write!(listeners, ",CLIENTS://127.0.0.1:{port}");
            let _ = write!(advertised, ",CLIENTS://127.0.0.1:{told}");
            protocols.push_str(",CLIENTS:PLAINTEXT");
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
        vec![
            ("broker.id", self.node.id.to_string()),
            ("listeners", format!("PLAINTEXT://127.0.0.1:{}", self.node.port)),
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
        BrokerState { id, port: 9000 + id as u16, controller_port: 9100 + id as u16, process: None }
    }

    fn properties(count: i32, overrides: &[(String, String)]) -> String {
        let zookeeper_port = None;
        let brokers: Vec<_> = (1..=count).map(broker).collect();
        NodeSettings {
            brokers: &brokers,
            node: &brokers[0],
            data: Path::new("data"),
            zookeeper_port,
            clients: None,
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
            clients: None,
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
