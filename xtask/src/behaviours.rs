//! `docs/behaviours`: every numbered statement of `xtask/behaviours.txt`, and the tests that prove it; a page a chapter.
//!
//! A test names its numbers in the comments directly above `#[test]` or first in its body: `// BP7, BP13`. A number
//! without a test has a row in `docs/differences.md`, or stands on a `later` line of the list; else it is a gap.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::tidy::{Finding, SourceFile};

const LIST: &str = "xtask/behaviours.txt";
const DIFFERENCES: &str = "docs/differences.md";
/// Where the pages are.
const FOLDER: &str = "docs/behaviours";
const TEST_ATTRIBUTES: [&str; 2] = ["#[test]", "#[tokio::test"];
/// Numbers that tests may cite although the list has no such section yet.
const SECTIONS_TO_COME: [&str; 2] = ["TX", "TE"];

/// The list, and what was found for each of its numbers.
#[derive(Debug)]
pub(crate) struct Behaviours {
    sections: Vec<Section>,
    tests: BTreeMap<String, Vec<TestFn>>,
    differing: BTreeMap<String, String>,
    later: BTreeMap<String, String>,
}

#[derive(Debug)]
struct Section {
    title: String,
    statements: Vec<Statement>,
}

#[derive(Debug)]
struct Statement {
    number: String,
    text: String,
    line: usize,
}

/// A test that cites a number.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TestFn {
    path: String,
    line: usize,
    name: String,
    numbers: Vec<String>,
}

impl Behaviours {
    /// Reads the list, the differences, and all tests.
    pub(crate) fn read(files: &[SourceFile]) -> Self {
        let text = |path: &str| files.iter().find(|file| file.path == path).map_or("", |file| &file.text);
        let (sections, later) = parse_list(text(LIST));
        let mut tests: BTreeMap<String, Vec<TestFn>> = BTreeMap::new();
        for test in files.iter().filter(|file| file.is_rust()).flat_map(tests_of) {
            for number in &test.numbers {
                tests.entry(number.clone()).or_default().push(test.clone());
            }
        }
        Self { sections, tests, differing: parse_differences(text(DIFFERENCES)), later }
    }

    /// The pages, by path from the root: the contents, and one for each chapter.
    pub(crate) fn pages(&self) -> Vec<(String, String)> {
        let chapter = |section: &Section| (section.path(), self.chapter(section));
        let contents = (format!("{FOLDER}/README.md"), self.contents());
        std::iter::once(contents).chain(self.sections.iter().map(chapter)).collect()
    }

    /// Pages of chapters that the list does not have (any more).
    pub(crate) fn check_pages(&self, files: &[SourceFile]) -> Vec<Finding> {
        let pages = self.pages();
        let is_page = |file: &&SourceFile| {
            file.path.strip_prefix(FOLDER).is_some_and(|rest| rest.starts_with('/'))
                && !pages.iter().any(|(path, _)| *path == file.path)
        };
        let finding = |file: &SourceFile| {
            Finding::new(&file.path, 1, format!("is the page of no chapter of {LIST}"), "delete it")
        };
        files.iter().filter(is_page).map(finding).collect()
    }

    fn contents(&self) -> String {
        let mut page = String::from(HEAD);
        for section in &self.sections {
            let prefix = section.prefix();
            let (title, file, count) = (&section.title, section.file_name(), section.statements.len());
            let _ = writeln!(page, "| {prefix} | [{title}]({file}) | {count} |");
        }
        page
    }

    fn chapter(&self, section: &Section) -> String {
        let mut page = format!("{GENERATED}# {}\n", section.title);
        for Statement { number, text, .. } in &section.statements {
            let _ = write!(page, "\n## {number}\n{text}\n\n");
            for line in self.shown_by(number) {
                let _ = writeln!(page, "- {line}");
            }
        }
        page
    }

    /// Numbers with neither test nor reason, and tests that cite a number that there is not.
    pub(crate) fn check(&self) -> Vec<Finding> {
        let gap = |statement: &Statement| {
            let problem = format!("{}: no test cites it, and nothing says why", statement.number);
            Finding::new(LIST, statement.line, problem, "write a test, or a row in docs/differences.md")
        };
        let mut findings: Vec<Finding> = self.gaps().map(gap).collect();
        let unknown = self.tests.iter().filter(|(number, _)| {
            !SECTIONS_TO_COME.iter().any(|section| number.starts_with(section))
                && !self.statements().any(|statement| statement.number == **number)
        });
        for (number, tests) in unknown {
            findings.extend(tests.iter().map(|test| {
                let problem = format!("{number} is cited by {} and is not in {LIST}", test.name);
                Finding::new(&test.path, test.line, problem, "correct the number")
            }));
        }
        findings
    }

    fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.sections.iter().flat_map(|section| &section.statements)
    }

    fn gaps(&self) -> impl Iterator<Item = &Statement> {
        self.statements().filter(|Statement { number, .. }| {
            !self.tests.contains_key(number)
                && !self.differing.contains_key(number)
                && !self.later.contains_key(number)
        })
    }

    /// What shows a statement, a line each.
    fn shown_by(&self, number: &str) -> Vec<String> {
        let mut lines: Vec<String> = self.tests.get(number).into_iter().flatten().map(link).collect();
        if let Some(reason) = self.differing.get(number) {
            let reason = one_folder_down(reason);
            lines.push(format!("differs: {reason} ([differences](../differences.md))"));
        }
        if lines.is_empty() {
            lines.push(self.later.get(number).map_or("**gap**".to_owned(), |why| format!("not yet: {why}")));
        }
        lines
    }
}

impl Section {
    /// The letters that the numbers of a chapter begin with.
    fn prefix(&self) -> &str {
        let number = self.statements.first().map_or("", |statement| statement.number.as_str());
        number.trim_end_matches(|c: char| c.is_ascii_digit())
    }

    fn file_name(&self) -> String {
        let words = self.title.to_lowercase().replace('\'', "");
        let words = words.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        format!("{}.md", words.collect::<Vec<_>>().join("-"))
    }

    fn path(&self) -> String {
        format!("{FOLDER}/{}", self.file_name())
    }
}

const GENERATED: &str =
    "<!-- Generated by `cargo xtask docs` from xtask/behaviours.txt and the tests; do not edit. -->\n";

const HEAD: &str = "\
<!-- Generated by `cargo xtask docs` from xtask/behaviours.txt and the tests; do not edit. -->
# What the producer does, and the tests that show it

Each statement has a number: letters for the chapter, and a count. A test names the numbers that it proves in a
comment above it or first in its body (`// BP7, BP13`). What kp does otherwise than the Java producer, or leaves out,
stands in [differences](../differences.md) with the reason.

| numbers | chapter | statements |
|---|---|---|
";

/// The text of a page of `docs` for a page of a folder in it: its links to other pages begin there.
fn one_folder_down(text: &str) -> String {
    text.replace("](", "](../").replace("](../http", "](http")
}

fn link(test: &TestFn) -> String {
    format!("[`{}`](../../{})", test.name, test.path)
}

/// `## Title`, `BP1 text`, `later BP1 BP2: why`, `# comment`.
fn parse_list(text: &str) -> (Vec<Section>, BTreeMap<String, String>) {
    let (mut sections, mut later) = (Vec::<Section>::new(), BTreeMap::new());
    for (index, line) in text.lines().enumerate() {
        if let Some(title) = line.strip_prefix("## ") {
            sections.push(Section { title: title.to_owned(), statements: Vec::new() });
        } else if let Some((numbers, why)) =
            line.strip_prefix("later ").and_then(|rest| rest.split_once(": "))
        {
            later.extend(numbers_in(numbers).into_iter().map(|number| (number, why.to_owned())));
        } else if let Some((number, text)) = line.split_once(' ')
            && is_number(number)
            && let Some(section) = sections.last_mut()
        {
            let (number, text) = (number.to_owned(), text.trim().to_owned());
            section.statements.push(Statement { number, text, line: index + 1 });
        }
    }
    (sections, later)
}

/// The reason (last column) of each number in the first column of the table.
fn parse_differences(text: &str) -> BTreeMap<String, String> {
    let mut reasons = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        if let [numbers, .., reason] = cells[..] {
            for number in numbers_in(numbers) {
                reasons.entry(number).or_insert_with(|| reason.to_owned());
            }
        }
    }
    reasons
}

/// The tests of a file that cite numbers, in their order.
fn tests_of(file: &SourceFile) -> Vec<TestFn> {
    let lines: Vec<&str> = file.text.lines().map(str::trim).collect();
    let is_test = |line: &&str| TEST_ATTRIBUTES.iter().any(|attribute| line.starts_with(attribute));
    let mut found = Vec::new();
    for (at, _) in lines.iter().enumerate().filter(|(_, line)| is_test(line)) {
        let Some((name, body)) = signature_after(&lines, at) else { continue };
        let above = lines[..at].iter().rev().take_while(|line| is_comment(line) || line.starts_with("#["));
        let below = lines[at..body].iter().filter(|line| is_comment(line));
        let head = lines[body..].iter().take_while(|line| is_comment(line));
        let comments = above.filter(|line| is_comment(line)).chain(below).chain(head);
        let mut numbers: Vec<String> = comments.flat_map(|line| numbers_in(line)).collect();
        numbers.sort();
        numbers.dedup();
        if !numbers.is_empty() {
            found.push(TestFn { path: file.path.clone(), line: at + 1, name, numbers });
        }
    }
    found
}

