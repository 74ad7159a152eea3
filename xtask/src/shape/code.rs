//! What of a Rust file is code: without comments, blank lines and what is only compiled for tests. It reads text that rustfmt laid
//! out: an item ends at the bracket in the column where it begins.

/// A line of code, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CodeLine<'a> {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) text: &'a str,
}

/// The files of a crate's sources, by their path below `src`, without those that only tests see.
pub(crate) fn without_test_files(files: Vec<(String, &str)>) -> Vec<(String, &str)> {
    let tests: Vec<String> = files.iter().flat_map(|(path, text)| test_modules(path, text)).collect();
    let is_test = |path: &str| {
        let module = path.trim_end_matches(".rs").trim_end_matches("/mod");
        tests.iter().any(|test| module == test || module.starts_with(&format!("{test}/")))
    };
    files.into_iter().filter(|(path, _)| !is_test(path)).collect()
}

/// The modules that a file declares below `#[cfg(test)]`, as paths without `.rs`.
fn test_modules(path: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let declared =
        lines.iter().enumerate().filter(|(_, line)| is_test_attribute(line)).filter_map(|(at, _)| {
            let item = lines[at..].iter().find(|line| !line.starts_with('#') && !line.starts_with("//"))?;
            item.rsplit_once("mod ")?.1.strip_suffix(';')
        });
    let folder = folder_of(path);
    declared
        .map(|name| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") })
        .collect()
}

/// The folder of a file's child modules, below `src`; empty for a crate root.
fn folder_of(path: &str) -> &str {
    let module = path.trim_end_matches(".rs");
    if ["lib", "main"].contains(&module) { "" } else { module.trim_end_matches("/mod") }
}

fn is_test_attribute(line: &str) -> bool {
    line.starts_with("#[cfg(test") || line.starts_with("#[cfg(all(test") || line.starts_with("#[cfg(all(loom")
}

/// The lines of code of a file.
pub(super) fn lines(text: &str) -> Vec<CodeLine<'_>> {
    let all: Vec<&str> = text.lines().collect();
    let mut code = Vec::new();
    let mut at = 0;
    while let Some(&line) = all.get(at) {
        let trimmed = line.trim();
        if is_test_attribute(trimmed) {
            at = end_of_item(&all, at) + 1;
            continue;
        }
        if !trimmed.is_empty() && !trimmed.starts_with("//") {
            code.push(CodeLine { number: at + 1, text: line });
        }
        at += 1;
    }
    code
}

/// The last line of the item whose attribute stands at `start`.
fn end_of_item(lines: &[&str], start: usize) -> usize {
    let is_head = |line: &&str| !line.trim().starts_with('#') && !line.trim().starts_with("//");
    let Some(head) = lines[start..].iter().position(is_head).map(|offset| start + offset) else {
        return lines.len();
    };
    if lines[head].trim_end().ends_with([';', ',']) || lines[head].trim_end().ends_with("}") {
        return head;
    }
    end_of_block(lines.iter().copied().skip(head)).map_or(lines.len(), |offset| head + offset)
}

/// Where the block ends that begins in the first line: at the bracket in the same column.
pub(super) fn end_of_block<'a>(mut lines: impl Iterator<Item = &'a str>) -> Option<usize> {
    let first = lines.next()?;
    let indent = indent_of(first);
    let closes = |line: &str| {
        line.strip_prefix(indent).is_some_and(|rest| ["}", "};", "},", ");", "});"].contains(&rest))
    };
    lines.position(closes).map(|offset| offset + 1)
}

/// The blanks before a line.
pub(super) fn indent_of(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_blank_lines_and_tests_are_no_code() {
        let text = "//! Doc.\n\nfn a() {\n    // why\n    b();\n}\n\n#[cfg(test)]\nuse x::y;\n\n#[cfg(test)]\nmod tests {\n    fn c() {\n    }\n}\nfn d() {\n}\n";
        let numbers: Vec<_> = lines(text).iter().map(|line| line.number).collect();
        assert_eq!(numbers, [3, 5, 6, 16, 17]);
    }

    #[test]
    fn a_file_behind_a_test_module_is_left_out_with_its_folder() {
        let files = vec![
            ("lib.rs".to_owned(), "mod a;\n#[cfg(test)]\nmod tests;\n"),
            ("a.rs".to_owned(), "#[cfg(test)]\n#[path = \"x\"]\nmod more;\n"),
            ("tests.rs".to_owned(), ""),
            ("a/more/b.rs".to_owned(), ""),
            ("a/less.rs".to_owned(), ""),
        ];
        let kept: Vec<_> = without_test_files(files).into_iter().map(|(path, _)| path).collect();
        assert_eq!(kept, ["lib.rs", "a.rs", "a/less.rs"]);
    }
}
