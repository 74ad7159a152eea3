//! Arbitrary messages for the tests: made from a string of bytes, so that proptest can vary and shrink them.

use bytes::Bytes;

use crate::error_code::ErrorCode;
use crate::field::{Field, Form};
use crate::kafka_string::KafkaString;
use crate::record_data::Records;
use crate::topic_partition::TopicId;
use crate::unknown_tags::UnknownTags;

/// A string of bytes that is used up; then zeros.
pub(crate) struct Entropy<'a>(pub(crate) &'a [u8]);

impl Entropy<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> i64 {
        // Small, large and border numbers, each now and then.
        match self.byte() {
            0 => 0,
            1 => -1,
            2 => i64::MAX,
            3 => i64::MIN,
            4..=127 => i64::from(self.byte()),
            _ => (0..8).fold(0, |number, _| number << 8 | i64::from(self.byte())),
        }
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = match self.byte() {
            length @ 0..=199 => usize::from(length) % 20,
            long => usize::from(long) * 3,
        };
        (0..length).map(|_| self.byte()).collect()
    }
}

/// A type of which an arbitrary value can be made for a version.
pub(crate) trait Sample: Sized {
    fn sample(entropy: &mut Entropy<'_>, form: Form) -> Self;

    /// The same value, but not null.
    fn unnull(self, _: &mut Entropy<'_>, _: Form) -> Self {
        self
    }
}

macro_rules! integers {
    ($($ty:ty),*) => {$(
        impl Sample for $ty {
            fn sample(entropy: &mut Entropy<'_>, _: Form) -> Self {
                entropy.number() as $ty
            }
        }
    )*};
}

integers!(i8, i16, i32, i64);

impl Sample for bool {
    fn sample(entropy: &mut Entropy<'_>, _: Form) -> Self {
        entropy.byte() & 1 == 1
    }
}

impl Sample for ErrorCode {
    fn sample(entropy: &mut Entropy<'_>, _: Form) -> Self {
        Self(entropy.number() as i16)
    }
}

impl Sample for TopicId {
    fn sample(entropy: &mut Entropy<'_>, _: Form) -> Self {
        Self(std::array::from_fn(|_| entropy.byte()))
    }
}

impl Sample for KafkaString {
    fn sample(entropy: &mut Entropy<'_>, _: Form) -> Self {
        Self::from(String::from_utf8_lossy(&entropy.bytes()).into_owned())
    }
}

impl Sample for Bytes {
    fn sample(entropy: &mut Entropy<'_>, _: Form) -> Self {
        Self::from(entropy.bytes())
    }
}

impl Sample for Records {
    fn sample(entropy: &mut Entropy<'_>, _: Form) -> Self {
        (0..entropy.byte() % 4).map(|_| Bytes::from(entropy.bytes())).collect()
    }
}

impl Sample for UnknownTags {
    fn sample(entropy: &mut Entropy<'_>, _: Form) -> Self {
        let mut tags = Self::default();
        for _ in 0..(entropy.byte() % 8).saturating_sub(5) {
            // Above every tag that a row has.
            let tag = 100 + u32::from(entropy.byte()) * 7919;
            tags.insert(tag, Bytes::from(entropy.bytes()));
        }
        tags
    }
}

impl<T: Sample> Sample for Vec<T> {
    fn sample(entropy: &mut Entropy<'_>, form: Form) -> Self {
        (0..entropy.byte() % 4).map(|_| T::sample(entropy, form)).collect()
    }
}

impl<T: Sample> Sample for Option<T>
where
    Self: Field,
{
    fn sample(entropy: &mut Entropy<'_>, form: Form) -> Self {
        (entropy.byte() >= 64).then(|| T::sample(entropy, form))
    }

    fn unnull(self, entropy: &mut Entropy<'_>, form: Form) -> Self {
        self.or_else(|| Some(T::sample(entropy, form)))
    }
}
