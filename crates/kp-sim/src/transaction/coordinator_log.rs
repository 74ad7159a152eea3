//! The internal topics that coordinators keep what they know in, and which partition of one a key belongs to. Names and numbers only.

use kp_protocol::TopicPartition;

/// The log of the transactions' coordinators.
pub(crate) const TRANSACTION_STATE: &str = "__transaction_state";
/// The log of the groups' coordinators.
pub(crate) const CONSUMER_OFFSETS: &str = "__consumer_offsets";

/// Whether a topic is the brokers' own.
pub(crate) fn is_internal(topic: &str) -> bool {
    topic == TRANSACTION_STATE || topic == CONSUMER_OFFSETS
}

/// Kafka's choice: the hash of a Java string, without its sign.
pub(super) fn log_of(topic: &str, key: &str, partitions: i32) -> TopicPartition {
    let hash =
        key.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    TopicPartition::new(topic, (hash & i32::MAX) % partitions.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_belongs_to_the_partition_that_java_would_choose() {
        // "abc".hashCode() is 96354, "polygenelubricants".hashCode() is Integer.MIN_VALUE.
        assert_eq!(log_of("t", "abc", 50).partition.0, 4);
        assert_eq!(log_of("t", "polygenelubricants", 50).partition.0, 0);
        assert_eq!(log_of("t", "", 50).partition.0, 0);
        assert_eq!(
            log_of("t", "\u{1f600}", 50).partition.0,
            (0xd83d * 31 + 0xde00) % 50,
            "two units of UTF-16"
        );
    }
}
