//! The values whose bytes stand in `tests/data/golden-messages.txt`: made here by the rules of
//! `xtask/java/MessageBytes.java`, from the path of a field, without a look at the bytes.

use bytes::Bytes;

use crate::error_code::ErrorCode;
use crate::field::Form;
use crate::kafka_string::KafkaString;
use crate::record_data::Records;
use crate::schema::name_in_schema;
use crate::topic_partition::TopicId;
use crate::unknown_tags::UnknownTags;

/// How a message is filled; the Java program explains each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    Default,
    Plain,
    Filled,
    Mixed,
    /// As filled, and with tagged fields that no row names.
    Unknown,
}

impl Case {
    /// Its name in the file.
    pub(crate) fn of(name: &str) -> Self {
        match name {
            "default" => Self::Default,
            "plain" => Self::Plain,
            "filled" => Self::Filled,
            "mixed" | "mixed2" => Self::Mixed,
            "unknown" => Self::Unknown,
            other => panic!("{other} is no case"),
        }
    }

    /// Whether numbers and texts stay what they are in a new message.
    fn is_initial(self) -> bool {
        matches!(self, Self::Default | Self::Plain)
    }
}

/// Where a value stands.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) case: Case,
    /// Such as `ProduceRequest 9 filled/TopicData/0/Name`.
    pub(crate) path: String,
    /// Whether the version allows null there.
    pub(crate) allows_null: bool,
}

impl Place {
    pub(crate) fn of_message(name: &str, version: i16, case: &str) -> Self {
        Self { case: Case::of(case), path: format!("{name} {version} {case}"), allows_null: false }
    }

    pub(crate) fn field(&self, field: &str, json_name: &str) -> Self {
        // Two names of Kafka's begin with a small letter; the classes' fields do not tell.
        let name = name_in_schema(field, json_name);
        let (first, rest) = name.split_at(1);
        self.below(&format!("{}{rest}", first.to_uppercase()))
    }

    fn below(&self, name: &str) -> Self {
        Self { case: self.case, path: format!("{}/{name}", self.path), allows_null: false }
    }

    /// FNV-1a, 64 bits, then stirred.
    fn hash(&self) -> u64 {
        let fnv = self.path.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let stirred = (fnv ^ fnv >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        stirred ^ stirred >> 29
    }

    /// Two tagged fields that no row names, in the case "unknown".
    pub(crate) fn put_unknown_tags(&self, tags: &mut UnknownTags) {
        if self.case == Case::Unknown {
            tags.insert(100, Bytes::copy_from_slice(&self.hash().to_be_bytes()));
            tags.insert(5000, Bytes::new());
        }
    }

    fn is_null(&self) -> bool {
        self.allows_null
            && match self.case {
                Case::Default | Case::Plain => true,
                Case::Filled | Case::Unknown => false,
                Case::Mixed => (self.hash() >> 3).is_multiple_of(3),
            }
    }

    fn array_length(&self) -> u64 {
        match self.case {
            Case::Default => 0,
            Case::Plain => 1,
            Case::Filled | Case::Unknown => 2,
            Case::Mixed => (self.hash() >> 5) % 4,
        }
    }

    fn number(&self, least: i64) -> i64 {
        let hash = self.hash();
        let choice = if self.case == Case::Mixed { hash % 6 } else { 5 };
        match choice {
            0 => 0,
            1 => -1,
            2 => !least,
            3 => least,
            _ => hash as i64 >> 8,
        }
    }

    /// A text or byte string: empty, long, or `short`.
    fn text(&self, short: impl FnOnce(u64) -> Vec<u8>) -> Vec<u8> {
        let hash = self.hash();
        match (self.case, (hash >> 7) % 4) {
            (Case::Default | Case::Plain, _) | (Case::Mixed, 0) => Vec::new(),
            (Case::Mixed, 1) => vec![b'x'; 200],
            _ => short(hash),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        self.text(|hash| hash.to_be_bytes().to_vec())
    }
}

/// A type of which the Java program makes values too.
pub(crate) trait Golden: Sized {
    /// The value at `place`; `initial` is what a new message has there.
    fn golden(initial: &Self, place: &Place, form: Form) -> Self;
}

macro_rules! integers {
    ($($ty:ty),*) => {$(
        impl Golden for $ty {
            fn golden(initial: &Self, place: &Place, _: Form) -> Self {
                if place.case.is_initial() { *initial } else { place.number(<$ty>::MIN.into()) as $ty }
            }
        }
    )*};
}

integers!(i8, i16, i32, i64);

impl Golden for bool {
    fn golden(initial: &Self, place: &Place, _: Form) -> Self {
        match place.case {
            Case::Default | Case::Plain => *initial,
            Case::Filled | Case::Unknown => !initial,
            Case::Mixed => place.hash() & 1 == 1,
        }
    }
}

impl Golden for ErrorCode {
    fn golden(initial: &Self, place: &Place, form: Form) -> Self {
        Self(i16::golden(&initial.0, place, form))
    }
}

impl Golden for TopicId {
    fn golden(initial: &Self, place: &Place, _: Form) -> Self {
        if place.case.is_initial() {
            return *initial;
        }
        let (high, low) = (place.hash(), place.hash() ^ 0x5555_5555_5555_5555);
        Self((u128::from(high) << 64 | u128::from(low)).to_be_bytes())
    }
}

impl Golden for KafkaString {
    fn golden(initial: &Self, place: &Place, _: Form) -> Self {
        if place.case.is_initial() {
            return initial.clone();
        }
        let text = place.text(|hash| format!("\u{e9}{}", hash >> 40).into_bytes());
        Self::from(String::from_utf8(text).expect("is text"))
    }
}

impl Golden for Bytes {
    fn golden(_: &Self, place: &Place, _: Form) -> Self {
        Self::from(place.bytes())
    }
}

impl Golden for Records {
    fn golden(_: &Self, place: &Place, _: Form) -> Self {
        Self::from(Bytes::from(place.bytes()))
    }
}

impl<T: Golden + Default> Golden for Vec<T> {
    fn golden(_: &Self, place: &Place, form: Form) -> Self {
        let item = |number: u64| T::golden(&T::default(), &place.below(&number.to_string()), form);
        (0..place.array_length()).map(item).collect()
    }
}

impl<T: Golden + Default> Golden for Option<T> {
    fn golden(initial: &Self, place: &Place, form: Form) -> Self {
        if place.is_null() {
            return None;
        }
        Some(T::golden(initial.as_ref().unwrap_or(&T::default()), place, form))
    }
}
