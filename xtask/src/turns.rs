//! What takes turns in CI, since all of it each time would take too long: how much of it, and which, by the hash of a commit.
//! `cargo xtask full` runs all.

use clap::Args;

use crate::error::XtaskError;
use crate::packages::output_of;
use crate::workspace::git;

/// How much of something, chosen by a commit.
#[derive(Debug, Args)]
pub struct Turns {
    /// As many as this, chosen by the hash of a commit, so that each commit has others. None: all.
    #[arg(long, value_name = "N")]
    pick: Option<usize>,
    /// The commit that `--pick` goes by.
    #[arg(long, value_name = "COMMIT", default_value = "HEAD", requires = "pick")]
    by: String,
}

impl Turns {
    /// Those of `all` whose turn it is, in their order. What has to wait is printed: nothing is left out in silence.
    ///
    /// # Errors
    /// There is no such commit.
    pub(crate) fn of<'a, T>(
        &self,
        all: &'a [T],
        name: impl Fn(&T) -> &str,
    ) -> Result<Vec<&'a T>, XtaskError> {
        let Some(count) = self.pick else {
            return Ok(all.iter().collect());
        };
        let mut places = choose(all.len(), count, commit_number(&self.by)?);
        places.sort_unstable();
        let waits = (0..all.len()).filter(|place| !places.contains(place));
        let waiting: Vec<_> = waits.map(|place| name(&all[place])).collect();
        if !waiting.is_empty() {
            println!("not their turn: {}", waiting.join("; "));
        }
        Ok(places.into_iter().map(|place| &all[place]).collect())
    }
}

/// A number that each commit has another of.
fn commit_number(commit: &str) -> Result<u64, XtaskError> {
    let output = output_of(git().args(["rev-parse", "--verify", commit]))?;
    let hash = String::from_utf8_lossy(&output);
    let first = hash.get(..12).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    first.ok_or_else(|| XtaskError::Answer { request: "git rev-parse".into(), answer: hash.trim().into() })
}

/// `count` different places out of `all`, spread evenly from where `number` says.
fn choose(all: usize, count: usize, number: u64) -> Vec<usize> {
    let count = count.min(all);
    let first = number % all.max(1) as u64;
    (0..count).map(|step| (first as usize + step * all / count) % all).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_ones_are_different_and_follow_the_commit() {
        for number in 0..50 {
            let mut chosen = choose(23, 5, number);
            chosen.sort_unstable();
            chosen.dedup();
            assert_eq!(chosen.len(), 5);
        }
        assert_ne!(choose(23, 5, 1), choose(23, 5, 2));
        assert_eq!(choose(3, 5, 7).len(), 3);
    }

    #[test]
    fn each_has_its_turn_within_as_many_numbers_as_there_are() {
        for (all, count) in [(10, 4), (17, 6), (23, 5), (3, 1)] {
            let mut had: Vec<_> = (0..all as u64).flat_map(|number| choose(all, count, number)).collect();
            had.sort_unstable();
            had.dedup();
            assert_eq!(had.len(), all, "{count} of {all}");
        }
    }

    #[test]
    fn without_a_number_all_have_their_turn() {
        let turns = Turns { pick: None, by: "HEAD".into() };
        assert_eq!(turns.of(&["a", "b"], |name| name).unwrap(), [&"a", &"b"]);
    }
}
