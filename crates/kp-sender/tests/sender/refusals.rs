//! A client that brokers refuse: in every order in which attempts end and calls begin to wait, each call learns of a refusal
//! that stands.

use crate::harness::*;
use kp_client::{DisconnectReason, Event, Reached, SecurityFailure, SecurityStage, SetupStage};
use kp_protocol::BrokerId;
use kp_sender::Input;
use std::sync::Arc;

/// What happens to a client of one bootstrap entry whose name has two addresses.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    /// A call begins to wait for metadata.
    Call,
    /// The broker refuses the credentials.
    Refused,
    /// The limit of the set-up is reached while keys are derived, or a token is unanswered.
    TimedOut,
    /// The broker closes while it is shown who the client is.
    ClosedEarly,
    /// One address of two is dead.
    OneAddress,
    /// The whole name leads nowhere: the refusal is of the past.
    NoAddress,
}

const STEPS: [Step; 6] =
    [Step::Call, Step::Refused, Step::TimedOut, Step::ClosedEarly, Step::OneAddress, Step::NoAddress];

fn ended(reason: DisconnectReason, reached: Reached) -> Input {
    Input::Network(Event::Disconnected {
        broker: BrokerId(-1),
        address: "boot1:9092".into(),
        reason,
        reached,
    })
}

fn refused() -> DisconnectReason {
    let failure = SecurityFailure::new(SecurityStage::SaslToken, "no");
    DisconnectReason::AuthenticationFailed(Arc::new(failure))
}

impl Step {
    fn input(self) -> Input {
        let lost = || DisconnectReason::ConnectFailed("connection refused".into());
        match self {
            Self::Call => Input::WantMetadata,
            Self::Refused => ended(refused(), Reached::Answer),
            Self::TimedOut => ended(DisconnectReason::SetupTimeout(SetupStage::SaslWork), Reached::Answer),
            Self::ClosedEarly => ended(DisconnectReason::ClosedByBroker, Reached::Answer),
            Self::OneAddress => ended(lost(), Reached::Address { untried: 1 }),
            Self::NoAddress => ended(lost(), Reached::Address { untried: 0 }),
        }
    }
}

/// The client between two attempts: none can be made now.
fn between_attempts() -> Harness {
    let mut harness = Harness::new();
    harness.least_loaded = Some(None);
    harness.run();
    harness
}

/// Takes the steps, and says which of them left a call waiting that it should have told.
fn untold(steps: &[Step], eager: bool) -> Option<usize> {
    let mut harness = between_attempts();
    let (mut waits, mut stands) = (false, false);
    for (at, step) in steps.iter().enumerate() {
        let told = harness.security_failures.len();
        harness.input(step.input());
        // The host may take several events before it lets the sender go on, or each alone.
        if eager || at + 1 == steps.len() {
            harness.run();
        }
        match step {
            Step::Call => waits = true,
            Step::Refused => stands = true,
            Step::NoAddress => stands = false,
            Step::TimedOut | Step::ClosedEarly | Step::OneAddress => {}
        }
        waits &= harness.security_failures.len() == told;
        let is_over = eager || at + 1 == steps.len();
        // A dead address is followed by another attempt at once, which tells.
        if is_over && waits && stands && *step != Step::OneAddress {
            return Some(at);
        }
    }
    None
}

// SE25, SE26, SE29
#[test]
fn in_every_order_of_ends_a_waiting_call_is_told_of_a_refusal_that_stands() {
    let mut orders: Vec<Vec<Step>> = vec![Vec::new()];
    for _ in 0..4 {
        orders = orders
            .iter()
            .flat_map(|order| STEPS.iter().map(move |step| [&order[..], &[*step]].concat()))
            .collect();
    }
    assert_eq!(orders.len(), 1296);
    let missed = |eager| {
        let missed = orders.iter().filter_map(|order| Some((order, untold(order, eager)?)));
        missed.map(|(order, at)| order[..=at].to_vec()).min_by_key(Vec::len)
    };
    assert_eq!((missed(true), missed(false)), (None, None));
}

// SE25, SE29
#[test]
fn a_set_up_that_takes_too_long_masks_no_refusal_and_is_named_where_there_is_none() {
    let mut harness = between_attempts();
    harness.input(Step::TimedOut.input());
    harness.run();
    assert!(harness.security_failures.is_empty(), "it may be over soon: it is waited for");
    let words =
        "boot1:9092: not ready in time (socket.connection.setup.timeout.ms): the work for SASL was not done";
    assert_eq!(harness.metadata_failures.last().map(|words| &**words), Some(words));
    harness.input(Step::Refused.input());
    harness.input(Step::TimedOut.input());
    harness.run();
    let last = harness.metadata_failures.last().map(|words| &**words);
    assert_eq!(last, Some("boot1:9092: SASL authentication failed: no"));
}
