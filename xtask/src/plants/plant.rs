//! One planted bug: a patch with a header of `key: value` lines above its first `diff`.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use crate::error::{Doing, XtaskError};
use crate::workspace;

/// A bug, and who has to notice it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plant {
    pub(super) name: String,
    /// What the patched code does wrong, in a sentence.
    pub(super) bug: String,
    pub(super) noticed_by: NoticedBy,
    pub(super) path: PathBuf,
    /// What it changes, from the root.
    pub(super) files: Vec<String>,
}

/// A simulation with laws: a test of kp-tests, and of it the test that runs seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Simulation {
    /// `tests/src/laws.rs`.
    Records,
    /// `tests/src/transaction_laws.rs`.
    Transactions,
}

impl Simulation {
    pub(super) const ALL: [Self; 2] = [Self::Records, Self::Transactions];

    /// The test program, and its test.
    pub(super) fn test(self) -> [&'static str; 2] {
        match self {
            Self::Records => ["sim_laws", "laws_hold_over_many_seeds"],
            Self::Transactions => ["sim_transactions", "laws_of_transactions_hold_over_many_seeds"],
        }
    }
}

/// Who has to notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoticedBy {
    /// One of these laws of a simulation.
    Laws(Simulation, Vec<String>),
    /// A test of this crate whose name contains this.
    Test { package: String, name: String },
}

impl fmt::Display for NoticedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Laws(_, laws) => write!(f, "the laws: {}", laws.join(", or ")),
            Self::Test { package, name } => write!(f, "the tests of {package}: …{name}…"),
        }
    }
}

impl Plant {
    /// All of them, by name.
    pub(super) fn all() -> Result<Vec<Self>, XtaskError> {
        let folder = workspace::root().join("xtask/plants");
        let mut plants = Vec::new();
        for entry in fs::read_dir(&folder).doing(|| format!("listing {}", folder.display()))? {
            let path = entry.doing(|| format!("listing {}", folder.display()))?.path();
            if path.extension().is_some_and(|extension| extension == "patch") {
                let text = fs::read_to_string(&path).doing(|| format!("reading {}", path.display()))?;
                let bad = |what| XtaskError::Failed(format!("{}: {what}", workspace::shown(&path)));
                plants.push(Self::parse(&text, path.clone()).map_err(bad)?);
            }
        }
        plants.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(plants)
    }

    fn parse(text: &str, path: PathBuf) -> Result<Self, &'static str> {
        let name = path.file_stem().and_then(|stem| stem.to_str()).ok_or("no name")?.to_owned();
        let header = text.lines().take_while(|line| !line.starts_with("--- "));
        let value = |key: &str| {
            let mut lines = header.clone().filter_map(|line| line.strip_prefix(key)?.strip_prefix(": "));
            lines.next().map(|value| value.trim().to_owned())
        };
        let laws = |of, laws: String| {
            NoticedBy::Laws(of, laws.split('|').map(|law| law.trim().to_owned()).collect())
        };
        let noticed_by = match (value("law"), value("transaction law"), value("test")) {
            (Some(broken), None, None) => laws(Simulation::Records, broken),
            (None, Some(broken), None) => laws(Simulation::Transactions, broken),
            (None, None, Some(test)) => {
                let (package, name) = test.split_once(' ').ok_or("`test:` names a crate and a test")?;
                NoticedBy::Test { package: package.to_owned(), name: name.trim().to_owned() }
            }
            _ => return Err("needs one line `law: …`, `transaction law: …` or `test: crate name`"),
        };
        let changed = text.lines().filter_map(|line| line.strip_prefix("+++ b/"));
        let files: Vec<String> = changed.map(|file| file.trim().to_owned()).collect();
        if files.is_empty() {
            return Err("changes no file");
        }
        Ok(Self { name, bug: value("bug").ok_or("needs a line `bug: …`")?, noticed_by, path, files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "--- a/crates/x/src/y.rs\n+++ b/crates/x/src/y.rs\n@@ -1 +1 @@\n-a\n+b\n";

    fn parse(header: &str) -> Result<Plant, &'static str> {
        Plant::parse(&format!("{header}{DIFF}"), PathBuf::from("plants/it-forgets.patch"))
    }

    #[test]
    fn the_header_names_the_bug_and_who_notices() {
        let plant = parse("bug: memory\nlaw: nothing twice | order per partition\n").unwrap();
        assert_eq!((plant.name.as_str(), plant.bug.as_str()), ("it-forgets", "memory"));
        assert_eq!(plant.files, ["crates/x/src/y.rs"]);
        let laws = ["nothing twice", "order per partition"].map(str::to_owned).to_vec();
        assert_eq!(plant.noticed_by, NoticedBy::Laws(Simulation::Records, laws.clone()));
        let plant = parse("bug: torn\ntransaction law: nothing twice | order per partition\n").unwrap();
        assert_eq!(plant.noticed_by, NoticedBy::Laws(Simulation::Transactions, laws));
        let test = parse("bug: b\ntest: kp-memory a_waiter_is_served\n").unwrap().noticed_by;
        let (package, name) = ("kp-memory".to_owned(), "a_waiter_is_served".to_owned());
        assert_eq!(test, NoticedBy::Test { package, name });
    }

    #[test]
    fn a_plant_without_a_law_or_a_test_is_refused() {
        assert!(parse("bug: b\n").is_err());
        assert!(parse("law: nothing twice\n").is_err());
        assert!(parse("bug: b\nlaw: a\ntest: b c\n").is_err());
    }
}
