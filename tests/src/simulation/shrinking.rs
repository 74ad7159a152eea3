//! The loop that makes a failing plan smaller while it still breaks the same law.

/// Runs that shrinking may cost.
const MOST_RUNS: usize = 300;

/// The smallest plan found that still `breaks`, of those that `candidates` makes of a plan.
pub fn shrink<P: Clone>(plan: &P, candidates: impl Fn(&P) -> Vec<P>, breaks: impl Fn(&P) -> bool) -> P {
    let mut smallest = plan.clone();
    let mut runs = 0;
    loop {
        let mut smaller = false;
        for candidate in candidates(&smallest) {
            runs += 1;
            if runs > MOST_RUNS {
                return smallest;
            }
            if breaks(&candidate) {
                smallest = candidate;
                smaller = true;
                break;
            }
        }
        if !smaller {
            return smallest;
        }
    }
}