fn is_comment(line: &str) -> bool {
    line.starts_with("//")
}

/// The name of the function whose attribute is at `at`, and the line where its body begins.
fn signature_after(lines: &[&str], at: usize) -> Option<(String, usize)> {
    let signature = |line: &str| {
        let rest = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
        Some(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>())
    };
    let (offset, name) = lines[at..].iter().enumerate().find_map(|(n, line)| Some((n, signature(line)?)))?;
    let start = at + offset;
    let open = lines[start..].iter().position(|line| line.ends_with('{'))?;
    Some((name, start + open + 1))
}

/// The words of a text that are numbers of statements, like `BP7`.
fn numbers_in(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| is_number(word))
        .map(str::to_owned)
        .collect()
}

fn is_number(word: &str) -> bool {
    const PREFIXES: [&str; 17] =
        ["BP", "AC", "BB", "PA", "MD", "NC", "SN", "ID", "TX", "FA", "IN", "CL", "ME", "TE", "KP", "SE", "H"];
    let rest = PREFIXES.iter().find_map(|prefix| word.strip_prefix(prefix));
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.to_owned(), text: text.to_owned() }
    }

    const LISTED: &str =
        "## Pool\nBP1 One holds.\nBP2 Two holds.\nBP3 Three holds.\nBP4 Four holds.\nlater BP4: to come\n";

    #[test]
    fn numbers_are_read_above_a_test_and_first_in_its_body_and_nowhere_else() {
        let text = "// BP9 is not about a test\n\nfn f() {}\n\n// BP1, BP2\n#[test]\nfn one() {\n    // BP3: why\n    let a = 1;\n    // BP4\n}\n";
        let found = tests_of(&file("crates/kp-x/src/a.rs", text));
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].name.as_str(), &found[0].numbers[..]),
            ("one", &["BP1", "BP2", "BP3"].map(str::to_owned)[..])
        );
    }

    #[test]
    fn a_number_without_test_difference_or_date_is_a_gap() {
        let behaviours = Behaviours::read(&[
            file(LIST, LISTED),
            file(
                DIFFERENCES,
                "| number | Java | kp | reason |\n|---|---|---|---|\n| BP2 | a | b | better ([why](x.md)) |\n",
            ),
            file("crates/kp-x/src/a.rs", "// BP1\n#[test]\nfn one() {\n}\n"),
        ]);
        let found = behaviours.check();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].problem.starts_with("BP3") && found[0].place.ends_with(":4"), "{found:?}");
        let [(_, contents), (path, page)] = &behaviours.pages()[..] else {
            panic!("contents and one chapter");
        };
        assert!(contents.ends_with("| BP | [Pool](pool.md) | 4 |\n"), "{contents}");
        assert_eq!(path, "docs/behaviours/pool.md");
        let one = "\n## BP1\nOne holds.\n\n- [`one`](../../crates/kp-x/src/a.rs)\n";
        let two =
            "\n## BP2\nTwo holds.\n\n- differs: better ([why](../x.md)) ([differences](../differences.md))\n";
        assert!(page.contains(one) && page.contains(two), "{page}");
        assert!(page.contains("\n- not yet: to come\n"), "{page}");
    }

    #[test]
    fn a_page_of_a_chapter_that_the_list_lacks_is_found() {
        let files = ["README.md", "pool.md", "sink.md"].map(|name| file(&format!("{FOLDER}/{name}"), ""));
        let behaviours = Behaviours::read(&[file(LIST, LISTED)]);
        let found: Vec<_> = behaviours.check_pages(&files).into_iter().map(|found| found.place).collect();
        assert_eq!(found, ["docs/behaviours/sink.md:1"]);
    }

    #[test]
    fn a_test_that_cites_a_number_that_there_is_not_is_found() {
        let cited = "// BP77\n#[test]\nfn one() {\n}\n// TX1\n#[test]\nfn two() {\n}\n";
        let behaviours = Behaviours::read(&[file(LIST, ""), file("tests/a.rs", cited)]);
        let found = behaviours.check();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].place, "tests/a.rs:2");
    }
}
