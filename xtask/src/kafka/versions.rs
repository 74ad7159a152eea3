//! The versions of Apache Kafka that can be started, one row each. A row needs a `xtask/kafka/<number>/pom.xml`.

use crate::error::XtaskError;

/// Who keeps a cluster's metadata.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Quorum {
    /// The brokers themselves (KRaft); their storage is formatted first.
    KRaft {
        /// The class that formats a broker's data directory.
        storage_tool: &'static str,
    },
    /// A ZooKeeper beside them.
    ZooKeeper {
        /// The class that runs it.
        server: &'static str,
        /// The class of `kafka-topics`: brokers of that age make no topics for clients.
        topic_command: &'static str,
    },
}

/// One version of Apache Kafka: how it is called, and where its tools are.
#[derive(Debug, PartialEq, Eq)]
pub struct Version {
    /// As Maven knows it.
    pub number: &'static str,
    /// The class that runs a broker.
    pub(crate) broker: &'static str,
    pub(crate) quorum: Quorum,
    /// Whether it logs by log4j, which says nothing without a file of settings.
    pub(crate) has_log4j: bool,
    /// The class of `kafka-console-consumer`.
    pub(crate) console_consumer: &'static str,
    /// What the console consumer needs beside topic and brokers.
    pub(crate) consumer_arguments: &'static [&'static str],
    /// The option of the console consumer that sets a property of its formatter, e.g. `print.key=true`.
    pub(crate) formatter_option: &'static str,
    /// The class of `kafka-dump-log`.
    pub(crate) dump_log: &'static str,
    /// The class of `kafka-get-offsets`, and its option for the brokers.
    pub(crate) get_offsets: (&'static str, &'static str),
}

/// All versions, newest first.
pub const VERSIONS: &[Version] = &[
    Version {
        number: "4.3.0",
        broker: "kafka.Kafka",
        quorum: Quorum::KRaft { storage_tool: "kafka.tools.StorageTool" },
        has_log4j: false,
        console_consumer: "org.apache.kafka.tools.consumer.ConsoleConsumer",
        consumer_arguments: &[],
        formatter_option: "--formatter-property",
        dump_log: "org.apache.kafka.tools.DumpLogSegments",
        get_offsets: ("org.apache.kafka.tools.GetOffsetShell", "--bootstrap-server"),
    },
    Version {
        number: "3.9.1",
        broker: "kafka.Kafka",
        quorum: Quorum::KRaft { storage_tool: "kafka.tools.StorageTool" },
        has_log4j: true,
        console_consumer: "org.apache.kafka.tools.consumer.ConsoleConsumer",
        consumer_arguments: &[],
        formatter_option: "--property",
        dump_log: "kafka.tools.DumpLogSegments",
        get_offsets: ("org.apache.kafka.tools.GetOffsetShell", "--bootstrap-server"),
    },
    Version {
        number: "0.9.0.1",
        broker: "kafka.Kafka",
        quorum: Quorum::ZooKeeper {
            server: "org.apache.zookeeper.server.quorum.QuorumPeerMain",
            topic_command: "kafka.admin.TopicCommand",
        },
        has_log4j: true,
        console_consumer: "kafka.tools.ConsoleConsumer",
        consumer_arguments: &["--new-consumer"],
        formatter_option: "--property",
        dump_log: "kafka.tools.DumpLogSegments",
        get_offsets: ("kafka.tools.GetOffsetShell", "--broker-list"),
    },
];

impl Version {
    /// The newest version, which is started when none is named.
    pub fn newest() -> &'static Self {
        &VERSIONS[0]
    }

    /// Finds the row of `number`.
    ///
    /// # Errors
    /// [`XtaskError::UnknownVersion`] names those that there are.
    pub fn find(number: &str) -> Result<&'static Self, XtaskError> {
        VERSIONS.iter().find(|version| version.number == number).ok_or_else(|| XtaskError::UnknownVersion {
            wanted: number.to_owned(),
            known: VERSIONS.iter().map(|version| version.number).collect::<Vec<_>>().join(", "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_has_its_pom_with_the_same_number() {
        for version in VERSIONS {
            let path = crate::workspace::root().join("xtask/kafka").join(version.number).join("pom.xml");
            let pom = std::fs::read_to_string(&path).unwrap();
            assert!(pom.contains(&format!("<version>{}</version>", version.number)), "{}", path.display());
        }
    }

    #[test]
    fn an_unknown_version_is_answered_with_the_known_ones() {
        let error = Version::find("9.9.9").unwrap_err().to_string();
        assert!(error.contains("9.9.9") && error.contains(Version::newest().number), "{error}");
    }
}
