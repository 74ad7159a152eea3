//! librdkafka's names of a producer's keys, for files that come from one of its bindings.
//! Owns: what each means in Java's words. Keys that have one name in both, and those of kp's table, are not here.

use super::meaning::Meaning;

/// How librdkafka's value becomes Java's.
#[derive(Clone, Copy)]
enum Value {
    Same,
    /// Units of 1024 bytes.
    Kibibytes,
    /// 0 is without end.
    ZeroIsEndless,
    /// 0 leaves it to the system.
    ZeroIsSystems,
}

const TRANSLATED: &[(&str, &str, Value)] = &[
    ("metadata.broker.list", "bootstrap.servers", Value::Same),
    ("request.required.acks", "acks", Value::Same),
    ("queue.buffering.max.ms", "linger.ms", Value::Same),
    ("queue.buffering.max.kbytes", "buffer.memory", Value::Kibibytes),
    ("message.max.bytes", "max.request.size", Value::Same),
    ("message.timeout.ms", "delivery.timeout.ms", Value::ZeroIsEndless),
    ("socket.timeout.ms", "request.timeout.ms", Value::Same),
    ("message.send.max.retries", "retries", Value::Same),
    ("compression.codec", "compression.type", Value::Same),
    ("topic.metadata.refresh.interval.ms", "metadata.max.age.ms", Value::Same),
    ("max.in.flight", "max.in.flight.requests.per.connection", Value::Same),
    ("socket.send.buffer.bytes", "send.buffer.bytes", Value::ZeroIsSystems),
    ("socket.receive.buffer.bytes", "receive.buffer.bytes", Value::ZeroIsSystems),
    ("sasl.kerberos.keytab", "kp.kerberos.keytab", Value::Same),
    ("sasl.kerberos.principal", "kp.kerberos.principal", Value::Same),
];

const WITHOUT: &[(&str, &str)] = &[
    ("batch.num.messages", "records are not counted: batch.size is the bound"),
    ("queue.buffering.max.messages", "records are not counted: buffer.memory is the bound"),
    ("compression.level", "compression.gzip.level and compression.zstd.level say it, each for its codec"),
    ("statistics.interval.ms", "Producer::metrics answers whenever it is asked"),
    ("debug", "Producer::explain and `kp doctor` say what is going on"),
    ("log_level", "kp writes no log: Producer::notices has what happens"),
    ("log.connection.close", "kp writes no log: Producer::notices has what happens"),
    ("log.queue", "kp writes no log: Producer::notices has what happens"),
    ("log.thread.name", "kp writes no log: Producer::notices has what happens"),
    ("api.version.request", "brokers are asked, unless broker.version.fallback is set"),
    ("api.version.request.timeout.ms", "brokers are asked, unless broker.version.fallback is set"),
    ("api.version.fallback.ms", "brokers are asked, unless broker.version.fallback is set"),
    ("socket.keepalive.enable", "an idle connection is closed by connections.max.idle.ms"),
    ("socket.nagle.disable", "kp always turns Nagle's algorithm off"),
    ("socket.max.fails", "a connection is given up at the first request without an answer"),
    ("broker.address.ttl", "names are resolved for each connection"),
    ("broker.address.family", "every address of a name is tried in turn"),
    ("delivery.report.only.error", "ask only the deliveries that matter"),
    ("queue.buffering.backpressure.threshold", "batches grow while their partition may not send"),
    ("sticky.partitioning.linger.ms", "a batch of records without key ends with its size, as in Java"),
    ("message.copy.max.bytes", "a record is copied once, into its batch"),
    ("receive.message.max.bytes", "answers to a producer are small"),
    ("topic.metadata.refresh.fast.interval.ms", "retry.backoff.ms is the wait"),
    ("topic.metadata.refresh.sparse", "only topics that are in use are asked for"),
    ("topic.metadata.propagation.max.ms", "max.block.ms is the wait for a new topic"),
    ("produce.offset.report", "each delivery has its offset"),
    (
        "enable.gapless.guarantee",
        "an expired batch is not sent again, and a later one is told apart by its epoch",
    ),
    ("internal.termination.signal", "kp has no signal handlers"),
    ("enable.sasl.oauthbearer.unsecure.jwt", "the options unsecuredLogin… of the login line say it"),
    ("client.software.name", "kp says its own name"),
    ("client.software.version", "kp says its own version"),
];

const REFUSED: &[(&str, &str)] = &[
    ("ssl.crl.location", "kp does not check lists of revoked certificates"),
    ("ssl.engine.location", "kp has no OpenSSL: give a key store file"),
    ("ssl.providers", "kp has no OpenSSL: give a key store file"),
    ("ssl.curves.list", "kp offers the curves of its TLS library; they cannot be chosen"),
    ("ssl.sigalgs.list", "kp offers the signatures of its TLS library; they cannot be chosen"),
];

/// What a key of librdkafka's stands for; `None` if it has none of that name.
pub(super) fn meaning(key: &str, value: &str) -> Option<Meaning> {
    let of =
        |rows: &'static [(&str, &str)]| rows.iter().find(|(name, _)| *name == key).map(|(_, text)| *text);
    if let Some((_, java, how)) = TRANSLATED.iter().find(|(name, ..)| *name == key) {
        return Some(Meaning::key(java, &how.in_java(value)));
    }
    if let Some(because) = of(WITHOUT) {
        return Some(Meaning::Without(because));
    }
    if let Some(remedy) = of(REFUSED) {
        return Some(Meaning::Refused(remedy.to_owned()));
    }
    (key == "partitioner").then(|| partitioner(value.trim()))
}

impl Value {
    fn in_java(self, value: &str) -> String {
        let number = value.trim().parse::<i64>().ok();
        match (self, number) {
            (Self::Kibibytes, Some(number)) => number.saturating_mul(1024).to_string(),
            (Self::ZeroIsEndless, Some(0)) => i32::MAX.to_string(),
            (Self::ZeroIsSystems, Some(0)) => "-1".to_owned(),
            _ => value.to_owned(),
        }
    }
}

/// Another partitioner puts the records of a key elsewhere than those that are there already.
fn partitioner(value: &str) -> Meaning {
    match value {
        "murmur2_random" => Meaning::Without("kp's own partitioner does the same, as Java's"),
        other => Meaning::Refused(format!(
            "{} puts a key on another partition than kp, which hashes as murmur2_random: keep it with \
             ProducerBuilder::partitioner (docs/migrating/rust-rdkafka.md has the code)",
            kp_protocol::text::shown(other)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::info;

    #[test]
    fn no_row_stands_twice_and_none_hides_a_key_of_the_table() {
        let names: Vec<&str> = TRANSLATED
            .iter()
            .map(|(name, ..)| *name)
            .chain(WITHOUT.iter().chain(REFUSED).map(|(name, _)| *name))
            .collect();
        for (at, name) in names.iter().enumerate() {
            assert!(!names[..at].contains(name), "{name}");
            assert!(info(name).is_none(), "{name} is a key of the table, which is looked at first");
        }
        for (name, java, _) in TRANSLATED {
            assert!(name != java && info(java).is_some(), "{name}");
        }
    }
}
