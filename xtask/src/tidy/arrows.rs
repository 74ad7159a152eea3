//! Who may import whom: the crate graph, the features, what must not be in whose tree, and each `Cargo.toml`.

use std::collections::BTreeSet;

use super::{Finding, SourceFile};
use crate::error::XtaskError;
use crate::packages::{Package, cargo, output_of};
use crate::workspace;

/// Each crate and the rooms that it may reach, directly below it; what those reach, it may import too.
const BELOW: &[(&str, &[&str])] = &[
    ("kp-time", &[]),
    ("kp-protocol", &[]),
    ("kp-record", &["kp-protocol"]),
    ("kp-config", &["kp-sasl"]),
    ("kp-memory", &["kp-time"]),
    ("kp-metadata", &["kp-time", "kp-protocol"]),
    ("kp-sasl", &["kp-protocol"]),
    ("kp-gssapi", &["kp-config", "kp-protocol", "kp-sasl", "kp-time"]),
    ("kp-msk-iam", &["kp-http", "kp-sasl"]),
    ("kp-accumulator", &["kp-memory", "kp-metadata", "kp-protocol", "kp-time"]),
    ("kp-client", &["kp-protocol"]),
    ("kp-sender", &["kp-accumulator", "kp-client", "kp-metadata", "kp-protocol", "kp-time"]),
    ("kp-metrics", &["kp-config", "kp-sender"]),
    ("kp-network", &["kp-client", "kp-protocol", "kp-sasl", "kp-time"]),
    ("kp-tls", &["kp-network"]),
    ("kp-http", &[]),
    ("kp-oauth", &["kp-config", "kp-http", "kp-time", "kp-tls"]),
    (
        "kp-producer",
        &["kp-record", "kp-metrics", "kp-gssapi", "kp-msk-iam", "kp-network", "kp-oauth", "kp-tls"],
    ),
    ("kp-sim", &["kp-msk-iam", "kp-sender", "kp-network"]),
    ("kp-cli", &["kp-producer", "kp-sim"]),
    ("counting-allocator", &[]),
    ("scripted-http", &[]),
    // Not published. The tests may reach everything; benches need a broker that costs little, tools what a user may.
    ("kp-tests", &["kp-cli", "scripted-http", "xtask"]),
    ("kp-benches", &["kp-producer", "kp-sim"]),
    ("kp-examples", &["kp-producer", "kp-sim"]),
    ("xtask", &["kp-producer"]),
];

/// The heap that counts and the server that does what it is told: for the tests of every crate, and for nothing else of it.
const FOR_TESTS: [&str; 2] = ["counting-allocator", "scripted-http"];

/// The features of each crate that has any. A new one is added here on purpose, with its entry in the docs.
const FEATURES: &[(&str, &[&str])] = &[
    (
        "kp-cli",
        &["default", "sasl-gssapi", "sasl-msk-iam", "sasl-oidc", "tls", "tls-aws-lc", "tls-graviola", "zstd"],
    ),
    ("kp-config", &["serde"]),
    ("kp-msk-iam", &["endpoints"]),
    ("kp-network", &["default", "tokio"]),
    (
        "kp-producer",
        &[
            "default",
            "futures",
            "gzip",
            "lz4",
            "sasl-gssapi",
            "sasl-msk-iam",
            "sasl-oidc",
            "serde",
            "snappy",
            "tls",
            "tls-aws-lc",
            "tls-graviola",
            "tls-java-stores",
            "tls-keylog",
            "tls-no-provider",
            "tls-platform-verifier",
            "tls-webpki-roots",
            "tokio",
            "tracing",
            "zstd",
        ],
    ),
    ("kp-protocol", &["default", "gzip", "lz4", "snappy", "zstd"]),
    ("kp-sim", &["default", "tcp", "tls"]),
    ("kp-tls", &["aws-lc", "graviola", "java-stores", "keylog", "platform-verifier", "ring", "webpki-roots"]),
];

