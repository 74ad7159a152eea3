//! What each room gets of the configuration.

use crate::config::{Idempotence, PartitionerClass, Settings};
use crate::observe::guarantees::Guarantees;
use crate::shared::Limits;
use kp_accumulator::{AccumulatorSettings, Partitioning, Seal, Spread};
use kp_metadata::MetadataSettings;
use kp_protocol::compression::Compression;
use kp_protocol::{BrokerAddress, BrokerId};
use kp_sender::{IdempotenceSetting, SenderSettings, TransactionSettings};
use kp_time::Backoff;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "tokio")]
pub(super) fn network_settings(settings: &Settings, seed: u64) -> kp_network::NetworkSettings {
    let mut network = kp_network::NetworkSettings::default();
    network.client_id = Some(settings.client_id.clone());
    network.max_in_flight = settings.max_in_flight_requests_per_connection as usize;
    network.reconnect_backoff = Backoff::new(settings.reconnect_backoff, settings.reconnect_backoff_max);
    network.setup_timeout =
        Backoff::new(settings.connection_setup_timeout, settings.connection_setup_timeout_max);
    network.connections_max_idle = settings.connections_max_idle;
    network.send_buffer = settings.send_buffer;
    network.receive_buffer = settings.receive_buffer;
    network.version_fallback = settings.broker_version_fallback;
    network.old_cluster_max_age = settings.metadata_max_age;
    let is_canonical = settings.client_dns_lookup == "resolve_canonical_bootstrap_servers_only";
    network.canonical_names = is_canonical.then(|| Arc::new(kp_network::SystemNames) as _);
    network.seed = seed;
    network
}

pub(super) fn accumulator_settings(settings: &Settings, is_classic: bool, seed: u64) -> AccumulatorSettings {
    AccumulatorSettings {
        batch_size: settings.batch_size,
        growth_max: settings.batch_growth_max_bytes,
        linger: settings.linger,
        delivery_timeout: settings.delivery_timeout,
        classic_expiry: settings.classic_expiry.then_some(settings.request_timeout),
        compression: settings.compression,
        compression_level: settings.compression_level(),
        partitioning: partitioning(settings, is_classic),
        in_transactions: settings.transactional_id.is_some(),
        seal: if settings.compression == Compression::None { Seal::Inline } else { Seal::Workers },
        seed,
    }
}

fn partitioning(settings: &Settings, is_classic: bool) -> Partitioning {
    Partitioning {
        ignore_keys: settings.partitioner_ignore_keys
            || matches!(settings.partitioner, PartitionerClass::RoundRobin | PartitionerClass::UniformSticky),
        spread: match settings.partitioner {
            PartitionerClass::RoundRobin => Spread::RoundRobin,
            PartitionerClass::UniformSticky => Spread::Sticky,
            // PA15: 0.9 had a counter for records without a key.
            _ if is_classic => Spread::RoundRobin,
            _ => Spread::Sticky,
        },
        adaptive: settings.partitioner_adaptive,
        availability_timeout: settings.partitioner_availability_timeout,
        rack: settings.partitioner_rack_aware.then(|| Arc::from(settings.client_rack.as_str())),
    }
}

pub(super) fn metadata_settings(settings: &Settings) -> MetadataSettings {
    MetadataSettings {
        max_age: settings.metadata_max_age,
        max_idle: settings.metadata_max_idle,
        retry_backoff: retry_backoff(settings),
        allow_auto_topic_creation: true,
        rebootstrap: settings.metadata_rebootstrap,
        rebootstrap_trigger: settings.metadata_rebootstrap_trigger,
    }
}

pub(super) fn sender_settings(settings: &Settings) -> SenderSettings {
    SenderSettings {
        acks: settings.acks,
        retries: settings.retries,
        request_timeout: settings.request_timeout,
        // 0.9 gives up what waits in a queue, not what is on its way.
        delivery_timeout: if settings.classic_expiry { Duration::MAX } else { settings.delivery_timeout },
        max_request_size: settings.max_request_size,
        retry_backoff: retry_backoff(settings),
        idempotence: match settings.idempotence {
            Idempotence::On => IdempotenceSetting::Required,
            Idempotence::Preferred => IdempotenceSetting::Preferred,
            Idempotence::Off => IdempotenceSetting::Off,
        },
        compression_level: settings.compression_level(),
        // SN8: a user who switches numbers off and allows several requests wants them all under way, as with Java's client.
        max_in_flight: settings.max_in_flight_requests_per_connection as usize,
        guarantee_one_in_flight: settings.idempotence != Idempotence::Off
            || settings.max_in_flight_requests_per_connection == 1,
        transaction: transaction(settings),
    }
}

/// That records are sent in transactions, if the configuration names the producer.
pub(super) fn transaction(settings: &Settings) -> Option<TransactionSettings> {
    let transactional_id: Arc<str> = Arc::from(settings.transactional_id.as_deref()?);
    Some(TransactionSettings { transactional_id, timeout: settings.transaction_timeout })
}

fn retry_backoff(settings: &Settings) -> Backoff {
    Backoff::new(settings.retry_backoff, settings.retry_backoff_max)
}

pub(super) fn limits(settings: &Settings) -> Limits {
    Limits {
        max_block: settings.max_block,
        max_request_size: settings.max_request_size,
        buffer_memory: settings.buffer_memory,
        delivery_timeout: settings.delivery_timeout,
    }
}

