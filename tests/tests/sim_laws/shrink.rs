//! Plans that are smaller than a failing one: fewer faults, fewer tasks, fewer records, finer weather.

use kp_sim::{ReplicationLag, Weather};

use crate::plan::Plan;

/// Each is smaller in one way.
pub(crate) fn candidates(plan: &Plan) -> Vec<Plan> {
    let mut candidates = Vec::new();
    let mut with = |change: &dyn Fn(&mut Plan)| {
        let mut candidate = plan.clone();
        change(&mut candidate);
        candidates.push(candidate);
    };
    if plan.faults.len() > 1 {
        with(&|plan| plan.faults.truncate(plan.faults.len() / 2));
        with(&|plan| plan.faults = plan.faults.split_off(plan.faults.len() / 2));
    }
    for place in 0..plan.faults.len() {
        with(&|plan| {
            plan.faults.remove(place);
        });
    }
    for place in 0..plan.tasks.len() {
        if plan.tasks.len() > 1 {
            with(&|plan| {
                plan.tasks.remove(place);
            });
        }
        if plan.tasks[place].records > 1 {
            with(&|plan| plan.tasks[place].records /= 2);
        }
    }
    if plan.weather != Weather::FINE {
        with(&|plan| plan.weather = Weather::FINE);
    }
    if plan.lag != ReplicationLag::NONE {
        with(&|plan| plan.lag = ReplicationLag::NONE);
    }
    for place in 0..plan.config.len() {
        let needed = [
            "delivery.timeout.ms",
            "request.timeout.ms",
            "linger.ms",
            "retries",
            "acks",
            "enable.idempotence",
        ];
        if !needed.contains(&plan.config[place].0) {
            with(&|plan| {
                plan.config.remove(place);
            });
        }
    }
    candidates
}