/// Crates whose normal tree, without default features, holds no runtime and no socket.
const WITHOUT_RUNTIME: &[&str] = &[
    "kp-time",
    "kp-protocol",
    "kp-record",
    "kp-config",
    "kp-memory",
    "kp-metadata",
    "kp-accumulator",
    "kp-client",
    "kp-sasl",
    "kp-gssapi",
    "kp-msk-iam",
    "kp-sender",
    "kp-metrics",
    "kp-network",
    "kp-producer",
    "kp-sim",
];
/// Those whose tree holds none even with default features.
const NEVER_A_RUNTIME: &[&str] = &[
    "kp-time",
    "kp-protocol",
    "kp-record",
    "kp-config",
    "kp-memory",
    "kp-metadata",
    "kp-accumulator",
    "kp-client",
    "kp-sasl",
    "kp-gssapi",
    "kp-msk-iam",
    "kp-sender",
    "kp-metrics",
    "kp-sim",
];
const RUNTIME: &[&str] = &["tokio", "mio", "socket2", "rustls"];

/// All crates that `name` may import.
fn reachable(name: &str) -> BTreeSet<&'static str> {
    let mut reached = BTreeSet::new();
    let mut waiting = vec![name];
    while let Some(next) = waiting.pop() {
        for &below in BELOW.iter().filter(|(from, _)| *from == next).flat_map(|(_, below)| *below) {
            if reached.insert(below) {
                waiting.push(below);
            }
        }
    }
    reached
}

/// Imports that go up or sideways in the graph.
pub(super) fn check_imports(packages: &[Package]) -> Vec<Finding> {
    let ours: BTreeSet<_> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut findings = Vec::new();
    for package in packages {
        let mut find = |word, problem: &str, remedy| findings.push(manifest(package, word, problem, remedy));
        if !BELOW.iter().any(|(name, _)| *name == package.name) {
            find("name", "is not in the crate graph", "add it to BELOW in xtask/src/tidy/arrows.rs");
            continue;
        }
        let allowed = reachable(&package.name);
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            if !ours.contains(name) {
                continue;
            }
            let is_for_tests = dependency.kind.as_deref() == Some("dev");
            let is_allowed = allowed.contains(name) || (FOR_TESTS.contains(&name) && is_for_tests);
            if !is_allowed {
                let remedy = "arrows point down only: move what is needed to a room below both";
                find(name, &format!("imports {name}, which is not below it"), remedy);
            }
            if is_for_tests && dependency.req != "*" && package.is_crate() {
                let remedy = "give it a path and no version, or publishing runs in a circle";
                find(name, &format!("has {name} as a dev-dependency with a version"), remedy);
            }
        }
    }
    findings
}

/// What each `Cargo.toml` has to say, and may say about features.
pub(super) fn check_manifests(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let mut find = |word, problem: &str, remedy| findings.push(manifest(package, word, problem, remedy));
        let text = std::fs::read_to_string(&package.manifest_path).unwrap_or_default();
        if !text.contains("[lints]\nworkspace = true") {
            find("[lints]", "does not take the workspace's lints", "add `[lints]` and `workspace = true`");
        }
        let is_private = package.publish.as_ref().is_some_and(Vec::is_empty);
        if package.is_crate() == is_private {
            let remedy = "crates/* are published, all others say `publish = false`";
            find("publish", "is published the wrong way", remedy);
        }
        if package.is_crate() && (package.description.is_none() || package.license.is_none()) {
            find("description", "lacks description or license", "a published crate needs both");
        }
        let folder = package.manifest_path.parent();
        let lacks = |name: &&str| folder.is_some_and(|folder| !folder.join(name).is_file());
        if package.is_crate() && ["LICENSE-APACHE", "LICENSE-MIT"].iter().any(lacks) {
            find("license", "lacks its licences", "link them: ../../LICENSE-APACHE, ../../LICENSE-MIT");
        }
        let expected = FEATURES.iter().filter(|(name, _)| *name == package.name).flat_map(|(_, list)| *list);
        let expected: BTreeSet<&str> = expected.copied().collect();
        let found: BTreeSet<&str> = package.features.keys().map(String::as_str).collect();
        if package.is_crate() && found != expected {
            let remedy = "correct it, or FEATURES in xtask/src/tidy/arrows.rs and the docs";
            find("[features]", &format!("has the features {found:?}, expected {expected:?}"), remedy);
        }
    }
    findings
}

