//! The subject of a comment is a role (appender, driver, worker, waiter, caller, broker), which a reader can look up; a
//! pronoun for an unnamed person is none.

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

/// Comments of the crates that name no role.
pub(super) fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is_rust() && is_of_a_crate(&file.path)) {
        for (line, text) in file.numbered_lines() {
            let words = comment_of(text).unwrap_or_default().split(|c: char| !c.is_alphanumeric());
            for word in words.filter(|word| PRONOUNS.contains(&word.to_lowercase().as_str())) {
                let problem = format!("a comment's subject is `{word}`");
                let remedy = "name the role: appender, driver, waiter, caller, broker";
                findings.push(Finding::new(&file.path, line, problem, remedy));
            }
        }
    }
    findings
}

fn is_of_a_crate(path: &str) -> bool {
    path.strip_prefix("crates/").is_some_and(|rest| rest.contains("/src/"))
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
}
