//! Which file of a crate imports from which: the arrows inside, and the circles that they make.
//!
//! A name that a file passes on (`pub use`, or a parent's `use` that its children see) counts as an arrow to the file that
//! defines it. Passing on is no arrow by itself, else every parent of a folder would stand in a circle with it.

use std::collections::{BTreeMap, BTreeSet};

/// The module path of a file: `["batch", "open"]` for `batch/open.rs`, empty for a crate root.
pub(super) type Module = Vec<String>;

/// How far a name is followed from one `use` to the next.
const FURTHEST: usize = 8;

/// The files of a crate and what they import from each other.
#[derive(Debug, Default)]
pub(super) struct Imports {
    /// Each file's module, and the modules it imports from.
    arrows: BTreeMap<Module, BTreeSet<Module>>,
}

/// The import of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Use {
    /// With the name as its last segment; `*` for all.
    path: Vec<String>,
    /// What the file calls it.
    name: String,
    /// Whether others may import it from here.
    is_passed_on: bool,
}

impl Imports {
    /// Reads the code of each module.
    pub(super) fn read(code: &BTreeMap<Module, String>) -> Self {
        let uses: BTreeMap<&Module, Vec<Use>> =
            code.iter().map(|(module, code)| (module, uses_of(code))).collect();
        let mut arrows = BTreeMap::new();
        for (module, code) in code.iter().filter(|(module, _)| !module.is_empty()) {
            let imported = uses[module].iter().filter(|import| !import.is_passed_on);
            let paths = imported.map(|import| import.path.clone()).chain(inline_paths(code));
            let targets = paths.filter_map(|path| definer(&uses, module, &path, FURTHEST));
            let others = targets.filter(|target| target != module && !target.is_empty());
            arrows.insert(module.clone(), others.collect());
        }
        Self { arrows }
    }

    /// How many pairs of files there are of which one imports from the other.
    pub(super) fn arrow_count(&self) -> usize {
        self.arrows.values().map(BTreeSet::len).sum()
    }

    /// The sets of files that import from each other, directly or by way of others; the largest first.
    pub(super) fn circles(&self) -> Vec<Vec<String>> {
        let reach: BTreeMap<&Module, BTreeSet<&Module>> =
            self.arrows.keys().map(|module| (module, self.reached_from(module))).collect();
        let mut seen = BTreeSet::new();
        let mut circles = Vec::new();
        for module in self.arrows.keys() {
            if !reach[module].contains(module) || seen.contains(module) {
                continue;
            }
            let back = reach[module].iter().filter(|other| reach[*other].contains(module));
            let circle: Vec<&Module> = back.copied().collect();
            seen.extend(circle.iter().copied());
            circles.push(circle.into_iter().map(|module| format!("{}.rs", module.join("/"))).collect());
        }
        circles.sort_by_key(|circle: &Vec<String>| std::cmp::Reverse(circle.len()));
        circles
    }

    fn reached_from<'a>(&'a self, start: &Module) -> BTreeSet<&'a Module> {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&Module> = self.arrows.get(start).into_iter().flatten().collect();
        while let Some(module) = open.pop() {
            if reached.insert(module) {
                open.extend(self.arrows.get(module).into_iter().flatten());
            }
        }
        reached
    }
}

/// The module in which what `path` names is defined, if that is in this crate.
fn definer(
    uses: &BTreeMap<&Module, Vec<Use>>,
    from: &Module,
    path: &[String],
    depth: usize,
) -> Option<Module> {
    let (mut module, rest) = start_of(uses, from, path)?;
    for segment in rest {
        module.push(segment.clone());
        if uses.contains_key(&module) {
            continue;
        }
        module.pop();
        let passed = uses.get(&module)?.iter().find(|import| import.name == *segment);
        return match passed {
            Some(import) if depth > 0 => definer(uses, &module, &import.path, depth - 1),
            _ => Some(module),
        };
    }
    Some(module)
}

/// The module at which a path begins, and the segments that are left.
fn start_of<'a>(
    uses: &BTreeMap<&Module, Vec<Use>>,
    from: &Module,
    path: &'a [String],
) -> Option<(Module, &'a [String])> {
    let (first, rest) = path.split_first()?;
    match first.as_str() {
        "crate" => Some((Vec::new(), rest)),
        "self" => Some((from.clone(), rest)),
        "super" => {
            let ups = path.iter().take_while(|segment| *segment == "super").count();
            let kept = from.len().checked_sub(ups)?;
            Some((from[..kept].to_vec(), &path[ups..]))
        }
        child => {
            let mut module = from.clone();
            module.push(child.to_owned());
            uses.contains_key(&module).then_some((module, rest))
        }
    }
}

