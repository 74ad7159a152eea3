//! `cargo xtask features`: each feature of the facade alone, none, and all together, by clippy. Every set of them is a step of
//! `cargo xtask full`.

use clap::Args;

use crate::error::XtaskError;
use crate::packages::{Package, cargo, output_of, packages};
use crate::turns::Turns;
use crate::workspace;

/// The package whose features its users choose.
const FACADE: &str = "kp-producer";

/// What is not compiled here: `default` is what every other step compiles, and aws-lc's C takes minutes.
const LEFT_OUT: [&str; 2] = ["default", "tls-aws-lc"];

/// Which sets of features.
#[derive(Debug, Args)]
pub struct FeaturesArgs {
    #[command(flatten)]
    turns: Turns,
}

/// Compiles the facade with one set of features after the other.
///
/// # Errors
/// [`XtaskError::Failed`] names the sets with which it does not compile without a warning.
pub fn run(args: &FeaturesArgs) -> Result<(), XtaskError> {
    let packages = packages()?;
    let sets = packages.iter().find(|package| package.name == FACADE).map(sets).unwrap_or_default();
    let mut bad = Vec::new();
    for set in args.turns.of(&sets, |set| shown(set))? {
        println!("features: {}", shown(set));
        // By clippy, whose `-D warnings` is for the workspace alone: what is not kp's stays as it was built.
        let mut clippy = cargo();
        clippy.args(["clippy", "--quiet", "--locked", "-p", FACADE, "--lib", "--no-default-features"]);
        clippy.args(["--features", set, "--", "-D", "warnings"]).current_dir(workspace::root());
        if let Err(error) = output_of(&mut clippy) {
            eprintln!("{error}");
            bad.push(shown(set));
        }
    }
    if bad.is_empty() { Ok(()) } else { Err(XtaskError::Failed(format!("features: {}", bad.join("; ")))) }
}

/// None, each alone, all together: what cargo takes after `--features`.
fn sets(package: &Package) -> Vec<String> {
    let all = package.features.keys().filter(|name| !LEFT_OUT.contains(&name.as_str()));
    let all: Vec<_> = all.cloned().collect();
    let together = all.join(",");
    [vec![String::new()], all, vec![together]].concat()
}

fn shown(set: &str) -> &str {
    if set.is_empty() { "none" } else { set }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_of_the_facade_is_compiled_alone_and_with_all_others() {
        let packages = packages().unwrap();
        let facade = packages.iter().find(|package| package.name == FACADE).unwrap();
        let sets = sets(facade);
        let (none, together) = (sets.first().unwrap(), sets.last().unwrap());
        assert_eq!((none.as_str(), sets.len()), ("", facade.features.len() - LEFT_OUT.len() + 2));
        for name in facade.features.keys().filter(|name| !LEFT_OUT.contains(&name.as_str())) {
            assert!(sets.contains(name) && together.split(',').any(|part| part == name), "{name}");
        }
    }
}
