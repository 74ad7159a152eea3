//! `cargo xtask plants`: known bugs, put back one at a time, to see that a law or a test notices. A plant that survives
//! is a hole in the tests; one whose patch does not apply any more is to be written anew for the code as it is.
//!
//! The bugs are `xtask/plants/*.patch` (CONTRIBUTING.md says how to write one). The code is copied to `target/plants/tree` (one copy, so that cargo builds only
//! what a patch touches), patched, and the simulation runs over it; a bug that it does not see has to be seen by the
//! tests of a crate that the patch names.

mod judge;
mod plant;
mod tree;

use std::time::Instant;

use clap::Args;

use crate::error::XtaskError;
use crate::turns::Turns;
use judge::{Judge, Verdict};
use plant::{NoticedBy, Plant, Simulation};
use tree::Tree;

/// Which bugs to plant.
#[derive(Debug, Args)]
pub struct PlantsArgs {
    /// Only these, by the names that `--list` shows.
    #[arg(long, value_name = "NAME", value_delimiter = ',', num_args = 1.., conflicts_with = "pick")]
    only: Vec<String>,
    #[command(flatten)]
    turns: Turns,
    /// Seeds that the simulation may take to notice one.
    #[arg(long, default_value_t = 20_000)]
    seeds: u64,
    /// Print what there is, and whether each patch still applies; build and run nothing.
    #[arg(long)]
    list: bool,
}

/// Plants the bugs and shows who noticed.
///
/// # Errors
/// [`XtaskError::Failed`] when a patch does not apply, a planted bug does not compile, or no law or test notices it.
pub fn run(args: &PlantsArgs) -> Result<(), XtaskError> {
    let all = Plant::all()?;
    let plants = select(&all, args)?;
    if args.list {
        return list(&plants);
    }
    let tree = Tree::copy()?;
    let judge = Judge { tree: &tree, seeds: args.seeds };
    for of in Simulation::ALL {
        if plants.iter().any(|plant| matches!(plant.noticed_by, NoticedBy::Laws(its, _) if its == of)) {
            judge.expect_no_complaint(of)?;
        }
    }
    let (mut lines, mut bad) = (Vec::new(), Vec::new());
    for plant in plants {
        let started = Instant::now();
        let verdict = match tree.apply(plant) {
            Err(error) => Verdict::DoesNotApply(error.to_string()),
            Ok(()) => judge.judge(plant)?,
        };
        tree.restore(plant)?;
        if let Verdict::Law { seed, .. } | Verdict::AnotherLaw { seed, .. } = verdict {
            judge.expect_no_complaint_of(plant, seed)?;
        }
        let line = format!("{:<48} {verdict} ({:.0} s)", plant.name, started.elapsed().as_secs_f32());
        println!("{line}");
        if !verdict.is_good() {
            bad.push(plant.name.clone());
        }
        lines.push(line);
    }
    println!("== plants");
    lines.iter().for_each(|line| println!("{line}"));
    if bad.is_empty() { Ok(()) } else { Err(XtaskError::Failed(format!("plants: {}", bad.join(", ")))) }
}

/// Prints the plants; an error if a patch does not apply to the code as it is.
fn list(plants: &[&Plant]) -> Result<(), XtaskError> {
    for plant in plants {
        println!("{}\n    {}\n    to be noticed by {}", plant.name, plant.bug, plant.noticed_by);
    }
    match stale(plants.iter().copied()).as_slice() {
        [] => Ok(()),
        stale => {
            Err(XtaskError::Failed(format!("these patches do not apply any more: {}", stale.join(", "))))
        }
    }
}

/// The names of those whose patch does not apply to the code as it is.
fn stale<'a>(plants: impl IntoIterator<Item = &'a Plant>) -> Vec<String> {
    let applies = |plant: &&Plant| tree::applies(plant, &crate::workspace::root());
    plants.into_iter().filter(|plant| !applies(plant)).map(|plant| plant.name.clone()).collect()
}

/// What [`tidy`](crate::tidy) has to say of plants: the path of each patch that does not apply any more.
pub(crate) fn stale_patches() -> Result<Vec<String>, XtaskError> {
    let all = Plant::all()?;
    Ok(stale(&all).into_iter().map(|name| format!("xtask/plants/{name}.patch")).collect())
}

fn select<'a>(all: &'a [Plant], args: &PlantsArgs) -> Result<Vec<&'a Plant>, XtaskError> {
    if let Some(unknown) = args.only.iter().find(|name| all.iter().all(|plant| plant.name != **name)) {
        return Err(XtaskError::Usage(format!(
            "no plant is called {unknown:?}; see `cargo xtask plants --list`"
        )));
    }
    if args.only.is_empty() {
        return args.turns.of(all, |plant| &plant.name);
    }
    Ok(all.iter().filter(|plant| args.only.contains(&plant.name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_at_least_twenty_plants_and_each_names_its_bug() {
        let all = Plant::all().unwrap();
        assert!(all.len() >= 20, "{}", all.len());
        assert!(all.iter().all(|plant| !plant.bug.is_empty() && !plant.files.is_empty()));
    }
}
