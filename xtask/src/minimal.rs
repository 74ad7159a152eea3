//! `cargo xtask minimal`: do the published crates compile with the oldest versions that their manifests allow? What is said
//! there is a promise to who has an older lock file. In a copy, `target/minimal/tree`, since it makes a lock file of its own.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Doing, XtaskError};
use crate::packages::{cargo, output_of};
use crate::tidy::{SourceFile, source_files};
use crate::workspace;

/// Only nightly's cargo chooses the oldest versions; what is chosen is compiled by the usual one.
const CHOOSE: &[&str] = &["run", "nightly", "cargo", "update", "--quiet", "-Z", "direct-minimal-versions"];

/// Chooses the oldest versions of what the manifests name, and compiles every crate with all features.
///
/// # Errors
/// A manifest promises too much; or there is no nightly cargo.
pub fn run() -> Result<(), XtaskError> {
    let place = workspace::target_dir().join("minimal");
    let tree = place.join("tree");
    if tree.exists() {
        std::fs::remove_dir_all(&tree).doing(|| format!("removing {}", tree.display()))?;
    }
    for file in source_files()?.iter().filter(|file| is_published(file)) {
        write(&tree.join(&file.path), &alone(file))?;
    }
    let mut choose = Command::new("rustup");
    output_of(choose.args(CHOOSE).current_dir(&tree).stdin(Stdio::null()))?;
    let mut check = cargo();
    check.args(["check", "--quiet", "--keep-going", "--workspace", "--all-features", "--target-dir"]);
    output_of(check.arg(place.join("build")).current_dir(&tree))?;
    println!("the published crates compile with the oldest versions that they allow");
    Ok(())
}

fn is_published(file: &SourceFile) -> bool {
    file.path == "Cargo.toml" || file.path.starts_with("crates/")
}

/// The file as it is there: the workspace has no members but the crates.
fn alone(file: &SourceFile) -> String {
    if file.path != "Cargo.toml" {
        return file.text.clone();
    }
    let line = |line: &str| {
        if line.starts_with("members = ") { "members = [\"crates/*\"]".to_owned() } else { line.to_owned() }
    };
    file.text.lines().map(line).collect::<Vec<_>>().join("\n")
}

fn write(path: &Path, text: &str) -> Result<(), XtaskError> {
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder).doing(|| format!("making {}", folder.display()))?;
    std::fs::write(path, text).doing(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_has_the_crates_alone() {
        let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
        let root = file(
            "Cargo.toml",
            "[workspace]\nmembers = [\"crates/*\", \"xtask\"]\ndefault-members = [\"crates/*\"]\n",
        );
        assert_eq!(alone(&root), "[workspace]\nmembers = [\"crates/*\"]\ndefault-members = [\"crates/*\"]");
        assert!(is_published(&root) && is_published(&file("crates/kp-time/src/lib.rs", "")));
        assert!(!is_published(&file("xtask/Cargo.toml", "")));
    }
}
