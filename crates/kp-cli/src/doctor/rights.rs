//! What the cluster lets this client do, as far as brokers tell (KIP-430: 2.3 and newer).
//! Owns: the operations that a producer needs, and their words. Never: a verdict on what no broker told.

use kp_protocol::{ApiKey, api::DescribeClusterRequest};
use serde_json::{Value, json};

use super::{
    listener::Spoken,
    partitions,
    report::{Ailment, Report},
};
use crate::reader::ReaderError;

const STEP: &str = "rights";

/// Numbers of operations, as the brokers count them (Java's `AclOperation`).
const WRITE: u32 = 4;
const CREATE: u32 = 5;
const DESCRIBE: u32 = 8;
const IDEMPOTENT_WRITE: u32 = 12;

/// The operations that are allowed on something; `None` if the broker does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Allowed(Option<i32>);

impl Allowed {
    /// As it stands in an answer. A broker does not tell of the cluster to who may not describe it: that is 0.
    fn told(operations: i32) -> Self {
        Self(Some(operations).filter(|operations| !matches!(*operations, i32::MIN | 0)))
    }

    fn has(self, operation: u32) -> Option<bool> {
        self.0.map(|operations| operations & (1 << operation) != 0)
    }
}

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rights {
    topic: Allowed,
    cluster: Allowed,
}

impl Rights {
    /// Asks for those on the cluster. `topic` are the operations that Metadata has for the topic.
    pub(super) fn ask(spoken: &mut Spoken, topic: Option<i32>) -> Self {
        let cluster = ask_for_those_on_the_cluster(spoken).unwrap_or(i32::MIN);
        Self {
            topic: Allowed(topic.filter(|operations| *operations != i32::MIN)),
            cluster: Allowed::told(cluster),
        }
    }

    /// Whether this client may create any topic; `None` if the broker does not tell.
    pub(super) fn may_create(self) -> Option<bool> {
        self.cluster.has(CREATE)
    }

    /// What is known, in a line; what is missing for `name` is a failure.
    pub(super) fn tell(self, report: &mut Report, name: &str) {
        if self.topic.has(WRITE) == Some(false) {
            let remedy = format!(
                "allow it: kafka-acls.sh --add --producer --topic {name} --allow-principal User:… --bootstrap-server …"
            );
            report.failed(
                partitions::STEP,
                Ailment::new(format!("{name}: this client may see it, but not write to it"), remedy),
            );
        }
        let words = self.words(name);
        if !words.is_empty() {
            report.ok_with(STEP, format!("this client {words}"), self.to_json());
        }
    }

    fn words(self, name: &str) -> String {
        let on_topic = [(WRITE, "write to"), (DESCRIBE, "describe")];
        let on_cluster =
            [(CREATE, "create topics"), (IDEMPOTENT_WRITE, "write idempotently (IdempotentWrite)")];
        let topic = on_topic.map(|(operation, verb)| (self.topic.has(operation), format!("{verb} {name}")));
        let cluster = on_cluster.map(|(operation, verb)| (self.cluster.has(operation), verb.to_owned()));
        let all: Vec<_> = topic.into_iter().chain(cluster).collect();
        let those = |wanted: bool| -> Vec<&str> {
            let known = all.iter().filter(|(is_allowed, _)| *is_allowed == Some(wanted));
            known.map(|(_, verb)| verb.as_str()).collect()
        };
        let said = [("may ", those(true)), ("may not ", those(false))];
        let said = said.into_iter().filter(|(_, verbs)| !verbs.is_empty());
        said.map(|(may, verbs)| format!("{may}{}", verbs.join(", "))).collect::<Vec<_>>().join("; ")
    }

    fn to_json(self) -> Value {
        json!({
            "write": self.topic.has(WRITE), "describe": self.topic.has(DESCRIBE), "create_topics": self.may_create(),
            "idempotent_write": self.cluster.has(IDEMPOTENT_WRITE),
        })
    }
}

fn ask_for_those_on_the_cluster(spoken: &mut Spoken) -> Result<i32, ReaderError> {
    let version = spoken.connection.version(ApiKey::DescribeCluster)?;
    let request =
        DescribeClusterRequest { include_cluster_authorized_operations: true, ..Default::default() };
    let answer = spoken.caller.call(&spoken.connection, version, &request)?;
    ReaderError::check("the cluster", answer.error_code, None)?;
    Ok(answer.cluster_authorized_operations)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(topic: &[u32], cluster: &[u32]) -> Rights {
        let bits = |operations: &[u32]| operations.iter().fold(0, |bits, operation| bits | 1 << operation);
        Rights { topic: Allowed(Some(bits(topic))), cluster: Allowed::told(bits(cluster)) }
    }

    // A17
    #[test]
    fn what_is_allowed_and_what_is_not_is_told_in_words() {
        let all = rights(&[WRITE, DESCRIBE], &[CREATE, IDEMPOTENT_WRITE]);
        let expected =
            "may write to orders, describe orders, create topics, write idempotently (IdempotentWrite)";
        assert_eq!(all.words("orders"), expected);
        let few = rights(&[DESCRIBE], &[CREATE]);
        let expected = "may describe orders, create topics; may not write to orders, write idempotently (IdempotentWrite)";
        assert_eq!(few.words("orders"), expected);
    }

    #[test]
    fn what_a_broker_does_not_tell_is_neither_allowed_nor_forbidden() {
        assert_eq!(rights(&[WRITE], &[]).words("orders"), "may write to orders; may not describe orders");
        assert_eq!(rights(&[WRITE], &[]).may_create(), None);
        let nothing = Rights { topic: Allowed(None), cluster: Allowed::told(i32::MIN) };
        assert_eq!(nothing.words("orders"), "");
    }

    #[test]
    fn who_may_not_write_to_the_topic_is_told_what_to_add() {
        let mut report = Report::new(true);
        rights(&[DESCRIBE], &[DESCRIBE]).tell(&mut report, "orders");
        assert!(!report.is_healthy());
        let mut report = Report::new(true);
        rights(&[WRITE], &[DESCRIBE]).tell(&mut report, "orders");
        assert!(report.is_healthy());
    }
}
