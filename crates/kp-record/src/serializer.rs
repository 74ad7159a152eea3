//! From values to bytes: the trait, and the serializers that Kafka's client ships. They write into the sending thread's
//! scratch buffer, outside any lock; what is bytes already is not copied there.

use std::collections::BTreeMap;
use std::error::Error;

/// An error of the application's own code, as that has it.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Turns values of one type into bytes.
///
/// ```
/// # extern crate kp_record as kp_producer;
/// use kp_producer::{BoxError, RecordHeaders, Serialized, Serializer};
///
/// /// A point as two big-endian integers.
/// struct PointSerializer;
/// impl Serializer<(i32, i32)> for PointSerializer {
///     fn serialize(
///         &self,
///         _topic: &str,
///         _headers: &mut RecordHeaders,
///         point: &(i32, i32),
///         out: &mut Vec<u8>,
///     ) -> Result<Serialized, BoxError> {
///         out.extend_from_slice(&point.0.to_be_bytes());
///         out.extend_from_slice(&point.1.to_be_bytes());
///         Ok(Serialized::Bytes)
///     }
/// }
/// ```
/// Source: `Serializer` of Kafka's client.
pub trait Serializer<T: ?Sized>: Send + Sync {
    /// Told once, before the first value: every key of the producer's configuration as it was set, the `client.id` in use,
    /// and whether it serializes keys.
    ///
    /// # Errors
    /// What is wrong; there is no typed producer then.
    fn configure(&mut self, config: &BTreeMap<String, String>, is_key: bool) -> Result<(), BoxError> {
        let _ = (config, is_key);
        Ok(())
    }

    /// Puts the bytes of `value` into `out`, which is empty and may be replaced. May add headers (schema ids and the like).
    ///
    /// # Errors
    /// Why it has no bytes; the record is not accepted then.
    fn serialize(
        &self,
        topic: &str,
        headers: &mut RecordHeaders,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<Serialized, BoxError>;

    /// The bytes of a value that is bytes already: nothing is written to the scratch buffer then.
    fn as_bytes<'v>(&self, value: &'v T) -> Option<&'v [u8]> {
        let _ = value;
        None
    }

    /// Called once when the producer has ended.
    fn close(&self) {}
}

/// What became of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serialized {
    /// Its bytes are in the buffer, perhaps none.
    Bytes,
    /// It is null: as a value a tombstone, as a key none.
    Null,
}

/// Headers that serializers add to a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordHeaders(Vec<(String, Option<Vec<u8>>)>);

impl RecordHeaders {
    /// Adds one behind the others (KIP-82).
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) {
        self.0.push((name.into(), Some(value.into())));
    }

    /// Adds one without a value.
    pub fn add_null(&mut self, name: impl Into<String>) {
        self.0.push((name.into(), None));
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.0.iter().map(|(name, value)| (&**name, value.as_deref()))
    }
}

/// Bytes as they are: `[u8]`, `Vec<u8>`, `Bytes` and their like (`ByteArraySerializer`, `BytesSerializer`).
#[derive(Clone, Copy, Debug, Default)]
pub struct BytesSerializer;

impl<T: AsRef<[u8]> + ?Sized> Serializer<T> for BytesSerializer {
    fn serialize(
        &self,
        _topic: &str,
        _headers: &mut RecordHeaders,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<Serialized, BoxError> {
        out.extend_from_slice(value.as_ref());
        Ok(Serialized::Bytes)
    }

    fn as_bytes<'v>(&self, value: &'v T) -> Option<&'v [u8]> {
        Some(value.as_ref())
    }
}

/// Text in UTF-8: `str`, `String` and their like (`StringSerializer`).
#[derive(Clone, Copy, Debug, Default)]
pub struct StringSerializer;

impl<T: AsRef<str> + ?Sized> Serializer<T> for StringSerializer {
    fn serialize(
        &self,
        _topic: &str,
        _headers: &mut RecordHeaders,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<Serialized, BoxError> {
        out.extend_from_slice(value.as_ref().as_bytes());
        Ok(Serialized::Bytes)
    }

    fn as_bytes<'v>(&self, value: &'v T) -> Option<&'v [u8]> {
        Some(value.as_ref().as_bytes())
    }
}

/// Numbers, big-endian.
macro_rules! big_endian {
    ($( $name:ident: $type:ty, $doc:literal; )*) => { $(
        #[doc = $doc]
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name;

        impl Serializer<$type> for $name {
            fn serialize(
                &self,
                _topic: &str,
                _headers: &mut RecordHeaders,
                value: &$type,
                out: &mut Vec<u8>,
            ) -> Result<Serialized, BoxError> {
                out.extend_from_slice(&value.to_be_bytes());
                Ok(Serialized::Bytes)
            }
        }
    )* };
}

big_endian! {
    ShortSerializer: i16, "An `i16` in 2 bytes, big-endian (`ShortSerializer`).";
    IntegerSerializer: i32, "An `i32` in 4 bytes, big-endian (`IntegerSerializer`).";
    LongSerializer: i64, "An `i64` in 8 bytes, big-endian (`LongSerializer`).";
    FloatSerializer: f32, "An `f32` in 4 bytes, big-endian (`FloatSerializer`).";
    DoubleSerializer: f64, "An `f64` in 8 bytes, big-endian (`DoubleSerializer`).";
}

