//! The copy of the source in which bugs are planted: `target/plants/tree`. One for all, since cargo tells packages apart
//! by where they lie, and brought up to date by content, since cargo builds anew what is newer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::plant::Plant;
use crate::error::{Doing, XtaskError};
use crate::packages::output_of;
use crate::workspace::{self, git};

/// The copy.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
}

/// `git apply` of a plant to the files under `folder`.
fn apply(plant: &Plant, folder: &Path) -> Command {
    let mut apply = git();
    // One line of context each way is enough: a patch should live through changes around it.
    apply.args(["apply", "-C1"]).arg(&plant.path).current_dir(folder);
    apply
}

/// Whether the patch of a plant applies to the files under `folder`.
pub(super) fn applies(plant: &Plant, folder: &Path) -> bool {
    output_of(apply(plant, folder).arg("--check")).is_ok()
}

impl Tree {
    /// Copies every file that git knows, or would with `git add`.
    pub(super) fn copy() -> Result<Self, XtaskError> {
        let tree = Self { root: workspace::target_dir().join("plants/tree") };
        let mut list = git();
        list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let listed = output_of(&mut list)?;
        let listed = String::from_utf8_lossy(&listed).into_owned();
        let files: Vec<&str> = listed.split('\0').filter(|file| !file.is_empty()).collect();
        for file in &files {
            tree.update(file)?;
        }
        tree.remove_strangers(&tree.root, &files)?;
        Ok(tree)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo builds it: with the workspace, so that other people's crates, which have no bug planted, are built once for both.
    pub(super) fn target_dir() -> PathBuf {
        workspace::target_dir()
    }

    /// Plants the bug.
    pub(super) fn apply(&self, plant: &Plant) -> Result<(), XtaskError> {
        let mut apply = apply(plant, &self.root);
        // The copy is no repository; the one around it would make git ignore what it ignores.
        apply.env("GIT_CEILING_DIRECTORIES", self.root.parent().unwrap_or(&self.root));
        output_of(&mut apply).map(drop)
    }

    /// Takes the bug out again.
    pub(super) fn restore(&self, plant: &Plant) -> Result<(), XtaskError> {
        plant.files.iter().try_for_each(|file| self.update(file))
    }

    /// Makes one file what it is in the workspace; one that is the same already stays untouched.
    fn update(&self, file: &str) -> Result<(), XtaskError> {
        let (from, to) = (workspace::root().join(file), self.root.join(file));
        // Deleted and still listed.
        let Ok(wanted) = fs::read(&from) else {
            return Ok(());
        };
        if fs::read(&to).is_ok_and(|there| there == wanted) {
            return Ok(());
        }
        let folder = to.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).doing(|| format!("making {}", folder.display()))?;
        fs::write(&to, wanted).doing(|| format!("writing {}", to.display()))
    }

    /// Removes what an older copy left.
    fn remove_strangers(&self, folder: &Path, files: &[&str]) -> Result<(), XtaskError> {
        for entry in fs::read_dir(folder).doing(|| format!("listing {}", folder.display()))? {
            let path = entry.doing(|| format!("listing {}", folder.display()))?.path();
            if path.is_dir() {
                self.remove_strangers(&path, files)?;
                continue;
            }
            let name = path.strip_prefix(&self.root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            if !files.contains(&name.as_str()) || !workspace::root().join(&name).exists() {
                fs::remove_file(&path).doing(|| format!("removing {}", path.display()))?;
            }
        }
        Ok(())
    }
}
