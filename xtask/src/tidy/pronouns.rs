//! The subject of a comment is a role (appender, driver, worker, waiter, caller, broker), which a reader can look up; a
//! pronoun for an unnamed person is none.

use std::collections::BTreeMap;

use super::pointers::comment_of;
use super::{Finding, SourceFile};

/// Each stands for a role that was not named. In halves, so that this file does not find itself.
const PRONOUNS: [&str; 8] = [
    concat!("no", "body"),
    concat!("some", "body"),
    concat!("any", "body"),
    concat!("every", "body"),
    concat!("some", "one"),
    concat!("any", "one"),
    concat!("every", "one"),
    concat!("who", "ever"),
];

/// Crates whose comments are still to be rewritten: told, and not refused. A clean one leaves the list.
const NOT_YET: [&str; 1] = ["kp-producer"];

/// Comments of the crates that name no role.
pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let refused = |found: &&Found| !NOT_YET.contains(&found.name);
    found(files).iter().filter(refused).map(Found::finding).collect()
}

/// How many there are in each crate that is not rewritten yet.
pub(super) fn not_yet(files: &[SourceFile]) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for found in found(files).iter().filter(|found| NOT_YET.contains(&found.name)) {
        *counts.entry(found.name).or_default() += 1;
    }
    let told = |(name, count)| format!("crates/{name}/src: {count} comments name no role");
    counts.into_iter().map(told).collect()
}

struct Found<'a> {
    name: &'a str,
    path: &'a str,
    line: usize,
    pronoun: &'a str,
}

impl Found<'_> {
    fn finding(&self) -> Finding {
        let problem = format!("a comment's subject is `{}`", self.pronoun);
        Finding::new(self.path, self.line, problem, "name the role: appender, driver, waiter, caller, broker")
    }
}

fn found(files: &[SourceFile]) -> Vec<Found<'_>> {
    let mut all = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let below = file.path.strip_prefix("crates/").and_then(|rest| rest.split_once("/src/"));
        let Some((name, _)) = below else { continue };
        for (line, text) in file.numbered_lines() {
            let words = comment_of(text).unwrap_or_default().split(|c: char| !c.is_alphanumeric());
            let pronouns = words.filter(|word| PRONOUNS.contains(&word.to_lowercase().as_str()));
            all.extend(pronouns.map(|pronoun| Found { name, path: &file.path, line, pronoun }));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: String) -> SourceFile {
        SourceFile { path: path.to_owned(), text }
    }

    #[test]
    fn a_comment_about_an_unnamed_person_is_found_and_code_is_not() {
        let word = PRONOUNS[0];
        let text = format!("//! Read by {word}.\nlet {word} = 1;\nf(); // {word}'s\n");
        let files = [
            file("crates/kp-time/src/a.rs", text.clone()),
            file("crates/kp-time/tests/a.rs", text.clone()),
            file("xtask/src/a.rs", text),
        ];
        let places: Vec<_> = check(&files).into_iter().map(|finding| finding.place).collect();
        assert_eq!(places, ["crates/kp-time/src/a.rs:1", "crates/kp-time/src/a.rs:3"]);
    }

    #[test]
    fn a_crate_that_is_not_rewritten_yet_is_counted() {
        for name in NOT_YET {
            let files = [file(&format!("crates/{name}/src/a.rs"), format!("// {0}, {0}\n", PRONOUNS[7]))];
            assert!(check(&files).is_empty());
            assert_eq!(not_yet(&files), [format!("crates/{name}/src: 2 comments name no role")]);
        }
    }
}