/// The `use` declarations of a text without comments.
fn uses_of(code: &str) -> Vec<Use> {
    let mut found = Vec::new();
    for (visibility, tree) in declarations(code) {
        let mut paths = Vec::new();
        unfold(tree, &mut Vec::new(), &mut paths);
        found.extend(paths.into_iter().map(|(path, name)| Use { path, name, is_passed_on: visibility }));
    }
    found
}

/// Each `use` with whether it is passed on, and its tree.
fn declarations(code: &str) -> impl Iterator<Item = (bool, &str)> {
    code.split(';').filter_map(|statement| {
        let at = statement.rfind("use ")?;
        let before = statement[..at].rsplit(['\n', '}', '{', ']']).next().unwrap_or_default().trim();
        let is_use = before.is_empty() || before.starts_with("pub");
        is_use.then(|| (before.starts_with("pub"), statement[at + 4..].trim()))
    })
}

/// The paths of a tree of imports, each with the name that it brings.
fn unfold(tree: &str, prefix: &mut Vec<String>, found: &mut Vec<(Vec<String>, String)>) {
    let tree = tree.trim();
    let depth = prefix.len();
    let (path, group) = tree.split_once('{').map_or((tree, None), |(path, group)| (path, Some(group)));
    let (path, alias) = path.split_once(" as ").map_or((path, None), |(path, alias)| (path, Some(alias)));
    let segments = path.split("::").map(str::trim).filter(|segment| !segment.is_empty());
    prefix.extend(segments.map(str::to_owned));
    if let Some(group) = group {
        let group = group.trim_end().strip_suffix('}').unwrap_or(group);
        split_group(group).for_each(|part| unfold(part, prefix, found));
    } else if prefix.len() > depth {
        let mut path = prefix.clone();
        if depth > 0 && path.last().is_some_and(|last| last == "self") {
            path.pop(); // `use a::{self}` imports `a`
        }
        let name = alias.or(path.last().map(String::as_str)).unwrap_or_default().trim().to_owned();
        found.push((path, name));
    }
    prefix.truncate(depth);
}

/// The parts between the commas of a group, not of the groups in it.
fn split_group(group: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    group
        .split(move |c| {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            c == ',' && depth == 0
        })
        .filter(|part| !part.trim().is_empty())
}

/// Paths that begin with `crate` or `super` outside of a `use`: `crate::batch::open::Room::new`.
fn inline_paths(code: &str) -> impl Iterator<Item = Vec<String>> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let lines = code.lines().filter(|line| !line.contains("use "));
    lines.flat_map(move |line| line.split(move |c| !is_part(c))).filter_map(|word| {
        let is_ours = word.starts_with("crate::") || word.starts_with("super::");
        is_ours.then(|| word.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crate_of(files: &[(&str, &str)]) -> Imports {
        let module =
            |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        Imports::read(&files.iter().map(|(path, code)| (module(path), (*code).to_owned())).collect())
    }

    #[test]
    fn a_tree_of_imports_is_unfolded_into_its_names() {
        let found = uses_of("pub use a::{B, c::{self, D as E}};\nlet x = 1;\nuse super::F;\n");
        let shown: Vec<_> =
            found.iter().map(|found| format!("{} {}", found.path.join("::"), found.name)).collect();
        assert_eq!(shown, ["a::B B", "a::c c", "a::c::D E", "super::F F"]);
        assert_eq!(found.iter().filter(|found| found.is_passed_on).count(), 3);
    }

    #[test]
    fn an_arrow_leads_to_the_file_that_defines_the_name() {
        let imports = crate_of(&[
            ("", "mod a;\nmod b;\npub use b::c::C;\n"),
            ("a", "use crate::C;\nfn f() -> crate::b::B {}\n"),
            ("b", "mod c;\npub use c::C;\nuse std::fmt;\n"),
            ("b/c", "use super::B;\n"),
        ]);
        assert_eq!(imports.arrow_count(), 3, "{imports:?}");
        assert!(imports.circles().is_empty(), "{imports:?}");
    }

    #[test]
    fn files_that_import_from_each_other_by_way_of_a_third_are_a_circle() {
        let imports = crate_of(&[
            ("a", "use crate::b::B;\n"),
            ("b", "use crate::c::C;\n"),
            ("c", "use crate::a::A;\nuse crate::d::D;\n"),
            ("d", ""),
        ]);
        assert_eq!(imports.circles(), [["a.rs", "b.rs", "c.rs"]]);
    }
}
