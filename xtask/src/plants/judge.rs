//! Who notices a planted bug: the laws of the simulation, else a test of a crate.

use std::fmt;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::plant::{NoticedBy, Plant, Simulation};
use super::tree::Tree;
use crate::error::{Doing, XtaskError};
use crate::packages::cargo;

/// Seeds that show that the code without a bug breaks no law.
const SEEDS_WITHOUT: u64 = 300;
/// No run of seeds or tests needs longer; one that does hangs.
const LIMIT: Duration = Duration::from_secs(240);
/// A build ends by itself, late where the machine does other work.
const BUILD_LIMIT: Duration = Duration::from_secs(3600);

/// Builds and runs.
pub(super) struct Judge<'a> {
    pub(super) tree: &'a Tree,
    pub(super) seeds: u64,
}

/// What became of a planted bug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A seed broke a law that the plant names.
    Law {
        law: String,
        seed: u64,
    },
    /// The test failed.
    Test {
        package: String,
        name: String,
    },
    /// A law was broken that the plant does not name: as good, and worth a look.
    AnotherLaw {
        laws: Vec<String>,
        seed: u64,
    },
    /// It ended neither well nor badly.
    Hangs,
    Survives,
    DoesNotApply(String),
    DoesNotCompile(String),
}

impl Verdict {
    pub(super) fn is_good(&self) -> bool {
        matches!(self, Self::Law { .. } | Self::AnotherLaw { .. } | Self::Test { .. })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Law { law, seed } => write!(f, "caught by the law {law:?} after {} seeds", seed + 1),
            Self::Test { package, name } => write!(f, "caught by the test {package} {name}"),
            Self::AnotherLaw { laws, seed } => {
                write!(f, "caught by a law it does not name, {:?}, after {} seeds", laws.join(", "), seed + 1)
            }
            Self::Hangs => write!(f, "HANGS"),
            Self::Survives => write!(f, "SURVIVES"),
            Self::DoesNotApply(why) => write!(f, "DOES NOT APPLY: {why}"),
            Self::DoesNotCompile(why) => write!(f, "DOES NOT COMPILE: {why}"),
        }
    }
}

/// How a command ended, and what it said.
struct Ended {
    /// `None`: it was ended after its limit.
    succeeded: Option<bool>,
    output: String,
}

