//! Test data made by the Java client: run once, and kept beside the tests that read it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use clap::Subcommand;

use crate::error::{Doing, XtaskError};
use crate::kafka::{self, Version};
use crate::workspace;

/// The newest client library.
const NEWEST_CLIENTS: &str = "clients-4.4.0";
/// The newest one that still has the versions which Kafka 4 removed (KIP-896).
const OLDER_CLIENTS: &str = "clients-3.9.2";
/// AWS's library for MSK.
const MSK_IAM: &str = "msk-iam-2.3.5";

/// What can be made.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Golden {
    /// tests/data/murmur2_java.csv: keys, their hash, their partition of 7 and of 1000.
    Murmur2,
    /// crates/kp-protocol/tests/data/golden-messages.txt: every API, version and direction; headers; error codes.
    Messages,
    /// crates/kp-config/testdata/java-answers.txt: what Java's producer says to each key with each of many values.
    Config,
    /// crates/kp-config/testdata/jaas-answers.txt: what Java's client reads in lines of `sasl.jaas.config`.
    Jaas,
    /// crates/kp-msk-iam/testdata/java-signatures.txt: what AWS's library sends to brokers of MSK.
    Msk,
}

impl Golden {
    fn source(self) -> &'static str {
        match self {
            Self::Murmur2 => "xtask/java/Murmur2Vectors.java",
            Self::Messages => "xtask/java/MessageBytes.java",
            Self::Config => "xtask/java/ConfigAnswers.java",
            Self::Jaas => "xtask/java/JaasAnswers.java",
            Self::Msk => "xtask/java/MskIam.java",
        }
    }

    fn output(self) -> PathBuf {
        workspace::root().join(match self {
            Self::Murmur2 => "tests/data/murmur2_java.csv",
            Self::Messages => "crates/kp-protocol/tests/data/golden-messages.txt",
            Self::Config => "crates/kp-config/testdata/java-answers.txt",
            Self::Jaas => "crates/kp-config/testdata/jaas-answers.txt",
            Self::Msk => "crates/kp-msk-iam/testdata/java-signatures.txt",
        })
    }

    /// Makes it anew with the Java client.
    ///
    /// # Errors
    /// Java or Maven is missing, the program fails, the file cannot be
    /// written.
    pub fn make(self) -> Result<(), XtaskError> {
        let output = match self {
            Self::Murmur2 => self.run(kafka::java_command(Version::newest())?)?,
            Self::Messages => {
                let newest = self.run(kafka::java_command_in(NEWEST_CLIENTS)?)?;
                let older = self.run(kafka::java_command_in(OLDER_CLIENTS)?)?;
                merge(&newest, &older)?
            }
            Self::Config => self.answers("config", NEWEST_CLIENTS)?,
            Self::Jaas => self.answers("jaas", NEWEST_CLIENTS)?,
            Self::Msk => self.answers("msk", MSK_IAM)?,
        };
        let path = self.output();
        std::fs::write(&path, &output).doing(|| format!("writing {}", path.display()))?;
        println!("{}: {} lines", workspace::shown(&path), output.lines().count());
        Ok(())
    }

    /// The answers of a library, under a heading.
    fn answers(self, name: &str, library: &str) -> Result<String, XtaskError> {
        Ok(format!(
            "# Made by `cargo xtask golden {name}` ({}, where the rows are explained) with {library}.\n\
             # Do not edit.\n{}",
            self.source(),
            self.run(kafka::java_command_in(library)?)?
        ))
    }

    fn run(self, mut java: Command) -> Result<String, XtaskError> {
        // The output holds text beyond ASCII only as hex, but the source does not.
        let java = java.arg("-Dfile.encoding=UTF-8").arg(workspace::root().join(self.source()));
        Ok(String::from_utf8_lossy(&kafka::run(java)?).into_owned())
    }
}

/// What a row is about; rows are sorted by it.
type Subject<'a> = (&'a str, &'a str, i32, &'a str);

fn subject(row: &str) -> Result<Subject<'_>, XtaskError> {
    let unknown = || XtaskError::Usage(format!("an unknown row: {row}"));
    let words: Vec<_> = row.split(' ').collect();
    let (message, api, number, case) = match words[..] {
        ["Error", code, _, _] => ("Error", "", code, ""),
        [header @ ("RequestHeader" | "ResponseHeader"), api, version, _] => (header, api, version, ""),
        [message, version, case, _] => (message, "", version, case),
        _ => return Err(unknown()),
    };
    Ok((message, api, number.parse().map_err(|_| unknown())?, case))
}

/// The rows of both, each once; the newest client's where both have one. (They need not be equal: values follow from
/// the names of fields, and a field may have another name in an older client.)
fn merge(newest: &str, older: &str) -> Result<String, XtaskError> {
    let mut rows = BTreeMap::new();
    for row in newest.lines() {
        rows.insert(subject(row)?, row);
    }
    for row in older.lines() {
        rows.entry(subject(row)?).or_insert(row);
    }
    let mut text = format!(
        "# Made by `cargo xtask golden messages` (xtask/java/MessageBytes.java, where the rows are explained) with \
         {NEWEST_CLIENTS},\n# and {OLDER_CLIENTS} for the versions that Kafka 4 removed. Do not edit.\n"
    );
    rows.values().for_each(|row| text.extend([row, "\n"]));
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::merge;

    #[test]
    fn the_newest_client_speaks_first_and_the_older_one_fills_its_gaps() {
        let newest = "TRequest 3 plain aa\nRequestHeader T 3 00\nError 1 NEW -\n";
        let older = "TRequest 2 plain bb\nTRequest 3 plain cc\nRequestHeader T 2 01\nError 1 OLD -\n";
        let merged = merge(newest, older).unwrap();
        let rows: Vec<_> = merged.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = [
            "Error 1 NEW -",
            "RequestHeader T 2 01",
            "RequestHeader T 3 00",
            "TRequest 2 plain bb",
            "TRequest 3 plain aa",
        ];
        assert_eq!(rows, expected);
        assert!(merge("TRequest three plain aa", "").is_err());
    }
}
