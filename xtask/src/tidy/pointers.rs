//! What a text points to is in the tree: documents that comments name, and the tests and files that ARCHITECTURE.md names.

use std::collections::BTreeSet;

use super::{Finding, SourceFile};

/// The page whose invariants name their tests.
const ARCHITECTURE: &str = "ARCHITECTURE.md";
/// The heading of the table of invariants.
const INVARIANTS: &str = "## Invariants";

/// Words that cite a numbered part of a document that is not in the tree, before the number.
const NUMBERED: [&str; 3] = ["design", "promise", "habit"];

/// Comments of Rust files that point to what is not in the tree.
pub(super) fn check_comments(files: &[SourceFile]) -> Vec<Finding> {
    let pages: BTreeSet<&str> =
        files.iter().map(|file| file.path.as_str()).filter(|path| path.ends_with(".md")).collect();
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        for (number, line) in file.numbered_lines() {
            let Some(comment) = comment_of(line) else { continue };
            let page = pages_in(comment).find(|named| !is_there(&pages, named)).map(str::to_owned);
            if let Some(pointer) = page.or_else(|| numbered_part(comment)) {
                let problem = format!("points to {pointer}, which is not in the tree");
                let remedy = "cite a KIP, the number of a statement or a page of docs/, or say the reason";
                findings.push(Finding::new(&file.path, number, problem, remedy));
            }
        }
    }
    findings
}

/// Each row of the table of invariants names a test that is there (`file.rs::test`), or a check of `cargo xtask`; and every
/// such name, and every path of a Rust file, on that page is right.
pub(super) fn check_architecture(files: &[SourceFile]) -> Vec<Finding> {
    let Some(page) = files.iter().find(|file| file.path == ARCHITECTURE) else {
        return vec![Finding::new(ARCHITECTURE, 1, "is not there", "draw the map of the house in it")];
    };
    let mut findings = Vec::new();
    let mut heading = "";
    for (number, line) in page.numbered_lines() {
        if line.starts_with('#') {
            heading = line;
        }
        let names: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
        let wrong = names.iter().filter_map(|name| wrong_name(files, name));
        findings.extend(wrong.map(|problem| Finding::new(ARCHITECTURE, number, problem, "correct the name")));
        let is_row = line.starts_with("| ") && !line.starts_with("| invariant");
        let is_guarded = |name: &&str| name.contains(".rs::") || name.starts_with("cargo xtask");
        if heading.starts_with(INVARIANTS) && is_row && !names.iter().any(is_guarded) {
            let problem = "an invariant without a test";
            findings.push(Finding::new(ARCHITECTURE, number, problem, "name it as `file.rs::test`"));
        }
    }
    findings
}

/// What is wrong with `kp-x/src/a.rs::test` or `kp-x/src/a.rs`; nothing if it is no such name.
fn wrong_name(files: &[SourceFile], name: &str) -> Option<String> {
    let (path, test) = name.split_once("::").map_or((name, None), |(path, test)| (path, Some(test)));
    if !path.ends_with(".rs") || !path.contains('/') || path.contains(['*', ' ', '{']) {
        return None;
    }
    let is_it = |file: &&SourceFile| file.path == path || file.path.strip_prefix("crates/") == Some(path);
    let Some(file) = files.iter().find(is_it) else {
        return Some(format!("there is no file {path}"));
    };
    let test = test?;
    (!file.text.contains(&format!("fn {test}("))).then(|| format!("{path} has no test {test}"))
}

/// The comment of a line, if it has one.
pub(super) fn comment_of(line: &str) -> Option<&str> {
    let start = if line.trim_start().starts_with("//") { line.find("//") } else { line.find(" // ") };
    start.map(|start| line[start..].trim_start_matches(['/', '!', ' ']))
}

/// The Markdown pages that a comment names.
fn pages_in(comment: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_alphanumeric() || "_-./".contains(c);
    let words = comment.split(move |c| !is_part(c)).filter(|_| !comment.contains("://"));
    words.map(|word| word.trim_end_matches('.')).filter(|word| word.len() > 3 && word.ends_with(".md"))
}

fn is_there(pages: &BTreeSet<&str>, named: &str) -> bool {
    let named = named.trim_start_matches("../");
    pages.iter().any(|page| *page == named || page.ends_with(&format!("/{named}")))
}

/// A word of [`NUMBERED`] with a number behind it.
fn numbered_part(comment: &str) -> Option<String> {
    let words: Vec<&str> = comment.split_whitespace().collect();
    let starts_with_digit = |word: &str| word.starts_with(|c: char| c.is_ascii_digit());
    let cited = words.windows(2).find(|pair| {
        let word = pair[0].trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        NUMBERED.contains(&word.as_str()) && starts_with_digit(pair[1])
    })?;
    Some(cited.join(" ").trim_matches(|c: char| !c.is_alphanumeric()).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn a_comment_that_points_out_of_the_tree_is_found() {
        // Put together, so that this file does not find itself.
        let mark = "//";
        let text = format!(
            "{mark}! See docs/a.md, ../a.md and a.md.\nlet a = 1; {mark} costs.md, rule 7\n{mark} AC2, design 1.4\n\
             {mark}/ The design of 2 parts.\nlet b = \"b.md\";\n{mark} https:{mark}x.invalid/c.md\n"
        );
        let found = check_comments(&[file("docs/a.md", ""), file("crates/a/src/a.rs", &text)]);
        let places: Vec<_> = found.iter().map(|found| found.place.as_str()).collect();
        assert_eq!(places, ["crates/a/src/a.rs:2", "crates/a/src/a.rs:3"], "{found:?}");
    }

    #[test]
    fn an_invariant_names_a_test_that_is_there() {
        let page = "# Map\n`kp-x/src/gone.rs` `kp-x/src/a.rs` `a.rs`\n## Invariants, and so on\n\
                    | invariant | guarded by |\n|---|---|\n| one | `kp-x/src/a.rs::it_holds` |\n\
                    | two | `kp-x/src/a.rs::it_held` |\n| three | hope |\n| four | `cargo xtask tidy` |\n";
        let files = [file(ARCHITECTURE, page), file("crates/kp-x/src/a.rs", "#[test]\nfn it_holds() {\n}\n")];
        let found: Vec<_> = check_architecture(&files).into_iter().map(|found| found.place).collect();
        assert_eq!(found, ["ARCHITECTURE.md:2", "ARCHITECTURE.md:7", "ARCHITECTURE.md:8"]);
        assert_eq!(check_architecture(&[]).len(), 1);
    }
}
