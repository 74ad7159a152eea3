//! The producers: how each is built, and what it can do.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::scenarios::Scenario;
use crate::error::{Doing, XtaskError};
use crate::kafka::{Java, Version};
use crate::packages::{cargo, output_of};
use crate::workspace;

/// A producer that kp is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    FranzGo,
    Librdkafka,
    Krafka,
    Java,
    Limit,
}

/// A producer that can be run.
#[derive(Debug)]
pub(super) struct Producer {
    pub(super) name: String,
    /// `None`: kp.
    peer: Option<Peer>,
    program: Vec<PathBuf>,
    mode: Option<String>,
    /// Of kp: over another cryptography than ring.
    provider: Option<&'static str>,
}

impl Peer {
    const ALL: [Self; 5] = [Self::FranzGo, Self::Librdkafka, Self::Krafka, Self::Java, Self::Limit];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::FranzGo => "franz-go",
            Self::Librdkafka => "librdkafka",
            Self::Krafka => "krafka",
            Self::Java => "java",
            Self::Limit => "limit",
        }
    }

    /// Those of these names, and the limit; `none` for no other.
    pub(super) fn named(names: &[String]) -> Result<Vec<Self>, XtaskError> {
        let mut chosen = Vec::new();
        for name in names.iter().filter(|name| *name != "none") {
            let Some(peer) = Self::ALL.into_iter().find(|peer| peer.name() == name) else {
                let known = Self::ALL.map(Self::name).join(", ");
                return Err(XtaskError::Usage(format!(
                    "--against {name}: not known; there are {known}, none"
                )));
            };
            chosen.push(peer);
        }
        if !chosen.contains(&Self::Limit) {
            chosen.push(Self::Limit);
        }
        Ok(chosen)
    }

    pub(super) fn build(self) -> Result<Producer, XtaskError> {
        let program = match self {
            Self::FranzGo => vec![build_go()?],
            Self::Librdkafka | Self::Krafka => vec![build_rust(self.name(), Some(self.name()))?],
            Self::Limit => vec![build_rust(self.name(), None)?],
            Self::Java => build_java()?,
        };
        Ok(Producer { name: self.name().to_owned(), peer: Some(self), program, mode: None, provider: None })
    }
}

impl Producer {
    /// kp once for each mode; once, as suits the scenario, without any, and over TLS once more for each other cryptography.
    pub(super) fn of_kp(program: &Path, modes: &[String]) -> Vec<Self> {
        let with = |name: String, mode| {
            let program = vec![program.to_owned()];
            Self { name, peer: None, program, mode, provider: None }
        };
        if modes.is_empty() {
            let graviola = Self { provider: Some("graviola"), ..with("kp graviola".to_owned(), None) };
            return vec![with("kp".to_owned(), None), graviola];
        }
        modes.iter().map(|mode| with(format!("kp {mode}"), Some(mode.clone()))).collect()
    }

    /// Whether it has a row in this scenario, be it an empty one.
    pub(super) fn has_row(&self, scenario: &Scenario) -> bool {
        self.provider.is_none() || scenario.tls
    }

    /// Whether it can do this scenario at all.
    pub(super) fn can(&self, scenario: &Scenario) -> bool {
        match self.peer {
            None => true,
            // The others have no certificate that they could be told to trust.
            Some(peer) if scenario.tls && !matches!(peer, Peer::FranzGo | Peer::Librdkafka) => false,
            Some(Peer::FranzGo | Peer::Java) => !scenario.tasks,
            Some(Peer::Librdkafka) => true,
            Some(Peer::Krafka) => scenario.threads == 1,
            Some(Peer::Limit) => {
                let beyond = ["--keys", "--compression", "--rate", "--txn"];
                scenario.partitions == 6
                    && scenario.threads == 1
                    && !scenario.tasks
                    && !beyond.iter().any(|option| scenario.args.contains(option))
            }
        }
    }

