//! Whether batches carry numbers, and what is promised if they do not.
//! Owns: the one decision over `enable.idempotence`, `acks`, `retries`, `max.in.flight…` and
//! `transactional.id` (V3a–V3d, V10).

use kp_protocol::Acks;

use crate::{ConfigError, ConfigWarning, ProducerConfig};

/// More unanswered requests than this cannot be told apart by a broker (KIP-98: it remembers five batches).
const MAX_IN_FLIGHT: u32 = 5;

/// How a producer keeps order, and whether it may write a record twice. Complete: numbers are demanded, wished for, or given
/// up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotence {
    /// Asked for by name, or needed by `transactional.id`: batches are numbered, no duplicates, no reordering; where the cluster cannot do that, no record is
    /// accepted.
    On,
    /// The default: as [`On`](Self::On); but with a cluster that cannot do it (before 0.11) one batch of a partition is
    /// in flight at a time. Order is kept then; a retry whose first attempt was written is a duplicate.
    Preferred,
    /// Given up by the configuration.
    Off,
}

/// Decides, and says in at most one warning what is lost.
pub(crate) fn decide(config: &ProducerConfig) -> Result<(Idempotence, Option<ConfigWarning>), ConfigError> {
    let wanted = config.typed::<bool>("enable.idempotence")?;
    let named = config.is_set("enable.idempotence");
    let acks = config.typed::<Acks>("acks")?;
    let retries = config.typed::<u32>("retries")?;
    let in_flight = config.typed::<u32>("max.in.flight.requests.per.connection")?;
    let transactional = config.is_set("transactional.id");
    let spoiler = spoiler(acks, retries);

    if wanted && in_flight > MAX_IN_FLIGHT {
        return Err(ConfigError::conflict(
            "V3c",
            "max.in.flight.requests.per.connection",
            format!(
                "max.in.flight.requests.per.connection={in_flight} with enable.idempotence=true{}: at most \
                 {MAX_IN_FLIGHT}; set enable.idempotence=false to have more",
                if named { "" } else { " (the default)" }
            ),
        ));
    }
    if let Some(spoiler) = &spoiler
        && wanted
        && named
    {
        return Err(ConfigError::conflict(
            "V3b",
            "enable.idempotence",
            format!("enable.idempotence=true with {spoiler}: it needs acks=all and retries above 0"),
        ));
    }
    let on = wanted && spoiler.is_none();
    if transactional && !on {
        return Err(ConfigError::conflict(
            "V3d",
            "transactional.id",
            format!(
                "transactional.id without idempotence ({}): transactions need it",
                spoiler.unwrap_or_else(|| "enable.idempotence=false".to_owned())
            ),
        ));
    }
    match on {
        // A transaction without numbers is none.
        true if named || transactional => Ok((Idempotence::On, None)),
        true => Ok((Idempotence::Preferred, None)),
        false => Ok((Idempotence::Off, what_is_lost(config, acks, retries, in_flight, spoiler))),
    }
}

/// What in the configuration rules idempotence out.
fn spoiler(acks: Acks, retries: u32) -> Option<String> {
    match (acks, retries) {
        (Acks::All, 0) => Some("retries=0".to_owned()),
        (Acks::All, _) => None,
        (Acks::Leader, _) => Some("acks=1".to_owned()),
        (Acks::None, _) => Some("acks=0".to_owned()),
    }
}

/// The classic profile chose its guarantees as a whole; a single key that gives one up is a warning (V3a, V10).
fn what_is_lost(
    config: &ProducerConfig,
    acks: Acks,
    retries: u32,
    in_flight: u32,
    spoiler: Option<String>,
) -> Option<ConfigWarning> {
    let cause = match spoiler {
        Some(spoiler) if config.typed::<bool>("enable.idempotence").unwrap_or(false) => {
            format!("{spoiler} turns idempotence off")
        }
        _ => "idempotence is off".to_owned(),
    };
    let lost = if acks == Acks::None {
        "records may be lost without an error, and have no offset"
    } else if retries == 0 {
        if config.is_classic() {
            return None;
        }
        "a record whose attempt fails is not tried again"
    } else if in_flight > 1 {
        "a retry may write records twice and change their order; \
         max.in.flight.requests.per.connection=1 would keep the order"
    } else {
        "a retry may write records twice"
    };
    Some(ConfigWarning::PromiseGivenUp { key: "enable.idempotence", message: format!("{cause}: {lost}") })
}
