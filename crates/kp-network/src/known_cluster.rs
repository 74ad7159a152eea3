//! What all connections of a client have learnt about its cluster: how to begin the next one, and which listeners are
//! Kafka's. Owned by the client; told `now`.

mod age;
mod listeners;
mod notices;

pub(crate) use age::{Ahead, ClusterAge, Greeting};
pub(crate) use notices::SecurityNotices;

use crate::{NetworkSettings, OldKafka};
use kp_protocol::BrokerAddress;
use kp_sasl::SaslDialect;
use listeners::KafkaListeners;
use std::mem;
use std::time::Instant;

/// What a set-up found out about the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing: nothing was asked.
    Nothing,
    /// Its brokers answer ApiVersions.
    ApiVersions,
    /// Its brokers do not know ApiVersions; what they are taken for.
    Old(OldKafka),
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct KnownCluster {
    age: ClusterAge,
    listeners: KafkaListeners,
    /// How its brokers want their tokens, if an exchange with the next one can begin before that has answered anything.
    dialect: Option<SaslDialect>,
    /// Whether the caller was told that the cluster is an old one.
    old_told: bool,
    /// What the caller was told of its security.
    pub(crate) notices: SecurityNotices,
}

impl KnownCluster {
    /// A cluster of this age.
    #[cfg(test)]
    pub(crate) fn of(age: ClusterAge) -> Self {
        Self { age, ..Self::default() }
    }

    /// Back at the bootstrap list, which may lead to another cluster, or to this one after an upgrade.
    pub(crate) fn forget_age(&mut self) {
        self.age = ClusterAge::Unknown;
        self.dialect = None;
    }

    /// A broker has let the client in. `dialect` is how later exchanges may begin before their broker has said anything.
    pub(crate) fn let_in(&mut self, dialect: Option<SaslDialect>) {
        self.dialect = dialect;
    }

    /// How to begin a connection made now. With `is_encrypted` an exchange may begin before the broker has said anything; it
    /// says whether third parties cannot read along.
    pub(crate) fn greeting(
        &self,
        now: Instant,
        settings: &NetworkSettings,
        is_encrypted: Option<bool>,
    ) -> Greeting {
        match (self.age.greeting(now, settings), self.dialect, is_encrypted) {
            (Greeting::Ask, Some(dialect), Some(is_encrypted)) if settings.sasl.is_some() => {
                Greeting::AskAndGoAhead(Ahead { dialect, is_encrypted })
            }
            (greeting, _, _) => greeting,
        }
    }

    /// As [`ClusterAge::asked_in_vain`].
    pub(crate) fn asked_in_vain(&mut self) {
        self.age.asked_in_vain();
    }

    /// The broker at this address has answered ApiVersions in some way, perhaps only to refuse the version.
    pub(crate) fn answers_api_versions(&mut self, address: &BrokerAddress) {
        self.age = ClusterAge::AnswersApiVersions;
        self.listeners.answered(address);
    }

    /// Takes what a finished set-up found. Answers what the cluster is taken for, if the caller is to be told now.
    pub(crate) fn learn(&mut self, now: Instant, address: &BrokerAddress, found: Found) -> Option<OldKafka> {
        match found {
            Found::Nothing => None,
            Found::ApiVersions => {
                self.answers_api_versions(address);
                None
            }
            Found::Old(taken_for) => {
                self.age = ClusterAge::Old { since: now };
                self.listeners.answered(address);
                (!mem::replace(&mut self.old_told, true)).then_some(taken_for)
            }
        }
    }

    /// Whether a broker ever answered at this address.
    pub(crate) fn has_answered(&self, address: &BrokerAddress) -> bool {
        self.listeners.has_answered(address)
    }
}
