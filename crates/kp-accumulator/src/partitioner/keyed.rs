//! The partition of a key: murmur2, as every Kafka client chooses it, so that producers in different languages agree.

/// The 32-bit hash that Kafka's clients use for keys.
///
/// ```
/// use kp_accumulator::murmur2;
/// assert_eq!(murmur2(b"foobar"), -790332482);
/// ```
#[must_use]
pub fn murmur2(key: &[u8]) -> i32 {
    murmur2::murmur2(key, murmur2::KAFKA_SEED) as i32
}

/// The partition of `key` among `partitions` (at least 1), whether they have a leader or not (PA3). An empty key is
/// hashed like any other.
///
/// ```
/// use kp_accumulator::partition_for_key;
/// assert_eq!(partition_for_key(b"foobar", 6), partition_for_key(b"foobar", 6));
/// ```
#[must_use]
pub fn partition_for_key(key: &[u8], partitions: u32) -> u32 {
    // The sign is cleared by a mask, not by abs: other clients do it so, and i32::MIN has no abs.
    (murmur2(key) & 0x7fff_ffff) as u32 % partitions.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    // PA4
    #[test]
    fn murmur2_gives_the_numbers_of_kafkas_own_tests() {
        let vectors: [(&[u8], i32); 7] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
            (b"", 275_646_681),
        ];
        for (key, hash) in vectors {
            assert_eq!(murmur2(key), hash, "{key:?}");
        }
    }

    // PA3: 0x7fffffff & -973932308 is not 973932308
    #[test]
    fn a_negative_hash_is_masked_not_negated() {
        assert_eq!(partition_for_key(b"21", u32::MAX), (-973_932_308_i32 & i32::MAX) as u32);
        assert_eq!(partition_for_key(b"", 100), 275_646_681 % 100);
    }

    // PA3, PA4: hashes and partitions of 7 and of 1000, printed by the Java client's own classes
    #[test]
    fn ten_thousand_keys_go_where_the_java_client_sends_them() {
        let rows = include_str!("../../testdata/murmur2_java.csv").lines().skip(1);
        let mut count = 0;
        for row in rows {
            let fields: Vec<&str> = row.split(',').collect();
            let [hex, hash, of_7, of_1000] = fields[..] else { panic!("four fields: {row}") };
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
            let key: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
            assert_eq!(murmur2(&key).to_string(), hash, "{hex}");
            assert_eq!(partition_for_key(&key, 7).to_string(), of_7, "{hex}");
            assert_eq!(partition_for_key(&key, 1000).to_string(), of_1000, "{hex}");
            count += 1;
        }
        assert_eq!(count, 10_000);
    }
}
