//! The table of shape: of each crate its files, functions, structs, and the arrows and circles between its files.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::code::{self, CodeLine};
use super::functions;
use super::imports::{Imports, Module};
use crate::tidy::{Finding, SourceFile};

/// Programs and test kits: they are no part of the library, whose code the facade has a share of.
const NOT_LIBRARY: [&str; 2] = ["kp-cli", "kp-sim"];
const FACADE: &str = "kp-producer";
/// Crates whose functions and structs have a limit.
const STRICT: [&str; 2] = ["kp-accumulator", "kp-sender"];
const MOST_LINES: usize = 50;
const MOST_FIELDS: usize = 12;
/// The file that only routes, and the most lines it may have.
const ROUTER: (&str, usize) = ("crates/kp-sender/src/sender_core.rs", 150);
/// The most that the facade may have of the library's code, in percent.
const LARGEST_FACADE: usize = 20;
/// Crates with files that still import each other in a circle: told, and not refused. A crate without one leaves the list.
const CIRCLES_LEFT: [&str; 1] = ["kp-sasl"];

/// The shape of all crates.
#[derive(Debug)]
pub(crate) struct Rooms {
    rooms: Vec<Room>,
    /// Lines of [`ROUTER`]; `None` if there is no such file.
    router: Option<usize>,
}

/// The shape of one crate, without its tests.
#[derive(Debug)]
struct Room {
    name: String,
    files: usize,
    lines: usize,
    functions: Vec<Piece>,
    /// Each with the number of its fields.
    structs: Vec<Piece>,
    arrows: usize,
    circles: Vec<Vec<String>>,
}

/// A function or a struct.
#[derive(Debug)]
struct Piece {
    path: String,
    line: usize,
    name: String,
    /// Lines of a function, fields of a struct.
    size: usize,
}

impl Rooms {
    /// Measures the sources below `crates`.
    pub(crate) fn measure(files: &[SourceFile]) -> Self {
        let mut crates: BTreeMap<&str, Vec<(String, &str)>> = BTreeMap::new();
        for file in files.iter().filter(|file| file.is_rust()) {
            let below = file.path.strip_prefix("crates/").and_then(|rest| rest.split_once("/src/"));
            if let Some((name, path)) = below {
                crates.entry(name).or_default().push((path.to_owned(), &file.text));
            }
        }
        let rooms = crates.into_iter().map(|(name, files)| Room::measure(name, files)).collect();
        let router = files.iter().find(|file| file.path == ROUTER.0);
        Self { rooms, router: router.map(|file| file.text.lines().count()) }
    }

    /// The table in Markdown, the share of the facade, and the circles.
    pub(crate) fn render(&self) -> String {
        let mut text = String::from(HEAD);
        for room in &self.rooms {
            let _ = writeln!(text, "{}", room.row());
        }
        let _ = writeln!(
            text,
            "\n{FACADE} has {} % of the library's lines ({} without programs and test kits).",
            self.facade_share(),
            self.library_lines()
        );
        for room in &self.rooms {
            for circle in &room.circles {
                let _ = writeln!(
                    text,
                    "- circle in {}, {} files: {}",
                    room.name,
                    circle.len(),
                    circle.join(", ")
                );
            }
        }
        text
    }

    /// What is larger than it may be, and files that import each other in a circle.
    pub(crate) fn check(&self) -> Vec<Finding> {
        let is_strict = |room: &&Room| STRICT.contains(&room.name.as_str());
        let mut findings = Vec::new();
        for room in self.rooms.iter().filter(is_strict) {
            findings.extend(room.long_functions());
            findings.extend(room.wide_structs());
        }
        if let Some(lines) = self.router.filter(|lines| *lines > ROUTER.1) {
            let problem = format!("has {lines} lines, more than {}", ROUTER.1);
            findings.push(Finding::new(ROUTER.0, 1, problem, "it only routes: move the rest to its room"));
        }
        let share = self.facade_share();
        if share > LARGEST_FACADE {
            let problem = format!("has {share} % of the library, more than {LARGEST_FACADE} %");
            let path = format!("crates/{FACADE}/src/lib.rs");
            findings.push(Finding::new(&path, 1, problem, "the facade is thin: move decisions below it"));
        }
        findings.extend(self.circles(false));
        findings
    }

    /// Circles that are left.
    pub(crate) fn not_yet(&self) -> Vec<Finding> {
        self.circles(true).collect()
    }