impl Judge<'_> {
    /// The code without a bug has to be without a complaint, or every plant would count as caught.
    pub(super) fn expect_no_complaint(&self, of: Simulation) -> Result<(), XtaskError> {
        self.expect_none(of, self.simulation(of, SEEDS_WITHOUT))
    }

    /// As [`expect_no_complaint`](Self::expect_no_complaint), of a seed that complained with a bug planted.
    pub(super) fn expect_no_complaint_of(&self, plant: &Plant, seed: u64) -> Result<(), XtaskError> {
        let NoticedBy::Laws(of, _) = plant.noticed_by else { return Ok(()) };
        if seed < SEEDS_WITHOUT {
            return Ok(());
        }
        let mut simulation = self.simulation(of, 1);
        simulation.env("KP_FIRST_SEED", seed.to_string());
        self.expect_none(of, simulation)
    }

    fn expect_none(&self, of: Simulation, mut command: Command) -> Result<(), XtaskError> {
        let built = self.build(of)?;
        let ended = if built.succeeded == Some(true) { self.run(&mut command)? } else { built };
        match ended.succeeded {
            Some(true) => Ok(()),
            Some(false) => Err(XtaskError::Failed(format!("without a plant:\n{}", ended.output))),
            None => Err(XtaskError::Failed(format!("without a plant, it does not end:\n{}", ended.output))),
        }
    }

    /// Builds the simulation, so that no run is charged with the time of a build.
    fn build(&self, of: Simulation) -> Result<Ended, XtaskError> {
        self.run_within(BUILD_LIMIT, self.simulation(of, 0).arg("--no-run"))
    }

    /// Runs the laws or the test that have to notice.
    pub(super) fn judge(&self, plant: &Plant) -> Result<Verdict, XtaskError> {
        match &plant.noticed_by {
            NoticedBy::Laws(of, laws) => self.by_laws(*of, laws),
            NoticedBy::Test { package, name } => self.by_test(package, name),
        }
    }

    fn by_laws(&self, of: Simulation, wanted: &[String]) -> Result<Verdict, XtaskError> {
        let built = self.build(of)?;
        if built.succeeded != Some(true) {
            return Ok(Verdict::DoesNotCompile(built.output));
        }
        let ended = self.run(&mut self.simulation(of, self.seeds))?;
        Ok(match ended.succeeded {
            None => Verdict::Hangs,
            Some(true) => Verdict::Survives,
            Some(false) => match broken_laws(&ended.output) {
                None => Verdict::DoesNotCompile(ended.output),
                Some((seed, laws)) => match laws.iter().find(|law| wanted.contains(law)) {
                    Some(law) => Verdict::Law { law: law.clone(), seed },
                    None => Verdict::AnotherLaw { laws, seed },
                },
            },
        })
    }

    fn by_test(&self, package: &str, name: &str) -> Result<Verdict, XtaskError> {
        let test = || {
            let mut command = self.cargo_test();
            command.args(["--package", package]);
            command
        };
        let built = self.run_within(BUILD_LIMIT, test().arg("--no-run"))?;
        if built.succeeded != Some(true) {
            return Ok(Verdict::DoesNotCompile(built.output));
        }
        let ended = self.run(test().arg(name))?;
        let failed = ended.output.lines().any(|line| line.contains(name) && line.ends_with("... FAILED"));
        Ok(match ended.succeeded {
            None => Verdict::Hangs,
            Some(false) if failed => Verdict::Test { package: package.to_owned(), name: name.to_owned() },
            _ => Verdict::Survives,
        })
    }

    fn cargo_test(&self) -> Command {
        let mut command = cargo();
        command.current_dir(self.tree.root()).env("CARGO_INCREMENTAL", "1");
        command.args(["test", "--locked", "--profile", "plants"]);
        command.arg("--target-dir").arg(Tree::target_dir());
        command
    }

    fn simulation(&self, of: Simulation, seeds: u64) -> Command {
        let mut command = self.cargo_test();
        command.args(["--package", "kp-tests", "--test"]).args(of.test());
        command.env("KP_SEEDS", seeds.to_string()).env("KP_FAILURES", "1").env("KP_SHRINK", "0");
        command
    }

    fn run(&self, command: &mut Command) -> Result<Ended, XtaskError> {
        self.run_within(LIMIT, command)
    }

    fn run_within(&self, limit: Duration, command: &mut Command) -> Result<Ended, XtaskError> {
        let shown = crate::kafka::shown(command);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = command.spawn().doing(|| format!("starting `{shown}`"))?;
        let readers = [
            child.stdout.take().map(|stdout| std::thread::spawn(move || read_all(stdout))),
            child.stderr.take().map(|stderr| std::thread::spawn(move || read_all(stderr))),
        ];
        let succeeded = wait(&mut child, limit).doing(|| format!("waiting for `{shown}`"))?;
        let output = readers.into_iter().flatten().filter_map(|reader| reader.join().ok()).collect();
        Ok(Ended { succeeded, output })
    }
}

fn read_all(mut from: impl Read) -> String {
    let mut bytes = Vec::new();
    // A pipe that breaks has said what it had to say.
    let _ = from.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits; `None` if it took too long and was ended.
fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<bool>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status.success()));
        }
        if started.elapsed() > limit {
            // With what cargo has started.
            Pid::from_raw(child.id() as i32)
                .map_or(Ok(()), |group| kill_process_group(group, Signal::KILL))?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The failing seed and the laws it broke, out of what the simulation says.
fn broken_laws(output: &str) -> Option<(u64, Vec<String>)> {
    let mut lines =
        output.lines().skip_while(|line| !(line.starts_with("seed ") && line.contains(" breaks ")));
    let seed = lines.next()?.split_whitespace().nth(1)?.parse().ok()?;
    let laws = lines.map_while(|line| line.strip_prefix("  ")?.split_once(": "));
    let laws: Vec<String> = laws.map(|(law, _)| law.to_owned()).collect();
    (!laws.is_empty()).then_some((seed, laws))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_broken_laws_are_read_out_of_what_the_simulation_says() {
        let output = "thread 'x' panicked:\nseed 17 breaks 2 law(s):\n  nothing twice: record 3 is at …: …\n  \
                      memory returns: 3 of 4\nfailing seeds: [17]\n";
        let laws = vec!["nothing twice".to_owned(), "memory returns".to_owned()];
        assert_eq!(broken_laws(output), Some((17, laws)));
        assert_eq!(broken_laws("error[E0308]: mismatched types"), None);
    }
}
