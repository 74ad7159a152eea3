//! The versions of Apache Kafka that can be started, one row each. A row needs a `xtask/kafka/<number>/pom.xml`.

use crate::error::XtaskError;

/// One version of Apache Kafka: how it is called, and where its tools are.
#[derive(Debug, PartialEq, Eq)]
pub struct Version {
    /// As Maven knows it.
    pub number: &'static str,
    /// The class that runs a broker.
    pub(crate) broker: &'static str,
    /// The class that formats a broker's data directory.
    pub(crate) storage_tool: &'static str,
    /// The class of `kafka-console-consumer`.
    pub(crate) console_consumer: &'static str,
    /// The option of the console consumer that sets a property of its formatter, e.g. `print.key=true`.
    pub(crate) formatter_option: &'static str,
    /// The class of `kafka-dump-log`.
    pub(crate) dump_log: &'static str,
}

/// All versions, newest first.
pub const VERSIONS: &[Version] = &[Version {
    number: "4.3.0",
    broker: "kafka.Kafka",
    storage_tool: "kafka.tools.StorageTool",
    console_consumer: "org.apache.kafka.tools.consumer.ConsoleConsumer",
    formatter_option: "--formatter-property",
    dump_log: "org.apache.kafka.tools.DumpLogSegments",
}];

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