    fn circles(&self, left: bool) -> impl Iterator<Item = Finding> {
        let rooms = self.rooms.iter().filter(move |room| CIRCLES_LEFT.contains(&room.name.as_str()) == left);
        rooms.flat_map(|room| room.circles.iter().map(|circle| (&room.name, circle))).map(|(name, circle)| {
            let path = format!("crates/{name}/src/{}", circle.first().map_or("lib.rs", String::as_str));
            let problem = format!("imports in a circle: {}", circle.join(", "));
            Finding::new(&path, 1, problem, "let the small type that all need go to where it belongs")
        })
    }

    fn library_lines(&self) -> usize {
        let library = self.rooms.iter().filter(|room| !NOT_LIBRARY.contains(&room.name.as_str()));
        library.map(|room| room.lines).sum()
    }

    /// In percent, rounded.
    fn facade_share(&self) -> usize {
        let facade = self.rooms.iter().find(|room| room.name == FACADE).map_or(0, |room| room.lines);
        let all = self.library_lines().max(1);
        (facade * 100 + all / 2) / all
    }
}

const HEAD: &str = "\
| crate | files | lines | functions | median | longest | over 50 | most fields | arrows | circles |
|---|---|---|---|---|---|---|---|---|---|
";

impl Room {
    fn measure(name: &str, files: Vec<(String, &str)>) -> Self {
        let mut room = Self {
            name: name.to_owned(),
            files: 0,
            lines: 0,
            functions: Vec::new(),
            structs: Vec::new(),
            arrows: 0,
            circles: Vec::new(),
        };
        let mut code = BTreeMap::new();
        for (path, text) in code::without_test_files(files) {
            let lines = code::lines(text);
            room.files += 1;
            room.lines += lines.len();
            room.take_pieces(&format!("crates/{name}/src/{path}"), text, &lines);
            let text: Vec<&str> = lines.iter().map(|line| without_comment(line.text)).collect();
            code.insert(module_of(&path), text.join("\n"));
        }
        let imports = Imports::read(&code);
        (room.arrows, room.circles) = (imports.arrow_count(), imports.circles());
        room.functions.sort_by_key(|function| function.size);
        room.structs.sort_by_key(|found| found.size);
        room
    }

