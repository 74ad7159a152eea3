//! `cargo xtask api`: the public API of each published library as text, in `docs/public-api`: what a change does to users stands
//! in its diff. Made by cargo-public-api from what a nightly rustdoc says of the crate, with all its features.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;

use crate::error::{Doing, XtaskError};
use crate::generate::Generated;
use crate::installed::Tool;
use crate::packages::{self, Package, output_of};
use crate::workspace;

/// Reads rustdoc's JSON, whose format changes with nightlies: this one needs nightly-2026-05 or newer.
const PUBLIC_API: Tool = Tool { name: "cargo-public-api", version: "0.52.0", flags: &[] };

/// Where the texts are.
const FOLDER: &str = "docs/public-api";

/// Whether to write.
#[derive(Debug, Args)]
pub struct ApiArgs {
    /// Write nothing; fail if a file is stale.
    #[arg(long)]
    check: bool,
    /// Only these crates.
    #[arg(long = "package", value_name = "CRATE")]
    only: Vec<String>,
}

/// Writes the texts, or says which are stale.
///
/// # Errors
/// There is no nightly toolchain, a crate does not compile, a file cannot be written, or with `check`: is stale.
pub fn run(args: &ApiArgs) -> Result<(), XtaskError> {
    PUBLIC_API.ensure()?;
    let packages = packages::packages()?;
    let libraries = packages.iter().filter(|package| is_library(package));
    let mut stale = Vec::new();
    for package in libraries.filter(|package| args.only.is_empty() || args.only.contains(&package.name)) {
        let file = Generated { path: path_of(&package.name), text: public_api(&package.name)? };
        let name = workspace::shown(&file.path);
        match file.first_stale_line() {
            None => println!("{name}: fresh"),
            Some(line) if args.check => {
                println!("{name}:{line}: stale");
                stale.push(name);
            }
            Some(_) => {
                let folder = workspace::root().join(FOLDER);
                std::fs::create_dir_all(folder).doing(|| format!("making {FOLDER}"))?;
                std::fs::write(&file.path, &file.text).doing(|| format!("writing {name}"))?;
                println!("{name}: written");
            }
        }
    }
    if stale.is_empty() {
        Ok(())
    } else {
        Err(XtaskError::Failed(format!(
            "stale: {}; run `cargo xtask api` and look at the diff",
            stale.join(", ")
        )))
    }
}

/// Whether others can depend on it: published, and not only a program.
fn is_library(package: &Package) -> bool {
    package.is_crate() && package.targets.iter().any(|target| target.is("lib"))
}

fn path_of(name: &str) -> PathBuf {
    workspace::root().join(FOLDER).join(format!("{name}.txt"))
}

/// Items with their signatures, one a line; what every type gets from blanket and auto traits is left out.
fn public_api(name: &str) -> Result<String, XtaskError> {
    eprintln!("reading {name}");
    let mut command = Command::new(PUBLIC_API.name);
    command.args(["--package", name, "--all-features", "--color", "never"]);
    command.args(["--omit", "blanket-impls,auto-trait-impls"]);
    command.arg("--target-dir").arg(workspace::target_dir().join("public-api"));
    // Of the cargo that runs this task: the tool asks for a nightly one itself.
    command.env_remove("RUSTUP_TOOLCHAIN").env_remove("CARGO").env_remove("RUSTFLAGS");
    let text = output_of(command.current_dir(workspace::root()).stdin(Stdio::null()))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_library_has_its_text_and_no_other_file_is_there() {
        let packages = packages::packages().unwrap();
        let mut wanted: Vec<_> = packages
            .iter()
            .filter(|package| is_library(package))
            .map(|package| format!("{}.txt", package.name))
            .collect();
        let folder = std::fs::read_dir(workspace::root().join(FOLDER)).unwrap();
        let mut found: Vec<_> =
            folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        wanted.sort();
        found.sort();
        assert_eq!(found, wanted, "run `cargo xtask api`");
        assert!(wanted.contains(&"kp-producer.txt".to_owned()));
    }
}