/// A UUID as text of 36 letters, as Java writes it (`UUIDSerializer`). The value is its 16 bytes: `[u8; 16]`, or the `Uuid`
/// of the crate `uuid`.
#[derive(Clone, Copy, Debug, Default)]
pub struct UuidSerializer;

impl<T: AsRef<[u8]> + ?Sized> Serializer<T> for UuidSerializer {
    fn serialize(
        &self,
        _topic: &str,
        _headers: &mut RecordHeaders,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<Serialized, BoxError> {
        let bytes = value.as_ref();
        if bytes.len() != 16 {
            return Err(format!("a UUID has 16 bytes, not {}", bytes.len()).into());
        }
        for (place, byte) in bytes.iter().enumerate() {
            if matches!(place, 4 | 6 | 8 | 10) {
                out.push(b'-');
            }
            out.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[usize::from(digit)]));
        }
        Ok(Serialized::Bytes)
    }
}

/// Nothing: always null (`VoidSerializer`). For records that have no key, or no value.
#[derive(Clone, Copy, Debug, Default)]
pub struct VoidSerializer;

impl Serializer<()> for VoidSerializer {
    fn serialize(
        &self,
        _topic: &str,
        _headers: &mut RecordHeaders,
        _value: &(),
        _out: &mut Vec<u8>,
    ) -> Result<Serialized, BoxError> {
        Ok(Serialized::Null)
    }
}

/// `None` as null, anything else by the serializer inside.
#[derive(Clone, Copy, Debug, Default)]
pub struct OptionSerializer<S>(pub S);

impl<T, S: Serializer<T>> Serializer<Option<T>> for OptionSerializer<S> {
    fn configure(&mut self, config: &BTreeMap<String, String>, is_key: bool) -> Result<(), BoxError> {
        self.0.configure(config, is_key)
    }

    fn serialize(
        &self,
        topic: &str,
        headers: &mut RecordHeaders,
        value: &Option<T>,
        out: &mut Vec<u8>,
    ) -> Result<Serialized, BoxError> {
        match value {
            Some(value) => self.0.serialize(topic, headers, value, out),
            None => Ok(Serialized::Null),
        }
    }

    fn as_bytes<'v>(&self, value: &'v Option<T>) -> Option<&'v [u8]> {
        self.0.as_bytes(value.as_ref()?)
    }

    fn close(&self) {
        self.0.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<T: ?Sized>(serializer: &impl Serializer<T>, value: &T) -> Option<Vec<u8>> {
        let mut out = b"before".to_vec();
        let headers = &mut RecordHeaders::default();
        let serialized = serializer.serialize("t", headers, value, &mut out).expect("it has bytes");
        (serialized == Serialized::Bytes).then(|| out.split_off(6))
    }

    #[test]
    fn each_serializer_writes_what_javas_does() {
        assert_eq!(bytes(&ShortSerializer, &-2), Some(vec![0xff, 0xfe]));
        assert_eq!(bytes(&IntegerSerializer, &258), Some(vec![0, 0, 1, 2]));
        assert_eq!(bytes(&LongSerializer, &1), Some(vec![0, 0, 0, 0, 0, 0, 0, 1]));
        assert_eq!(bytes(&FloatSerializer, &1.0), Some(vec![0x3f, 0x80, 0, 0]));
        assert_eq!(bytes(&DoubleSerializer, &-2.0), Some(vec![0xc0, 0, 0, 0, 0, 0, 0, 0]));
        assert_eq!(bytes(&StringSerializer, "é"), Some(vec![0xc3, 0xa9]));
        assert_eq!(bytes(&BytesSerializer, &vec![1u8, 2]), Some(vec![1, 2]));
        assert_eq!(bytes(&VoidSerializer, &()), None);
        assert_eq!(bytes(&OptionSerializer(LongSerializer), &None), None);
        assert_eq!(bytes(&OptionSerializer(ShortSerializer), &Some(1)), Some(vec![0, 1]));
        let id = b"\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14\x17\x40\x00";
        let text = b"123e4567-e89b-12d3-a456-426614174000".to_vec();
        assert_eq!(bytes(&UuidSerializer, id), Some(text));
        let short = UuidSerializer.serialize("t", &mut RecordHeaders::default(), &[0u8; 3], &mut Vec::new());
        assert_eq!(short.unwrap_err().to_string(), "a UUID has 16 bytes, not 3");
    }

    #[test]
    fn what_is_bytes_already_is_not_copied() {
        let value = vec![7u8; 3];
        let serializer = OptionSerializer(BytesSerializer);
        let some = Some(value);
        let borrowed = serializer.as_bytes(&some).expect("it is bytes");
        assert_eq!(borrowed.as_ptr(), some.as_ref().map_or(std::ptr::null(), |value| value.as_ptr()));
        assert!(Serializer::<str>::as_bytes(&StringSerializer, "a").is_some());
    }
}
