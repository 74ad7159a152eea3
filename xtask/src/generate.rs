//! Files that are printed from the code: `docs/configuration.md` and `docs/metrics.md` from their tables,
//! `docs/behaviours` from the tests, `docs/codemap.md` from the files, the figures of `README.md` from `docs/performance.md`.
//!
//! The tables are read by running `xtask/examples/print_tables.rs`, which depends on the crates; this one does not.

use std::path::PathBuf;

use serde::Deserialize;

use crate::behaviours::Behaviours;
use crate::error::{Doing, XtaskError};
use crate::packages::{cargo, output_of};
use crate::tidy::SourceFile;
use crate::tidy::schema::Table;
use crate::{codemap, figures, tidy, workspace};

/// What the crates say of themselves.
#[derive(Debug, Deserialize)]
pub(crate) struct Tables {
    /// The messages of kp-protocol.
    pub(crate) wire: Vec<Table>,
    /// `docs/configuration.md`, from kp-config's keys.
    configuration: String,
    /// `docs/metrics.md`, from kp-producer's metrics.
    metrics: String,
}

impl Tables {
    /// Builds and runs the program that prints them.
    pub(crate) fn read() -> Result<Self, XtaskError> {
        let output =
            output_of(cargo().args(["run", "--quiet", "--package", "xtask", "--example", "print_tables"]))?;
        serde_json::from_slice(&output)
            .map_err(|source| XtaskError::Json { path: PathBuf::from("output of print_tables"), source })
    }

    /// All generated files.
    pub(crate) fn files(&self, behaviours: &Behaviours, sources: &[SourceFile]) -> Vec<Generated> {
        let file = |name: &str, text: String| Generated { path: workspace::root().join(name), text };
        let page = |name: &str| std::fs::read_to_string(workspace::root().join(name)).unwrap_or_default();
        let mut files = vec![
            file("README.md", figures::woven(&page("README.md"), &page("docs/performance.md"))),
            file("docs/configuration.md", self.configuration.clone()),
            file("docs/metrics.md", self.metrics.clone()),
        ];
        files.push(file("docs/codemap.md", codemap::render(sources)));
        files.extend(behaviours.pages().into_iter().map(|(path, text)| file(&path, text)));
        files
    }
}

/// A generated file: where it lies, and what it has to hold.
pub(crate) struct Generated {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Generated {
    /// The first line that differs from the file's, counted from 1; `None` if the file is as it has to be.
    pub(crate) fn first_stale_line(&self) -> Option<usize> {
        let found = std::fs::read_to_string(&self.path).unwrap_or_default();
        if found == self.text {
            return None;
        }
        let same = found.lines().zip(self.text.lines()).take_while(|(found, wanted)| found == wanted).count();
        Some(same + 1)
    }
}

/// Writes all generated files, or with `check` only says which are stale.
///
/// # Errors
/// The crates do not compile, a file cannot be written, or with `check`: is stale.
pub fn run(check: bool) -> Result<(), XtaskError> {
    let mut stale = Vec::new();
    let sources = tidy::source_files()?;
    for file in Tables::read()?.files(&Behaviours::read(&sources), &sources) {
        let name = workspace::shown(&file.path);
        match file.first_stale_line() {
            None => println!("{name}: fresh"),
            Some(line) if check => {
                println!("{name}:{line}: stale");
                stale.push(name);
            }
            Some(_) => {
                if let Some(folder) = file.path.parent() {
                    std::fs::create_dir_all(folder)
                        .doing(|| format!("making {}", workspace::shown(folder)))?;
                }
                std::fs::write(&file.path, file.text).doing(|| format!("writing {name}"))?;
                println!("{name}: written");
            }
        }
    }
    if stale.is_empty() {
        Ok(())
    } else {
        Err(XtaskError::Failed(format!("stale: {}; run `cargo xtask docs`", stale.join(", "))))
    }
}
