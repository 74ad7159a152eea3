//! The shape of the code: lines per file and per function. Long files are errors; long functions, and files that
//! grow, are listed for a reader to judge. `cargo xtask shape` prints the table of all crates.

mod code;
mod imports;
mod rooms;

use std::path::PathBuf;

use clap::Args;

pub(crate) use self::code::without_test_files;
pub(crate) use self::rooms::Rooms;
use crate::error::XtaskError;
use crate::tidy::{self, Finding, SourceFile};
use crate::workspace;

/// A file of more lines is an error.
const LONGEST_FILE: usize = 700;
/// A file of more lines is listed.
const LONG_FILE: usize = 500;
/// A function of more lines is listed.
const LONG_FUNCTION: usize = 80;

/// Which tree to measure.
#[derive(Debug, Args)]
pub struct ShapeArgs {
    /// Another checkout: the shape of an older commit, to compare with.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

/// Prints the table of shape.
///
/// # Errors
/// The files cannot be listed: the tree is no git checkout.
pub fn run(args: &ShapeArgs) -> Result<(), XtaskError> {
    let root = args.root.clone().unwrap_or_else(workspace::root);
    print!("{}", Rooms::measure(&tidy::source_files_of(&root)?).render());
    Ok(())
}

/// What there is to say about the shape.
#[derive(Debug, Default)]
pub(crate) struct Shape {
    /// Files that are too long.
    pub(crate) errors: Vec<Finding>,
    /// Lines of the report.
    pub(crate) report: Vec<String>,
}

/// Measures all Rust files.
pub(crate) fn measure(files: &[SourceFile]) -> Shape {
    let mut shape = Shape::default();
    let (mut count, mut lines) = (0, 0);
    for file in files.iter().filter(|file| file.is_rust()) {
        let length = file.text.lines().count();
        count += 1;
        lines += length;
        if length > LONGEST_FILE {
            let problem = format!("has {length} lines, more than {LONGEST_FILE}");
            shape.errors.push(Finding::new(
                &file.path,
                1,
                problem,
                "split it where a part has a name of its own",
            ));
        } else if length > LONG_FILE {
            shape.report.push(format!("{}: {length} lines", file.path));
        }
        for (line, name, length) in functions(&file.text).filter(|(_, _, length)| *length > LONG_FUNCTION) {
            shape.report.push(format!("{}:{line}: fn {name} has {length} lines", file.path));
        }
    }
    shape.report.insert(0, format!("{count} Rust files, {lines} lines, {} a file", lines / count.max(1)));
    shape
}

/// Line, name and length of each function that is laid out as rustfmt does: its last line is a bracket in the
/// column where its first line begins.
fn functions(text: &str) -> impl Iterator<Item = (usize, String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let found: Vec<_> = lines
        .iter()
        .enumerate()
        .filter_map(|(start, line)| {
            let name = function_name(line)?;
            let indent = &line[..line.len() - line.trim_start().len()];
            let end = lines[start..].iter().position(|later| {
                later.strip_prefix(indent).is_some_and(|rest| rest == "}" || rest == "};")
            })?;
            Some((start + 1, name, end + 1))
        })
        .collect();
    found.into_iter()
}

fn function_name(line: &str) -> Option<String> {
    if line.ends_with(';') || (line.contains('{') && line.ends_with('}')) {
        return None; // without a body, or with all of it on one line
    }
    let mut words = line.split_whitespace();
    let is_modifier = |word: &str| {
        word.starts_with("pub") || word.ends_with(')') || ["const", "async", "unsafe"].contains(&word)
    };
    if words.find(|word| !is_modifier(word))? != "fn" {
        return None;
    }
    let name = words.next()?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    Some(name[..end].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: String) -> SourceFile {
        SourceFile { path: "crates/a/src/a.rs".to_owned(), text }
    }

    #[test]
    fn a_function_ends_at_the_bracket_below_its_start() {
        let text = "impl A {\n    pub(crate) fn long(&self) {\n        if x {\n        }\n    }\n    fn none(&self);\n}\n";
        assert_eq!(functions(text).collect::<Vec<_>>(), [(2, "long".to_owned(), 4)]);
    }

    #[test]
    fn a_long_function_is_listed_and_a_long_file_is_an_error() {
        let body = "    step();\n".repeat(90);
        let shape = measure(&[file(format!("fn long() {{\n{body}}}\n"))]);
        assert!(shape.errors.is_empty() && shape.report[1].contains("fn long has 92 lines"), "{shape:?}");
        let shape = measure(&[file("// line\n".repeat(LONGEST_FILE + 1))]);
        assert_eq!(shape.errors.len(), 1);
    }
}
