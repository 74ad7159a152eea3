//! Plans that are smaller than a failing one: fewer faults, instances, transactions and records, finer weather.

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
        with(&|plan| plan.faults.clear());
    }
    for place in 0..plan.faults.len() {
        with(&|plan| {
            plan.faults.remove(place);
        });
    }
    for place in 0..plan.transaction_faults.len() {
        with(&|plan| {
            plan.transaction_faults.remove(place);
        });
    }
    if plan.weather != Weather::FINE {
        with(&|plan| plan.weather = Weather::FINE);
    }
    if plan.lag != ReplicationLag::NONE {
        with(&|plan| plan.lag = ReplicationLag::NONE);
    }
    if plan.first_epoch > 0 {
        with(&|plan| plan.first_epoch = 0);
    }
    if plan.members.is_some() {
        with(&|plan| plan.members = None);
    }
    let is_struck_by_name = |plan: &Plan, place: usize| {
        let mut named = plan.transaction_faults.iter().filter_map(|(_, fault)| fault.instance());
        named.any(|instance| instance >= place)
    };
    for instance in 0..plan.instances.len() {
        if plan.instances.len() > 1 && !is_struck_by_name(plan, instance) {
            with(&|plan| {
                plan.instances.remove(instance);
            });
        }
        if plan.instances[instance].killed.is_some() {
            with(&|plan| plan.instances[instance].killed = None);
        }
        of_transactions(plan, instance, &mut with);
    }
    candidates
}

fn of_transactions(plan: &Plan, instance: usize, with: &mut impl FnMut(&dyn Fn(&mut Plan))) {
    for (place, transaction) in plan.instances[instance].transactions.iter().enumerate() {
        with(&|plan| {
            plan.instances[instance].transactions.remove(place);
        });
        if transaction.tasks > 1 {
            with(&|plan| plan.instances[instance].transactions[place].tasks = 1);
        }
        if transaction.records > 1 {
            with(&|plan| plan.instances[instance].transactions[place].records /= 2);
        }
        if transaction.groups > 0 {
            with(&|plan| plan.instances[instance].transactions[place].groups = 0);
        }
        if transaction.late_handle {
            with(&|plan| plan.instances[instance].transactions[place].late_handle = false);
        }
    }
}
