//! What is known of the age of the cluster: whether its brokers answer ApiVersions at all.
//!
//! ```text
//!             ┌── ApiVersions was answered ──▶ AnswersApiVersions ── one asks in vain ──┐
//!   Unknown ──┤                                                                         │
//!      ▲      └── only the probe was ────────▶ Old ── metadata.max.age.ms has passed ───┤
//!      └──────────────── back to the bootstrap list ────────────────────────────────────┘
//! ```
//! ApiVersions costs a 0.9 cluster more than the connection it is asked on: the broker may lose requests of others
//! that it was handed at the same time. So the answer holds for the cluster, and the question is asked seldom. A
//! timeout, a reset or a close is never taken for an answer. Owned by [`KnownCluster`](super::KnownCluster); told `now`.

use crate::{NetworkSettings, OldKafka};
use kp_sasl::SaslDialect;
use std::time::Instant;

/// See the module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ClusterAge {
    /// Nothing yet, or nothing any more.
    #[default]
    Unknown,
    /// A broker has answered ApiVersions.
    AnswersApiVersions,
    /// A broker has answered what came behind ApiVersions, and not that.
    Old {
        /// When it was found out.
        since: Instant,
    },
}

/// How a new connection begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// Nothing is asked: the broker is taken to be of this version.
    Speak(OldKafka),
    /// ApiVersions.
    Ask,
    /// ApiVersions, and right behind it what every broker answers.
    AskAndProbe,
    /// ApiVersions, and right behind it the beginning of an exchange of SASL.
    AskAndGoAhead(Ahead),
}

/// What the beginning of an exchange has to know before the broker has said anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ahead {
    /// How the brokers before this one wanted their tokens.
    pub(crate) dialect: SaslDialect,
    /// Whether a third party cannot read along.
    pub(crate) is_encrypted: bool,
}

impl ClusterAge {
    /// How to begin a connection made now.
    pub(crate) fn greeting(&self, now: Instant, settings: &NetworkSettings) -> Greeting {
        if let Some(old) = settings.version_fallback {
            return Greeting::Speak(old);
        }
        match self {
            Self::AnswersApiVersions => Greeting::Ask,
            Self::Old { since } if now.duration_since(*since) < settings.old_cluster_max_age => {
                Greeting::Speak(OldKafka::V0_9_0)
            }
            // SE5: before a client has authenticated itself, a broker answers the probe with a close.
            Self::Unknown | Self::Old { .. } if settings.sasl.is_some() => Greeting::Ask,
            Self::Unknown | Self::Old { .. } => Greeting::AskAndProbe,
        }
    }

    /// A connection that only asked ended without an answer. In a cluster of several versions that is a broker
    /// of 0.9; the next connection tells.
    pub(crate) fn asked_in_vain(&mut self) {
        if *self == Self::AnswersApiVersions {
            *self = Self::Unknown;
        }
    }
}