    fn take_pieces(&mut self, path: &str, text: &str, code: &[CodeLine<'_>]) {
        let piece = |(line, name, size)| Piece { path: path.to_owned(), line, name, size };
        let is_code = |line: usize| code.binary_search_by_key(&line, |line| line.number).is_ok();
        self.functions.extend(functions(text).filter(|(line, ..)| is_code(*line)).map(piece));
        self.structs.extend(structs(code).map(piece));
    }

    fn long_functions(&self) -> impl Iterator<Item = Finding> {
        self.over(MOST_LINES).map(|function| {
            let problem = format!("fn {} has {} lines, more than {MOST_LINES}", function.name, function.size);
            Finding::new(&function.path, function.line, problem, "give a step of it a name")
        })
    }

    fn wide_structs(&self) -> impl Iterator<Item = Finding> {
        self.structs.iter().filter(|found| found.size > MOST_FIELDS).map(|found| {
            let problem = format!("{} has {} fields, more than {MOST_FIELDS}", found.name, found.size);
            Finding::new(&found.path, found.line, problem, "find the fields that change together")
        })
    }

    fn over(&self, lines: usize) -> impl Iterator<Item = &Piece> {
        self.functions.iter().filter(move |function| function.size > lines)
    }

    fn row(&self) -> String {
        let median = self.functions.get(self.functions.len() / 2).map_or(0, |function| function.size);
        let shown = |piece: Option<&Piece>| {
            piece.map_or("–".to_owned(), |piece| format!("{} ({})", piece.size, piece.name))
        };
        let circles = match &self.circles[..] {
            [] => "0".to_owned(),
            circles => format!("{} ({} files)", circles.len(), circles.iter().map(Vec::len).sum::<usize>()),
        };
        format!(
            "| {} | {} | {} | {} | {median} | {} | {} | {} | {} | {circles} |",
            self.name,
            self.files,
            self.lines,
            self.functions.len(),
            shown(self.functions.last()),
            self.over(MOST_LINES).count(),
            shown(self.structs.last()),
            self.arrows,
        )
    }
}

/// Line, name and number of fields of each struct with named fields.
fn structs<'a>(code: &'a [CodeLine<'_>]) -> impl Iterator<Item = (usize, String, usize)> + 'a {
    code.iter().enumerate().filter_map(|(at, line)| {
        let name = struct_name(line.text)?;
        let end = code::end_of_block(code[at..].iter().map(|line| line.text))?;
        let depth = code::indent_of(line.text).len() + 4;
        let fields = code[at + 1..at + end].iter().filter(|line| is_field(line.text, depth));
        Some((line.number, name, fields.count()))
    })
}

fn struct_name(line: &str) -> Option<String> {
    let (before, rest) = line.split_once("struct ")?;
    let is_declared = before.trim().is_empty() || before.trim().starts_with("pub");
    let opens = line.ends_with('{');
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    (is_declared && opens && end > 0).then(|| rest[..end].to_owned())
}

/// `name: Type`, public or not, in the column of fields.
fn is_field(line: &str, depth: usize) -> bool {
    let text = line.trim_start();
    let text = if text.starts_with("pub") { text.split_once(' ').map_or("", |(_, rest)| rest) } else { text };
    let name = text.split(':').next().unwrap_or_default();
    code::indent_of(line).len() == depth
        && text.contains(": ")
        && !name.is_empty()
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// `["batch", "open"]` for `batch/open.rs`, empty for a crate root.
fn module_of(path: &str) -> Module {
    let path = path.trim_end_matches(".rs").trim_end_matches("/mod");
    if ["lib", "main"].contains(&path) { Vec::new() } else { path.split('/').map(str::to_owned).collect() }
}

fn without_comment(line: &str) -> &str {
    line.split_once(" // ").map_or(line, |(code, _)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.to_owned(), text: text.to_owned() }
    }

    #[test]
    fn the_row_of_a_crate_counts_without_its_tests() {
        let a = "use crate::b::B;\n/// Doc.\npub struct A {\n    /// One.\n    pub one: u8,\n    two: B,\n}\n\
                 fn f() {\n    g();\n}\n#[cfg(test)]\nmod tests {\n    fn t() {\n    }\n}\n";
        let files = [file("crates/kp-x/src/a.rs", a), file("crates/kp-x/src/b.rs", "use crate::a::A;\n")];
        let table = Rooms::measure(&files).render();
        assert!(
            table.contains("\n| kp-x | 2 | 9 | 1 | 3 | 3 (f) | 0 | 2 (A) | 2 | 1 (2 files) |\n"),
            "{table}"
        );
        assert!(table.contains("\n- circle in kp-x, 2 files: a.rs, b.rs\n"), "{table}");
    }

    #[test]
    fn a_long_function_a_wide_struct_a_fat_facade_and_a_router_that_does_more_are_found() {
        let function = format!("fn long() {{\n{}}}\n", "    step();\n".repeat(MOST_LINES));
        let fields: String = (0..=MOST_FIELDS).map(|n| format!("    f{n}: u8,\n")).collect();
        let files = [
            file("crates/kp-sender/src/a.rs", &format!("{function}struct Wide {{\n{fields}}}\n")),
            file(ROUTER.0, &"// line\n".repeat(ROUTER.1 + 1)),
            file("crates/kp-producer/src/lib.rs", &"line();\n".repeat(100)),
            file("crates/kp-cli/src/main.rs", &function),
        ];
        let places: Vec<_> = Rooms::measure(&files).check().into_iter().map(|found| found.place).collect();
        assert_eq!(
            places,
            [
                "crates/kp-sender/src/a.rs:1",
                "crates/kp-sender/src/a.rs:53",
                "crates/kp-sender/src/sender_core.rs:1",
                "crates/kp-producer/src/lib.rs:1",
            ]
        );
    }

    #[test]
    fn a_circle_is_found_and_told_alone_where_circles_are_left() {
        let circle = |name: &str| {
            [
                file(&format!("crates/{name}/src/a.rs"), "use crate::b::B;\n"),
                file(&format!("crates/{name}/src/b.rs"), "use crate::a::A;\n"),
            ]
        };
        let rooms = Rooms::measure(&circle("kp-x"));
        assert_eq!((rooms.check().len(), rooms.not_yet().len()), (1, 0));
        for name in CIRCLES_LEFT {
            let rooms = Rooms::measure(&circle(name));
            assert_eq!((rooms.check().len(), rooms.not_yet().len()), (0, 1));
        }
    }
}