    /// The command line up to what all have in common.
    pub(super) fn command(&self, scenario: &Scenario) -> Command {
        let mut command = Command::new(&self.program[0]);
        command.args(&self.program[1..]).args(scenario.args.split(' '));
        let suits = match (&self.mode, scenario.tasks, scenario.has_latency()) {
            (_, true, _) => "tasks",
            (Some(mode), ..) => mode,
            (None, _, true) => "closure",
            (None, _, false) => "drop",
        };
        if self.peer.is_none() || scenario.tasks {
            command.args(["--mode", suits]);
        }
        if let Some(provider) = self.provider {
            command.args(["--provider", provider]);
        }
        command
    }
}

fn peers_dir(language: &str) -> PathBuf {
    workspace::root().join("benches/peers").join(language)
}

fn built_dir() -> Result<PathBuf, XtaskError> {
    let dir = workspace::target_dir().join("bench");
    std::fs::create_dir_all(&dir).doing(|| format!("making {}", dir.display()))?;
    Ok(dir)
}

fn build_rust(program: &str, feature: Option<&str>) -> Result<PathBuf, XtaskError> {
    let target = built_dir()?.join("peers");
    let mut command = cargo();
    command.args(["build", "--quiet", "--release", "--bin", program, "--manifest-path"]);
    command.arg(peers_dir("rust").join("Cargo.toml")).arg("--target-dir").arg(&target);
    command.args(feature.map(|feature| format!("--features={feature}")));
    output_of(&mut command)?;
    Ok(target.join("release").join(program))
}

fn build_go() -> Result<PathBuf, XtaskError> {
    let program = built_dir()?.join("franz-go");
    let mut command = Command::new("go");
    command.current_dir(peers_dir("go")).stdin(Stdio::null()).args(["build", "-o"]).arg(&program).arg(".");
    output_of(&mut command)?;
    Ok(program)
}

/// The whole command line: the classes and the jars of the newest Kafka that can be started.
fn build_java() -> Result<Vec<PathBuf>, XtaskError> {
    let java = Java::with_jars_of(Version::newest())?;
    let classes = built_dir()?.join("java");
    let mut command = java.compiler();
    command.stdin(Stdio::null()).arg("-d").arg(&classes).arg(peers_dir("java").join("Bench.java"));
    output_of(&mut command)?;
    let run = java.command_with(&classes, &["-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]);
    let arguments = run.get_args().map(PathBuf::from);
    let program = PathBuf::from(run.get_program());
    Ok(std::iter::once(program).chain(arguments).chain([PathBuf::from("Bench")]).collect())
}

#[cfg(test)]
mod tests {
    use super::super::scenarios::SCENARIOS;
    use super::*;

    #[test]
    fn a_peer_that_is_not_known_is_an_error_and_the_limit_is_always_there() {
        let error = Peer::named(&["kafkajs".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("kafkajs") && error.contains("franz-go"), "{error}");
        assert_eq!(Peer::named(&["none".to_owned()]).unwrap(), [Peer::Limit]);
    }

    #[test]
    fn kp_is_told_how_to_take_outcomes_as_suits_the_scenario() {
        let kp = &Producer::of_kp(Path::new("kp-bench"), &[])[0];
        let mode = |name: &str| {
            let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name).unwrap();
            kp.command(scenario).get_args().last().unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!([mode("small"), mode("rate"), mode("await-10000")], ["drop", "closure", "tasks"]);
    }

    #[test]
    fn another_cryptography_is_a_row_of_its_own_where_there_is_tls() {
        let [kp, graviola] = &Producer::of_kp(Path::new("kp-bench"), &[])[..] else { panic!() };
        let named = |name: &str| SCENARIOS.iter().find(|scenario| scenario.name == name).unwrap();
        let (plain, tls) = (named("small"), named("small-tls"));
        assert_eq!([kp.has_row(plain), kp.has_row(tls)], [true, true]);
        assert_eq!([graviola.has_row(plain), graviola.has_row(tls)], [false, true]);
        assert!(graviola.command(tls).get_args().any(|argument| argument == "graviola"));
        assert!(!kp.command(tls).get_args().any(|argument| argument == "graviola"));
    }
}
