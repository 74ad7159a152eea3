//! `tests/consumers`: tiny crates outside the workspace that use kp as its users do, from the packaged crates.
//! Owns: `target/consumers`, where the packages are made, unpacked and built against.

use std::process::{Command, Stdio};

use crate::error::{Doing, XtaskError};
use crate::packages::{Package, cargo, output_of};
use crate::workspace;

/// One of the crates.
struct Consumer {
    folder: &'static str,
    /// What must not be in its tree of normal dependencies.
    without: fn(&str) -> bool,
}

const CONSUMERS: [Consumer; 3] = [
    Consumer { folder: "facade", without: |name| name == "kp-sim" },
    Consumer {
        folder: "protocol",
        without: |name| is_runtime(name) || (name.starts_with("kp-") && name != "kp-protocol"),
    },
    Consumer { folder: "network", without: is_runtime },
];

const PLACE: &str = "target/consumers";

fn is_runtime(name: &str) -> bool {
    ["tokio", "mio", "socket2", "rustls"].contains(&name)
}

/// Packages the published crates and unpacks them to where the consumers look for them.
///
/// # Errors
/// A crate cannot be packaged, or `tar` cannot unpack it.
pub(crate) fn prepare(packages: &[Package]) -> Result<(), XtaskError> {
    let place = workspace::root().join(PLACE);
    let mut package = cargo();
    package.args([
        "package",
        "--workspace",
        "--no-verify",
        "--allow-dirty",
        "--quiet",
        "--target-dir",
        PLACE,
    ]);
    for private in packages.iter().filter(|package| !package.is_crate()) {
        package.args(["--exclude", &private.name]);
    }
    output_of(&mut package)?;
    for published in packages.iter().filter(|package| package.is_crate()) {
        let archive = place.join(format!("package/{}-{}.crate", published.name, published.version));
        let folder = place.join("unpacked").join(&published.name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).doing(|| format!("removing {}", workspace::shown(&folder)))?;
        }
        std::fs::create_dir_all(&folder).doing(|| format!("making {}", workspace::shown(&folder)))?;
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(&archive).arg("-C").arg(&folder).args(["--strip-components", "1"]);
        output_of(tar.stdin(Stdio::null()))?;
    }
    for consumer in &CONSUMERS {
        lock(&consumer.path())?;
    }
    Ok(())
}

/// Gives a crate outside the workspace the versions of the workspace's own lock file: nothing newer is fetched because it is there.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn lock(folder: &str) -> Result<(), XtaskError> {
    let lock = workspace::root().join(folder).join("Cargo.lock");
    let copied = std::fs::copy(workspace::root().join("Cargo.lock"), &lock);
    copied.map(drop).doing(|| format!("writing {}", workspace::shown(&lock)))
}

/// The arguments of `cargo test` for each.
pub(crate) fn commands() -> impl Iterator<Item = Vec<String>> {
    CONSUMERS.iter().map(|consumer| {
        let manifest = format!("{}/Cargo.toml", consumer.path());
        let build = format!("{PLACE}/build");
        vec!["--manifest-path".to_owned(), manifest, "--target-dir".to_owned(), build]
    })
}

/// What stands in a tree and must not, one line each.
///
/// # Errors
/// `cargo tree` fails.
pub(crate) fn check_trees() -> Result<Vec<String>, XtaskError> {
    let mut found = Vec::new();
    for consumer in &CONSUMERS {
        let manifest = format!("{}/Cargo.toml", consumer.path());
        let mut tree = cargo();
        tree.args([
            "tree",
            "--manifest-path",
            &manifest,
            "-e",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ]);
        found.extend(intruders(consumer, &String::from_utf8_lossy(&output_of(&mut tree)?)));
    }
    Ok(found)
}

fn intruders(consumer: &Consumer, tree: &str) -> Vec<String> {
    let names = tree.lines().filter_map(|line| line.split(' ').next());
    let found = names.filter(|name| (consumer.without)(name));
    found.map(|name| format!("{} has {name} in its tree", consumer.path())).collect()
}

impl Consumer {
    fn path(&self) -> String {
        format!("tests/consumers/{}", self.folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runtime_or_a_second_crate_of_ours_is_found_in_a_tree() {
        let protocol = &CONSUMERS[1];
        let tree =
            "consumer-protocol v0.0.0\nkp-protocol v0.1.0\nbytes v1.11.0\nkp-time v0.1.0\ntokio v1.48.0\n";
        let found = intruders(protocol, tree);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("kp-time") && found[1].contains("tokio"), "{found:?}");
    }
}