pub(super) fn bootstrap(settings: &Settings) -> Vec<BrokerAddress> {
    let addresses = settings.bootstrap_servers.iter().zip(1..);
    addresses
        .map(|((host, port), number)| BrokerAddress {
            id: BrokerId(-number),
            host: Arc::from(host.as_str()),
            port: *port,
            rack: None,
        })
        .collect()
}

pub(super) fn guarantees(settings: &Settings) -> Guarantees {
    let tls = settings.security.tls.as_ref();
    Guarantees {
        ordered: settings.keeps_order(),
        no_duplicates: !settings.may_duplicate(),
        acks: settings.acks,
        atomic: settings.transactional_id.is_some(),
        survives_leader_loss: settings.acks == kp_protocol::Acks::All,
        encrypted: tls.is_some(),
        brokers_authenticated: tls.is_some_and(|tls| tls.checks_names() && tls.checks_certificates()),
        client_authenticated: settings.security.sasl.is_some()
            || tls.is_some_and(|tls| tls.shown().is_some()),
    }
}

/// One worker for each core, at most four. One less would leave half of a small machine idle: an application has little to do
/// but to wait where compression is what takes long.
pub(super) fn seal_threads(settings: &Settings) -> usize {
    if settings.compression == Compression::None {
        return 0;
    }
    std::thread::available_parallelism().map_or(1, |cores| cores.get().clamp(1, 4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ProducerConfig;

    fn settings(pairs: &[(&str, &str)]) -> (Settings, bool) {
        let mut config = ProducerConfig::default().bootstrap_servers("nowhere:1");
        for (key, value) in pairs {
            config.set(key, *value).expect("a good value");
        }
        let settings = config.validate().expect("a good configuration").settings;
        (settings, config.is_classic())
    }

    fn accumulator(pairs: &[(&str, &str)]) -> AccumulatorSettings {
        let (settings, is_classic) = settings(pairs);
        accumulator_settings(&settings, is_classic, 0)
    }

    // A9
    #[test]
    fn what_security_promises_is_what_is_checked() {
        let promised = |pairs: &[(&str, &str)]| {
            let told = guarantees(&settings(pairs).0);
            (told.encrypted, told.brokers_authenticated, told.client_authenticated)
        };
        assert_eq!(promised(&[]), (false, false, false));
        let ssl = ("security.protocol", "SSL");
        assert_eq!(promised(&[ssl]), (true, true, false));
        assert_eq!(promised(&[ssl, ("ssl.endpoint.identification.algorithm", "")]), (true, false, false));
        assert_eq!(promised(&[ssl, ("ssl.keystore.location", "f")]), (true, true, true));
        let user = [("sasl.mechanism", "PLAIN"), ("sasl.username", "a"), ("sasl.password", "b")];
        assert_eq!(
            promised(&[&[("security.protocol", "SASL_PLAINTEXT")][..], &user].concat()),
            (false, false, true)
        );
    }

    // NC28
    #[cfg(feature = "tokio")]
    #[test]
    fn each_key_of_the_network_reaches_the_network() {
        let network = |pairs: &[(&str, &str)]| network_settings(&settings(pairs).0, 7);
        let plain = network(&[]);
        assert_eq!(
            (plain.send_buffer, plain.receive_buffer),
            (Some(131_072), Some(32_768)),
            "Java's defaults"
        );
        assert_eq!((plain.max_in_flight, plain.seed), (5, 7));
        let own = network(&[
            ("client.id", "me"),
            ("send.buffer.bytes", "50000"),
            ("receive.buffer.bytes", "-1"),
            ("max.in.flight.requests.per.connection", "3"),
            ("connections.max.idle.ms", "70"),
        ]);
        assert_eq!((own.send_buffer, own.receive_buffer), (Some(50_000), None), "-1 leaves it to the system");
        assert_eq!((own.client_id.as_deref(), own.max_in_flight), (Some("me"), 3));
        assert_eq!(own.connections_max_idle, Some(Duration::from_millis(70)));
        // SE49
        let named = network(&[("client.dns.lookup", "resolve_canonical_bootstrap_servers_only")]);
        assert!(own.canonical_names.is_none() && named.canonical_names.is_some());
    }

    // PA3, PA8, PA11, PA13, PA14, PA15
    #[test]
    fn each_key_of_partitioning_reaches_the_accumulator() {
        let partitioning = |pairs: &[(&str, &str)]| accumulator(pairs).partitioning;
        let plain = partitioning(&[]);
        assert_eq!(
            (plain.spread, plain.ignore_keys, plain.adaptive, plain.rack),
            (Spread::Sticky, false, true, None)
        );
        let turns = partitioning(&[("partitioner.class", "RoundRobinPartitioner")]);
        assert_eq!((turns.spread, turns.ignore_keys), (Spread::RoundRobin, true));
        let classic = accumulator(&[("kp.defaults", "0.9")]);
        let turns = &classic.partitioning;
        assert_eq!((turns.spread, turns.ignore_keys), (Spread::RoundRobin, false));
        assert_eq!(classic.classic_expiry, Some(Duration::from_secs(30)));
        assert!(partitioning(&[("partitioner.ignore.keys", "true")]).ignore_keys);
        assert!(!partitioning(&[("partitioner.adaptive.partitioning.enable", "false")]).adaptive);
        let timeout = partitioning(&[("partitioner.availability.timeout.ms", "70")]).availability_timeout;
        assert_eq!(timeout, Duration::from_millis(70));
        assert_eq!(partitioning(&[("client.rack", "r1")]).rack, None, "it was not asked for");
        let aware = partitioning(&[("client.rack", "r1"), ("partitioner.rack.aware", "true")]);
        assert_eq!(aware.rack.as_deref(), Some("r1"));
    }
}
