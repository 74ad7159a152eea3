//! Links of Markdown pages: each relative one points to a file that is there, each `#anchor` to a heading of it; and every
//! page of the book stands in its summary.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, SourceFile};
use crate::workspace;

/// The list of the book's pages.
const SUMMARY: &str = "docs/SUMMARY.md";

/// Links that lead nowhere.
pub(super) fn check_links(files: &[SourceFile]) -> Vec<Finding> {
    let pages = files.iter().filter(|file| file.path.ends_with(".md"));
    let headings: BTreeMap<&str, BTreeSet<String>> =
        pages.clone().map(|page| (page.path.as_str(), anchors(&page.text))).collect();
    let mut findings = Vec::new();
    for page in pages {
        for (line, link) in links(&page.text) {
            if let Some(problem) = broken(page, &link, &headings) {
                findings.push(Finding::new(
                    &page.path,
                    line,
                    problem,
                    "correct the link, or what it points to",
                ));
            }
        }
    }
    findings
}

/// Pages of `docs` that the summary does not know, so that the book lacks them.
pub(super) fn check_summary(files: &[SourceFile]) -> Vec<Finding> {
    let Some(summary) = files.iter().find(|file| file.path == SUMMARY) else {
        return vec![Finding::new(SUMMARY, 1, "is not there", "list the pages of the book in it")];
    };
    let listed: BTreeSet<String> =
        links(&summary.text).into_iter().map(|(_, link)| format!("docs/{link}")).collect();
    let pages = files.iter().filter(|file| file.path.starts_with("docs/") && file.path.ends_with(".md"));
    pages
        .filter(|page| page.path != SUMMARY && !listed.contains(&page.path))
        .map(|page| Finding::new(&page.path, 1, "is not in the book", "add its line to docs/SUMMARY.md"))
        .collect()
}

/// What is wrong with a link, if something is.
fn broken(page: &SourceFile, link: &str, headings: &BTreeMap<&str, BTreeSet<String>>) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let target = if path.is_empty() { page.path.clone() } else { beside(&page.path, path)? };
    if !workspace::root().join(&target).exists() && !headings.contains_key(target.as_str()) {
        return Some(format!("links to {link}: there is no {target}"));
    }
    let anchor = anchor.filter(|anchor| !anchor.is_empty())?;
    let known = headings.get(target.as_str())?;
    (!known.contains(anchor)).then(|| format!("links to {link}: {target} has no such heading"))
}

/// A path from the root, of a link from the page `from`.
fn beside(from: &str, link: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The lines of a text that are not in a block of code, numbered.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut in_code = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        (!in_code && !is_fence).then_some((index + 1, line))
    })
}

/// Where each link of a text points, with its line: `[text](target)`, `![text](target)` and `{{#include target}}`.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(text) {
        let line = without_code(line);
        for rest in line.split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            found.push((number, target.to_owned()));
        }
        for rest in line.split("{{#include ").skip(1) {
            let target = rest.split(['}', ':']).next().unwrap_or_default();
            found.push((number, target.trim().to_owned()));
        }
    }
    found
}

/// A line without what stands between backticks: that is no link.
fn without_code(line: &str) -> String {
    let parts = line.split('`').enumerate();
    parts.map(|(index, part)| if index % 2 == 0 { part } else { "code" }).collect()
}

/// The anchors of a text's headings, as GitHub and mdBook make them: lower case, blanks as hyphens, no other signs; the
/// second of the same words gets a number.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut seen = BTreeMap::new();
    let mut found = BTreeSet::new();
    for (_, line) in prose(text).filter(|(_, line)| line.starts_with('#')) {
        let words = line.trim_start_matches('#').trim().to_lowercase();
        let kept = words.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let times = seen.entry(anchor.clone()).or_insert(0);
        found.insert(if *times == 0 { anchor } else { format!("{anchor}-{times}") });
        *times += 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.to_owned(), text: text.to_owned() }
    }

    fn problems(files: &[SourceFile]) -> Vec<String> {
        check_links(files)
            .into_iter()
            .map(|finding| format!("{} {}", finding.place, finding.problem))
            .collect()
    }

    #[test]
    fn a_link_to_a_file_or_a_heading_that_is_not_there_is_found() {
        let files = [
            file(
                "docs/a.md",
                "# A\n[good](b.md#the-end-of-it) [bad](c.md)\n[also](b.md#nowhere) [up](../README.md)\n",
            ),
            file("docs/b.md", "## The end, of `it`\n[here](#the-end-of-it) [not](#a)\n"),
        ];
        assert_eq!(
            problems(&files),
            [
                "docs/a.md:2 links to c.md: there is no docs/c.md",
                "docs/a.md:3 links to b.md#nowhere: docs/b.md has no such heading",
                "docs/b.md:2 links to #a: docs/b.md has no such heading",
            ]
        );
    }

    #[test]
    fn code_and_addresses_are_no_links_to_check() {
        let text = "`[x](y)` [web](https://x.invalid/y.md)\n```rust\n[x](y)\n```\n![plot](plots/none.svg)\n";
        assert_eq!(
            problems(&[file("docs/a.md", text)]),
            ["docs/a.md:5 links to plots/none.svg: there is no docs/plots/none.svg"]
        );
    }

    #[test]
    fn an_included_file_has_to_be_there() {
        let text = "{{#include ../ARCHITECTURE.md}}\n{{#include ../NOWHERE.md}}\n";
        assert_eq!(
            problems(&[file("docs/a.md", text)]),
            ["docs/a.md:2 links to ../NOWHERE.md: there is no NOWHERE.md"]
        );
    }

    #[test]
    fn equal_headings_are_told_apart() {
        let found = anchors("# One\n# One\n```\n# not one\n```\n");
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["one", "one-1"]);
    }

    #[test]
    fn a_page_that_the_summary_lacks_is_found() {
        let files = [
            file(SUMMARY, "- [A](a.md)\n"),
            file("docs/a.md", ""),
            file("docs/x/b.md", ""),
            file("b.md", ""),
        ];
        let found: Vec<_> = check_summary(&files).into_iter().map(|finding| finding.place).collect();
        assert_eq!(found, ["docs/x/b.md:1"]);
        assert_eq!(check_summary(&[]).len(), 1);
    }
}
