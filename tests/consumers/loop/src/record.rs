//! The records: what is read as number `n`, and what has to be made of it. Both sides are functions of the number, so that content
//! can be judged without keeping a million records.

/// So many keys that each partition of the input has some.
const KEYS: u64 = 1009;

/// The key of record `number`.
pub fn key(number: u64) -> String {
    format!("customer-{}", number % KEYS)
}

/// Its value in the input.
pub fn input(number: u64) -> String {
    let word = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    format!("{number} order of {word:016x} pieces, {} each", word % 977)
}

/// What a worker makes of a value that it read at `offset` of `partition`.
pub fn transformed(partition: i32, offset: i64, value: &str) -> String {
    format!("{partition} {offset} {}", value.to_uppercase())
}

/// What a record of the output says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Of the input.
    pub partition: i32,
    /// Of the input.
    pub offset: i64,
    pub number: u64,
}

/// Takes a value of the output apart, if it is exactly what has to be made of the record that it names.
pub fn parse(key_seen: &[u8], value: &[u8]) -> Option<Written> {
    let text = std::str::from_utf8(value).ok()?;
    let mut words = text.splitn(4, ' ');
    let partition = words.next()?.parse().ok()?;
    let offset = words.next()?.parse().ok()?;
    let number = words.next()?.parse().ok()?;
    let is_right =
        text == transformed(partition, offset, &input(number)) && key_seen == key(number).as_bytes();
    is_right.then_some(Written { partition, offset, number })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_record_tells_where_it_was_read_and_a_changed_one_tells_nothing() {
        let value = transformed(3, 4711, &input(99_001));
        let written = parse(key(99_001).as_bytes(), value.as_bytes());
        assert_eq!(written, Some(Written { partition: 3, offset: 4711, number: 99_001 }));
        assert_eq!(parse(key(99_002).as_bytes(), value.as_bytes()), None, "the key of another record");
        assert_eq!(parse(key(99_001).as_bytes(), value.to_lowercase().as_bytes()), None, "not transformed");
        assert_eq!(parse(key(99_001).as_bytes(), value.replace("99001", "99002").as_bytes()), None);
        assert_eq!(parse(b"", b""), None);
    }
}
