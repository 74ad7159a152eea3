//! `cargo xtask tidy`: what a compiler does not check. Each check prints its findings as `file:line`, with what
//! to do; any finding fails the command.

mod arrows;
mod links;
mod pointers;
mod pronouns;
pub(crate) mod schema;
mod sources;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use self::schema::{Difference, Table};
use crate::behaviours::Behaviours;
use crate::error::XtaskError;
use crate::generate::{Generated, Tables};
use crate::packages::{self, output_of};
use crate::{shape, workspace};

/// One thing to correct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// `file:line`.
    pub(crate) place: String,
    pub(crate) problem: String,
    /// What to do.
    pub(crate) remedy: String,
}

impl Finding {
    pub(crate) fn new(
        path: &str,
        line: usize,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { place: format!("{path}:{line}"), problem: problem.into(), remedy: remedy.into() }
    }
}

/// A text file of the repository.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl SourceFile {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    pub(crate) fn numbered_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// All text files that git tracks, or would with `git add`.
pub(crate) fn source_files() -> Result<Vec<SourceFile>, XtaskError> {
    source_files_of(&workspace::root())
}

/// The same of another checkout.
pub(crate) fn source_files_of(root: &Path) -> Result<Vec<SourceFile>, XtaskError> {
    let mut git = Command::new("git");
    git.args(["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = output_of(git.current_dir(root).stdin(Stdio::null()))?;
    let mut files = Vec::new();
    for path in String::from_utf8_lossy(&listed).split('\0').filter(|path| !path.is_empty()) {
        // What is not UTF-8, or was deleted and is still listed, holds nothing to check.
        if let Ok(text) = std::fs::read_to_string(root.join(path)) {
            files.push(SourceFile { path: path.to_owned(), text });
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files.dedup_by(|a, b| a.path == b.path);
    Ok(files)
}

/// Runs all checks.
///
/// # Errors
/// [`XtaskError::Failed`] with the number of findings, or a check could not be made (the crates do not compile).
pub fn run() -> Result<(), XtaskError> {
    let packages = packages::packages()?;
    let files = source_files()?;
    let shape = shape::measure(&files);
    let rooms = shape::Rooms::measure(&files);
    let mut total = 0;
    total += report("crates import only what is below them", &arrows::check_imports(&packages));
    total += report("manifests and features", &arrows::check_manifests(&packages));
    total += report("versions stand in the root manifest", &arrows::check_versions(&packages));
    total += report("lock files are up to date", &arrows::check_locks(&packages, &files));
    total += report("no runtime in trees that must not have one", &arrows::check_trees(&packages)?);
    total += report("files open with their purpose, no stubs", &sources::check_rust(&files));
    total += report("crate roots forbid unsafe code", &sources::check_roots(&packages, &files));
    total += report("no paths of one machine", &sources::check_paths(&files));
    total += report("cited KIPs are listed", &sources::check_kips(&files));
    total += report("links lead somewhere", &links::check_links(&files));
    total += report("every page is in the book", &links::check_summary(&files));
    total += report("comments point to what is in the tree", &pointers::check_comments(&files));
    total += report("comments name roles", &pronouns::check(&files));
    total += report("ARCHITECTURE.md names what is there", &pointers::check_architecture(&files));
    total += report("rooms are small and not in a circle", &rooms.check());
    total += report("files are not too long", &shape.errors);
    println!("shape:");
    for line in &shape.report {
        println!("  {line}");
    }
    for circle in rooms.not_yet() {
        println!("  not yet: {}: {}", circle.place, circle.problem);
    }
    let tables = Tables::read()?;
    let wire = format!("wire rows are the schemas' ({} messages)", tables.wire.len());
    total += report(&wire, &check_wire(&tables.wire, &files)?);
    total += report("planted bugs still apply", &check_plants()?);
    let behaviours = Behaviours::read(&files);
    total += report("every behaviour has a test or a reason", &behaviours.check());
    total += report("every page of behaviours has its chapter", &behaviours.check_pages(&files));
    total += report("no public item is missing in api/", &crate::api::check(&packages, &files));
    total += report("generated docs are fresh", &check_generated(&tables, &behaviours, &files));
    if total == 0 { Ok(()) } else { Err(XtaskError::Failed(format!("tidy: {total} to correct"))) }
}

/// Prints how a check went; answers how many findings it has.
fn report(name: &str, findings: &[Finding]) -> usize {
    let verdict =
        if findings.is_empty() { "ok".to_owned() } else { format!("{} to correct", findings.len()) };
    println!("{name:<45} {verdict}");
    for finding in findings {
        println!("  {}: {}\n      {}", finding.place, finding.problem, finding.remedy);
    }
    findings.len()
}

fn check_plants() -> Result<Vec<Finding>, XtaskError> {
    let finding = |path: String| {
        Finding::new(&path, 1, "the patch does not apply any more", "write it anew for the code as it is")
    };
    Ok(crate::plants::stale_patches()?.into_iter().map(finding).collect())
}

fn check_generated(tables: &Tables, behaviours: &Behaviours, sources: &[SourceFile]) -> Vec<Finding> {
    let stale = |file: &Generated| {
        let line = file.first_stale_line()?;
        Some(Finding::new(
            &workspace::shown(&file.path),
            line,
            "is not what the code prints",
            "run `cargo xtask docs`",
        ))
    };
    tables.files(behaviours, sources).iter().filter_map(stale).collect()
}

fn check_wire(tables: &[Table], files: &[SourceFile]) -> Result<Vec<Finding>, XtaskError> {
    let differences = schema::compare_all(tables, &workspace::root().join("xtask/schemas"))?;
    let places = part_places(files);
    let finding = |difference: Difference| {
        let (path, line) = place_of(files, &places, &difference);
        let name = [difference.part.as_str(), difference.field.as_str()]
            .join(if difference.field.is_empty() { "" } else { "." });
        Finding::new(
            path,
            line,
            format!("{name}: {}", difference.what),
            "the schemas in xtask/schemas are right; correct the row",
        )
    };
    Ok(differences.into_iter().map(finding).collect())
}

/// Where each message and struct of the tables begins: file and line.
fn part_places(files: &[SourceFile]) -> BTreeMap<String, (&SourceFile, usize)> {
    let mut places = BTreeMap::new();
    for file in files.iter().filter(|file| file.path.starts_with("crates/kp-protocol/src/api/")) {
        for (number, line) in file.numbered_lines() {
            let mut words = line.split_whitespace();
            if words.next().is_some_and(|word| ["request", "response", "part"].contains(&word))
                && let Some(name) = words.next()
            {
                places.entry(name.to_owned()).or_insert((file, number));
            }
        }
    }
    places
}

/// The row that a difference is about, as well as it can be found.
fn place_of<'a>(
    files: &'a [SourceFile],
    places: &BTreeMap<String, (&'a SourceFile, usize)>,
    difference: &Difference,
) -> (&'a str, usize) {
    let Some(&(file, start)) = places.get(&difference.part) else {
        let any = files.iter().find(|file| file.path.starts_with("crates/kp-protocol/src/api"));
        return (any.map_or("crates/kp-protocol", |file| file.path.as_str()), 1);
    };
    let is_row = |line: &str| {
        line.contains(&format!("] {}:", difference.field))
            || line.contains(&format!("] {} as ", difference.field))
    };
    let row = file.numbered_lines().skip(start).find(|(_, line)| is_row(line));
    (&file.path, row.filter(|_| !difference.field.is_empty()).map_or(start, |(number, _)| number))
}