/// Dependencies from outside that name their version here and not once for all in the root `Cargo.toml`.
pub(super) fn check_versions(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let text = std::fs::read_to_string(&package.manifest_path).unwrap_or_default();
        for (line, name) in own_versions(&text) {
            let file = workspace::shown(&package.manifest_path);
            let problem = format!("{} names the version of {name} itself", package.name);
            findings.push(Finding::new(
                &file,
                line,
                problem,
                "put it into [workspace.dependencies], and `workspace = true` here",
            ));
        }
    }
    findings
}

/// Line and name of each dependency with a version of its own.
fn own_versions(manifest: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_dependencies = false;
    for (index, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            in_dependencies = line.trim_end_matches(']').ends_with("dependencies");
        } else if in_dependencies
            && let Some((name, value)) = line.split_once('=')
            && (value.trim_start().starts_with('"') || value.contains("version ="))
        {
            found.push((index + 1, name.trim()));
        }
    }
    found
}

/// The lock files of programs outside the workspace know every package that kp's crates need: else `--locked` fails there.
pub(super) fn check_locks(packages: &[Package], files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.name() == "Cargo.lock") {
        for (number, name, locked) in locked_packages(&file.text) {
            let Some(package) = packages.iter().find(|package| package.name == name) else { continue };
            let needed = package.dependencies.iter().filter(|needs| needs.kind.is_none() && !needs.optional);
            for missing in needed.filter(|needs| !locked.contains(&needs.name.as_str())) {
                findings.push(Finding::new(
                    &file.path,
                    number,
                    format!("{name} does not depend on {} here", missing.name),
                    format!("`cargo fetch --manifest-path {}`", file.path.replace(".lock", ".toml")),
                ));
            }
        }
    }
    findings
}

/// The packages of a lock file: the line of each name, the name, and the names that it depends on.
fn locked_packages(lock: &str) -> Vec<(usize, &str, Vec<&str>)> {
    let mut found: Vec<(usize, &str, Vec<&str>)> = Vec::new();
    for (index, line) in lock.lines().enumerate() {
        if let Some(name) = line.strip_prefix("name = \"") {
            found.push((index + 1, name.trim_end_matches('"'), Vec::new()));
        } else if let Some(name) = line.strip_prefix(" \"")
            && let Some((_, _, dependencies)) = found.last_mut()
        {
            // "name", or "name version" where there are several versions of it.
            dependencies.push(name.split(['"', ' ']).next().unwrap_or_default());
        }
    }
    found
}

/// Runtimes and sockets in trees where none may be.
pub(super) fn check_trees(packages: &[Package]) -> Result<Vec<Finding>, XtaskError> {
    let mut findings = Vec::new();
    let with = NEVER_A_RUNTIME.iter().map(|name| (*name, &[][..]));
    let without = WITHOUT_RUNTIME.iter().map(|name| (*name, &["--no-default-features"][..]));
    for (name, flags) in with.chain(without) {
        let Some(package) = packages.iter().find(|package| package.name == name) else { continue };
        let tree = output_of(
            cargo().args(["tree", "--package", name, "-e", "normal", "--prefix", "none"]).args(flags),
        )?;
        let tree = String::from_utf8_lossy(&tree);
        for line in tree.lines() {
            let found = line.split(' ').next().unwrap_or_default();
            if RUNTIME.contains(&found) {
                let problem = format!(
                    "has {found} in its tree ({})",
                    if flags.is_empty() { "default features" } else { flags[0] }
                );
                let remedy = format!(
                    "`cargo tree -p {name} -e normal {} -i {found}` shows who brings it",
                    flags.join(" ")
                );
                findings.push(manifest(package, "[dependencies]", &problem, &remedy));
                break;
            }
        }
    }
    Ok(findings)
}

