//! `cargo xtask deny`: what kp's tree may hold (`deny.toml`): licences, sources, no C in the default build, advisories. And the
//! notices of others that go with a built `kp`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use serde::Deserialize;

use crate::error::{Doing, XtaskError};
use crate::installed::Tool;
use crate::packages::{cargo, output_of, packages};
use crate::workspace;

const CARGO_DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2", flags: &[] };

/// The program whose notices are written.
const PROGRAM: &str = "kp-cli";

/// What to do beside the checks.
#[derive(Debug, Args)]
pub struct DenyArgs {
    /// Write the licences of everything in the program `kp` here, for who hands it on.
    #[arg(long, value_name = "FILE")]
    notices: Option<PathBuf>,
}

/// Checks the tree, with cargo-deny in one version, which is installed if it is not there.
///
/// # Errors
/// Something is in the tree that may not be, or cargo-deny cannot be had.
pub fn run(args: &DenyArgs) -> Result<(), XtaskError> {
    if let Some(path) = &args.notices {
        return write_notices(path);
    }
    CARGO_DENY.ensure()?;
    // What a user gets: the published crates with their default features, without what only tests need.
    let mut published = deny();
    published.arg("--exclude-dev");
    for private in packages()?.iter().filter(|package| !package.is_crate()) {
        published.args(["--exclude", &private.name]);
    }
    output_of(published.args(["check", "bans", "licenses", "sources"]))?;
    println!("published crates, default features: bans, licences, sources ok");
    output_of(deny().args(["--all-features", "check", "licenses", "sources"]))?;
    println!("everything, all features: licences, sources ok");
    match output_of(deny().args(["check", "advisories"])) {
        Ok(_) => println!("everything: advisories ok"),
        Err(XtaskError::Command { output, .. }) if is_unreachable(&output) => {
            eprintln!("SKIPPED: advisories, because their database cannot be fetched here");
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

fn deny() -> Command {
    let mut command = Command::new(CARGO_DENY.name);
    command.current_dir(workspace::root()).args(["--locked", "--log-level", "error"]);
    command
}

/// Whether cargo-deny says that it has no advisories to look at, and not that it found one.
fn is_unreachable(output: &str) -> bool {
    output.contains("failed to fetch advisory database")
}

/// A package as `cargo metadata` tells of it.
#[derive(Debug, Deserialize)]
struct Foreign {
    name: String,
    version: String,
    license: Option<String>,
    source: Option<String>,
    manifest_path: PathBuf,
}

fn write_notices(path: &Path) -> Result<(), XtaskError> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Foreign>,
    }
    let metadata = output_of(cargo().args(["metadata", "--locked", "--format-version", "1"]))?;
    let metadata: Metadata = serde_json::from_slice(&metadata)
        .map_err(|source| XtaskError::Json { path: PathBuf::from("cargo metadata"), source })?;
    let tree = [
        "tree",
        "--locked",
        "--package",
        PROGRAM,
        "--edges",
        "normal",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ];
    let tree = output_of(cargo().args(tree))?;
    let tree = String::from_utf8_lossy(&tree).into_owned();
    let mut found = BTreeMap::new();
    for package in metadata.packages.iter().filter(|package| package.source.is_some()) {
        let line = format!("{} v{}", package.name, package.version);
        if tree
            .lines()
            .any(|listed| listed.trim_end_matches(" (*)").trim_end_matches(" (proc-macro)") == line)
        {
            found.insert(line, package);
        }
    }
    let mut text =
        format!("What of others is in the program `kp`, and under which licences: {} crates.\n", found.len());
    for (name, package) in &found {
        let license = package.license.as_deref().unwrap_or("see its texts");
        let _ = write!(text, "\n==== {name}: {license}\n");
        for (file, words) in license_texts(&package.manifest_path)? {
            let _ = write!(text, "\n---- {file}\n\n{}\n", words.trim_end());
        }
    }
    std::fs::write(path, text).doing(|| format!("writing {}", path.display()))?;
    println!("{}: {} crates", path.display(), found.len());
    Ok(())
}

/// The texts beside a `Cargo.toml` that are licences or notices, by name.
fn license_texts(manifest: &Path) -> Result<BTreeMap<String, String>, XtaskError> {
    let folder = manifest.parent().unwrap_or(manifest);
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).doing(|| format!("listing {}", folder.display()))?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_license(&name)
            && let Ok(text) = std::fs::read_to_string(entry.path())
        {
            found.insert(name, text);
        }
    }
    Ok(found)
}

fn is_license(file: &str) -> bool {
    let name = file.to_uppercase();
    ["LICENSE", "LICENCE", "NOTICE", "COPYING", "UNLICENSE"].iter().any(|begin| name.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_and_notices_are_told_from_other_files() {
        assert!(
            ["LICENSE-MIT", "license.txt", "NOTICE", "COPYING", "LICENCE.md"]
                .iter()
                .all(|name| is_license(name))
        );
        assert!(!["README.md", "Cargo.toml", "src"].iter().any(|name| is_license(name)));
    }

    #[test]
    fn a_missing_database_is_no_finding_and_a_finding_is_none() {
        assert!(is_unreachable("2026 [ERROR] failed to fetch advisory database https://example.invalid/db"));
        assert!(!is_unreachable("error[vulnerability]: something bad\nadvisories FAILED"));
    }
}
