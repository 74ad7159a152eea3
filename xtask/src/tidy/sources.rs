//! Checks of files as text: how each opens, what it is called, what must not stand in it, KIPs.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, SourceFile};
use crate::packages::Package;
use crate::workspace;

/// File names that say nothing of what is in them.
const NAMELESS: &[&str] =
    &["utils.rs", "util.rs", "common.rs", "helpers.rs", "helper.rs", "types.rs", "misc.rs"];

/// Words that stand for work not done. Split, so that this file does not find itself.
const UNDONE: &[&str] =
    &[concat!("to", "do!("), concat!("un", "implemented!("), concat!("FIX", "ME"), concat!("XX", "X:")];

/// Folders of one machine. Split for the same reason.
const MACHINE: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

/// Every Rust file opens with `//!`; no file has a name that says nothing; no stubs.
pub(super) fn check_rust(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        if !file.text.starts_with("//!") {
            findings.push(Finding::new(
                &file.path,
                1,
                "does not open with `//!`",
                "say what the room is for, who owns it and who may touch it",
            ));
        }
        if NAMELESS.contains(&file.name()) {
            findings.push(Finding::new(
                &file.path,
                1,
                "has a name that says nothing",
                "name the file after the thing in it",
            ));
        }
        for (number, line) in file.numbered_lines() {
            if let Some(word) = UNDONE.iter().find(|word| line.contains(**word)) {
                findings.push(Finding::new(
                    &file.path,
                    number,
                    format!("holds `{word}`"),
                    "finish it, or leave it out",
                ));
            }
        }
    }
    findings
}

/// An allocator cannot be written without unsafe code; the one for tests is in no published crate.
const ALLOCATOR: &str = "tests/counting-allocator/src/lib.rs";

/// Crate roots forbid unsafe code.
pub(super) fn check_roots(packages: &[Package], files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for target in packages.iter().flat_map(Package::roots) {
        let path = workspace::shown(&target.src_path);
        if path == ALLOCATOR {
            continue;
        }
        let root = files.iter().find(|file| file.path == path);
        if root.is_some_and(|file| !file.text.contains("#![forbid(unsafe_code)]")) {
            findings.push(Finding::new(
                &path,
                1,
                "does not forbid unsafe code",
                "add `#![forbid(unsafe_code)]` below the opening lines",
            ));
        }
    }
    findings
}

/// No path of one machine in any file.
pub(super) fn check_paths(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        for (number, line) in file.numbered_lines() {
            if let Some(path) = MACHINE.iter().find(|path| begins_a_path(line, path)) {
                let problem = format!("holds a path of one machine ({path}…)");
                findings.push(Finding::new(
                    &file.path,
                    number,
                    problem,
                    "make it relative, or take it from the environment",
                ));
            }
        }
    }
    findings
}

/// Whether `path` stands in `line` as the start of a path: not behind a letter, a digit or a dot.
fn begins_a_path(line: &str, path: &str) -> bool {
    let before = |at: usize| line[..at].chars().next_back();
    line.match_indices(path)
        .any(|(at, _)| before(at).is_none_or(|c| !c.is_alphanumeric() && !"._-}*".contains(c)))
}

/// Every KIP that a crate cites is in `docs/kips.md`.
pub(super) fn check_kips(files: &[SourceFile]) -> Vec<Finding> {
    let list = files.iter().find(|file| file.path == "docs/kips.md");
    let known: BTreeSet<u32> = list.map(|file| kips_in(&file.text).collect()).unwrap_or_default();
    let mut first_use = BTreeMap::new();
    for file in files.iter().filter(|file| file.is_rust() && file.path.starts_with("crates/")) {
        for (number, line) in file.numbered_lines() {
            for kip in kips_in(line).filter(|kip| !known.contains(kip)) {
                first_use.entry(kip).or_insert((&file.path, number));
            }
        }
    }
    first_use
        .into_iter()
        .map(|(kip, (path, line))| {
            Finding::new(
                path,
                line,
                format!("cites KIP-{kip}, which docs/kips.md lacks"),
                "add its line to docs/kips.md",
            )
        })
        .collect()
}

/// The numbers behind `KIP-` in a text.
fn kips_in(text: &str) -> impl Iterator<Item = u32> {
    text.split("KIP-").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_file_without_opening_lines_or_name_is_found() {
        let files =
            [file("crates/a/src/lib.rs", "//! Good.\n"), file("crates/a/src/utils.rs", "pub fn f() {}\n")];
        let found: Vec<_> = check_rust(&files).into_iter().map(|finding| finding.place).collect();
        assert_eq!(found, ["crates/a/src/utils.rs:1", "crates/a/src/utils.rs:1"]);
    }

    #[test]
    fn a_stub_is_found_with_its_line() {
        let text = format!("//! Opening.\nfn f() {{ {}) }}\n", UNDONE[0]);
        let found = check_rust(&[file("crates/a/src/lib.rs", &text)]);
        assert_eq!(found[0].place, "crates/a/src/lib.rs:2");
    }

    #[test]
    fn a_path_of_a_machine_is_found_and_a_part_of_a_longer_one_is_not() {
        let text = format!("see docs{}a\nopen \"{}a\"\n", MACHINE[0], MACHINE[0]);
        let found = check_paths(&[file("README.md", &text)]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place, "README.md:2");
    }

    #[test]
    fn a_cited_kip_has_to_be_listed() {
        let files =
            [file("docs/kips.md", "- KIP-98\n"), file("crates/a/src/lib.rs", "//! KIP-98, KIP-480.\n")];
        let found = check_kips(&files);
        assert_eq!(found.len(), 1);
        assert!(found[0].problem.contains("KIP-480"));
    }
}