/// A finding at the first line of the package's `Cargo.toml` that has `word` in it.
fn manifest(package: &Package, word: &str, problem: &str, remedy: &str) -> Finding {
    let text = std::fs::read_to_string(&package.manifest_path).unwrap_or_default();
    let line = text.lines().position(|line| line.contains(word)).map_or(1, |index| index + 1);
    let file = workspace::shown(&package.manifest_path);
    Finding::new(&file, line, format!("{} {problem}", package.name), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages::Dependency;

    fn package(name: &str, imports: &[&str]) -> Package {
        let dependencies = imports.iter().map(|&name| Dependency {
            name: name.to_owned(),
            kind: None,
            req: "^0.1.0".to_owned(),
            optional: false,
        });
        Package {
            name: name.to_owned(),
            version: "0.1.0".to_owned(),
            manifest_path: workspace::root().join("crates").join(name).join("Cargo.toml"),
            dependencies: dependencies.collect(),
            features: Default::default(),
            publish: None,
            description: None,
            license: None,
            targets: Vec::new(),
        }
    }

    #[test]
    fn an_import_below_is_fine_and_one_above_or_beside_is_found() {
        let packages = [
            package("kp-time", &[]),
            package("kp-sender", &["kp-time", "kp-network"]),
            package("kp-network", &[]),
            package("kp-metadata", &["kp-producer"]),
            package("kp-producer", &["kp-time", "kp-sender", "kp-network"]),
        ];
        let found: Vec<_> = check_imports(&packages).into_iter().map(|finding| finding.problem).collect();
        assert_eq!(
            found,
            [
                "kp-sender imports kp-network, which is not below it",
                "kp-metadata imports kp-producer, which is not below it"
            ]
        );
    }

    #[test]
    fn a_version_beside_the_workspace_is_found() {
        let manifest = "[package]\nversion = \"1\"\n[target.x.dev-dependencies]\na.workspace = true\nb = \"1\"\n\
                        c = { version = \"2\", optional = true }\nd = { workspace = true, optional = true }\n";
        assert_eq!(own_versions(manifest), [(5, "b"), (6, "c")]);
    }

    #[test]
    fn a_lock_file_that_does_not_know_a_new_dependency_is_found() {
        let lock = "[[package]]\nname = \"kp-time\"\nversion = \"0.1.0\"\ndependencies = [\n \"one 1.0.0\",\n \"two\",\n]\n";
        let files = [SourceFile { path: "fuzz/Cargo.lock".to_owned(), text: lock.to_owned() }];
        let found = |needs: &[&str]| check_locks(&[package("kp-time", needs)], &files);
        assert_eq!(found(&["one", "two"]), []);
        let missing = found(&["one", "three"]);
        assert_eq!(missing.len(), 1);
        assert_eq!(missing[0].place, "fuzz/Cargo.lock:2");
        assert_eq!(missing[0].remedy, "`cargo fetch --manifest-path fuzz/Cargo.toml`");
    }

    #[test]
    fn a_package_outside_the_graph_is_found() {
        assert_eq!(check_imports(&[package("kp-misc", &[])]).len(), 1);
    }

    #[test]
    fn only_the_program_and_unpublished_crates_reach_the_double() {
        let who: Vec<_> =
            BELOW.iter().map(|(name, _)| *name).filter(|name| reachable(name).contains("kp-sim")).collect();
        assert_eq!(who, ["kp-cli", "kp-tests", "kp-benches", "kp-examples"]);
    }
}
