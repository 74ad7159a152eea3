//! `cargo xtask api`: the public API of each published library as text, in `api`: what a change does to users stands
//! in its diff. Made by cargo-public-api from what a nightly rustdoc says of the crate, with all its features.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;

use crate::error::{Doing, XtaskError};
use crate::generate::Generated;
use crate::installed::Tool;
use crate::packages::{self, Package, output_of};
use crate::tidy::{Finding, SourceFile};
use crate::workspace;

/// Reads rustdoc's JSON, whose format changes with nightlies: this one needs nightly-2026-05 or newer.
const PUBLIC_API: Tool = Tool { name: "cargo-public-api", version: "0.52.0", flags: &[] };

/// Where the texts are.
const FOLDER: &str = "api";

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

/// What is public in the sources and not in the texts: they are older. A quick look for CI, at names only, which needs no
/// nightly; the lint `unreachable_pub` sees to it that `pub` is public.
pub(crate) fn check(packages: &[Package], files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages.iter().filter(|package| is_library(package)) {
        let path = workspace::shown(&path_of(&package.name));
        let text = files.iter().find(|file| file.path == path).map_or("", |file| file.text.as_str());
        let sources = format!("crates/{}/src/", package.name);
        let mut seen = BTreeMap::new();
        for file in files.iter().filter(|file| file.path.starts_with(&sources) && file.is_rust()) {
            for (number, line) in file.numbered_lines() {
                let Some((kind, name)) = public_item(line) else { continue };
                let count = seen.entry((kind, name)).or_insert(0);
                *count += 1;
                // A type that only stands in a signature, in a private module, has no line of its own there.
                let unnamed = format!("::{}::{name}", file.name().trim_end_matches(".rs"));
                if *count > times_in(text, kind, name) && !text.contains(&unnamed) {
                    let problem = format!("the public {kind} {name} is not in {path}");
                    findings.push(Finding::new(&file.path, number, problem, "run `cargo xtask api`"));
                }
            }
        }
    }
    findings
}

/// Kind and name of the public item that a line of Rust begins.
fn public_item(line: &str) -> Option<(&str, &str)> {
    let mut words = line.trim_start().strip_prefix("pub ")?.split_whitespace().peekable();
    let mut kind = words.next()?;
    while ["async", "unsafe", "const"].contains(&kind)
        && words.peek().is_some_and(|word| ["fn", "unsafe"].contains(word))
    {
        kind = words.next()?;
    }
    if !["fn", "struct", "enum", "trait", "type", "const", "mod"].contains(&kind) {
        return None;
    }
    let name = words.next()?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    (end > 0).then(|| (kind, &name[..end]))
}

/// How many such items a text has.
fn times_in(text: &str, kind: &str, name: &str) -> usize {
    let (kind, path) = (format!("{kind} "), format!("::{name}"));
    let is_whole =
        |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') && !rest.starts_with("::");
    // Behind the kind stands the item's own path; other names come later, within brackets.
    let is_own =
        |before: &str| !before.contains('(') && before.matches('<').count() == before.matches('>').count();
    let is_it = |line: &&str| {
        let Some((_, item)) = line.split_once(&kind) else { return false };
        item.match_indices(&path).any(|(at, _)| is_own(&item[..at]) && is_whole(&item[at + path.len()..]))
    };
    text.lines().filter(is_it).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_item_that_the_text_does_not_have_is_found() {
        let text = "pub fn kp_x::A::new() -> Self\npub struct kp_x::A<T>\npub const fn kp_x::B<U, V>::new<T>(T)\n\
                    pub trait kp_x::C: kp_x::D<kp_x::B>\n";
        assert_eq!(public_item("    pub const fn new<T>(it: T) {"), Some(("fn", "new")));
        assert_eq!(public_item("pub const NEW: u8 = 1;"), Some(("const", "NEW")));
        assert_eq!(public_item("pub struct A<T>(T);"), Some(("struct", "A")));
        assert_eq!((public_item("pub(crate) fn new()"), public_item("pub fn $name()")), (None, None));
        assert_eq!((times_in(text, "fn", "new"), times_in(text, "fn", "ne")), (2, 0));
        assert_eq!((times_in(text, "struct", "A"), times_in(text, "struct", "B")), (1, 0));
        assert_eq!((times_in(text, "trait", "C"), times_in(text, "trait", "B")), (1, 0));
    }

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
