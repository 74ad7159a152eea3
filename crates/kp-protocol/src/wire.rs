//! The `wire!` table and the messages that come from it. Each message is written down once, row by row: struct, encoder,
//! parser,
//! exact size, documentation and the text that `cargo xtask tidy` compares with Kafka's schemas come from that row.
//!
//! Sizing is the pass that can fail; what it let through, `put` can write. Parsing counts what is left before it
//! allocates anything.

use bytes::Bytes;

use crate::api_key::{ApiKey, VersionRange};
use crate::element_sink::{Elements, KeepAll};
use crate::error::ProtocolError;
use crate::field::{Field, Form, ParseFault};
use crate::wire_buf::WireBuf;

/// A request or response, whole.
///
/// ```
/// use kp_protocol::{Message, WireBuf, api::ApiVersionsRequest};
/// let request = ApiVersionsRequest { client_software_name: "kp".into(), ..Default::default() };
/// let mut out = WireBuf::with_capacity(request.size(3)?);
/// request.put(3, &mut out);
/// let bytes = out.into_bytes();
/// assert_eq!(&bytes[..], b"\x03kp\x01\x00");
/// assert_eq!(ApiVersionsRequest::parse(&bytes, 3)?, request);
/// # Ok::<(), kp_protocol::ProtocolError>(())
/// ```
pub trait Message: Sized {
    /// The API it belongs to.
    const API: ApiKey;
    /// Its name in Kafka's schemas.
    const NAME: &'static str;
    /// The versions this crate writes and reads.
    const VERSIONS: VersionRange;

    /// The exact number of bytes that [`put`](Self::put) writes.
    ///
    /// # Errors
    /// The version is not known, or a field holds what that version cannot say.
    fn size(&self, version: i16) -> Result<usize, ProtocolError>;

    /// Of these, the bytes of [`Records`](crate::Records), which are handed on by reference instead of being copied.
    fn shared_size(&self) -> usize;

    /// Writes the body. Call [`size`](Self::size) first: what it refuses would be written as something else.
    fn put(&self, version: i16, out: &mut WireBuf);

    /// Reads a body that fills `input` exactly. Byte strings and records are slices of `input`, not copies.
    ///
    /// Tagged fields that this crate does not know are skipped (KIP-482).
    ///
    /// # Errors
    /// The version is not known, or the bytes are not this message.
    fn parse(input: &Bytes, version: i16) -> Result<Self, ProtocolError>;

    /// The same, but tagged fields that this crate does not know are kept in their structs' `unknown_tags`, so that
    /// they are written again: for proxies.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    fn parse_keeping_unknown(input: &Bytes, version: i16) -> Result<Self, ProtocolError>;
}

/// A message that is answered by another.
pub trait Request: Message {
    /// The API.
    const KEY: ApiKey;
    /// What answers it.
    type Response: Message;
}

/// Refuses a version outside `known`.
pub(crate) fn check_version(
    what: &'static str,
    version: i16,
    known: VersionRange,
) -> Result<(), ProtocolError> {
    if known.contains(version) {
        return Ok(());
    }
    Err(ProtocolError::UnsupportedVersion { what, version, min: known.min, max: known.max })
}

/// A whole message, which must fill its input.
#[inline]
pub(crate) fn parse_message<M: Message + Field>(input: &Bytes, form: Form) -> Result<M, ProtocolError> {
    parse_message_each(input, form, &mut KeepAll)
}

/// The same; the elements of its arrays go to `elements` first.
#[inline]
pub(crate) fn parse_message_each<M: Message + Field, E: Elements>(
    input: &Bytes,
    form: Form,
    elements: &mut E,
) -> Result<M, ProtocolError> {
    check_version(M::NAME, form.version, M::VERSIONS)?;
    let whole = crate::rule::Rule::new(0, i16::MAX);
    whole
        .parse_tagged(input, input, form, elements)
        .map_err(|fault| ParseFault::explain(fault, M::NAME, form.version, input.len()))
}

/// Declares one message and its structs. See the crate's `api` folder for how a table reads; the brackets hold the
/// versions, then `nullable n..`, `tag n`, `ignorable`, `gone`, `secret`, in any order.
macro_rules! wire {
    (
        $(#[$doc:meta])*
        request $Message:ident (
            api $Api:ident, answer $Answer:ident, versions $min:literal..=$max:literal, flexible $flexible:tt $(..)?
        )
        $fields:tt
        $($parts:tt)*
    ) => {
        $crate::wire::wire! { @message $(#[$doc])* $Message ($Api, $min, $max, $flexible) $fields $($parts)* }
        impl $crate::wire::Request for $Message {
            const KEY: $crate::ApiKey = $crate::ApiKey::$Api;
            type Response = $Answer;
        }
    };
    (
        $(#[$doc:meta])*
        response $Message:ident (api $Api:ident, versions $min:literal..=$max:literal, flexible $flexible:tt $(..)?)
        $fields:tt
        $($parts:tt)*
    ) => {
        $crate::wire::wire! { @message $(#[$doc])* $Message ($Api, $min, $max, $flexible) $fields $($parts)* }
    };
    (
        @message $(#[$doc:meta])* $Message:ident ($Api:ident, $min:literal, $max:literal, $flexible:tt) $fields:tt
        $($(#[$part_doc:meta])* part $Part:ident $part_fields:tt)*
    ) => {
        $crate::wire::wire_struct! {
            $(#[$doc])*
            #[doc = concat!("\n\nVersions ", $min, " to ", $max, ".")]
            $Message $fields
        }
        $($crate::wire::wire_struct! { $(#[$part_doc])* $Part $part_fields })*

        impl $Message {
            pub(crate) const TABLE: $crate::SchemaTable = $crate::SchemaTable {
                message: stringify!($Message),
                api: $crate::ApiKey::$Api,
                versions: $crate::VersionRange::new($min, $max),
                flexible_from: $crate::wire::wire!(@flexible $flexible),
                parts: &[$Message::ROWS, $($Part::ROWS),*],
            };

            fn form(version: i16) -> $crate::field::Form {
                const FLEXIBLE: Option<i16> = $crate::wire::wire!(@flexible $flexible);
                let flexible = FLEXIBLE.is_some_and(|from| version >= from);
                $crate::field::Form { version, flexible, keeps_unknown: false }
            }
        }

        impl $crate::wire::Message for $Message {
            const API: $crate::ApiKey = $crate::ApiKey::$Api;
            const NAME: &'static str = stringify!($Message);
            const VERSIONS: $crate::VersionRange = $crate::VersionRange::new($min, $max);

            fn size(&self, version: i16) -> Result<usize, $crate::ProtocolError> {
                $crate::wire::check_version(Self::NAME, version, Self::VERSIONS)?;
                $crate::field::Field::size(self, Self::form(version))
            }

            fn shared_size(&self) -> usize {
                $crate::field::Field::shared_size(self)
            }

            fn put(&self, version: i16, out: &mut $crate::WireBuf) {
                $crate::field::Field::put(self, Self::form(version), out);
            }

            fn parse(input: &bytes::Bytes, version: i16) -> Result<Self, $crate::ProtocolError> {
                $crate::wire::parse_message(input, Self::form(version))
            }

            fn parse_keeping_unknown(
                input: &bytes::Bytes,
                version: i16,
            ) -> Result<Self, $crate::ProtocolError> {
                let form = $crate::field::Form { keeps_unknown: true, ..Self::form(version) };
                $crate::wire::parse_message(input, form)
            }
        }
    };
    (@flexible never) => { None };
    (@flexible $from:literal) => { Some($from) };
    (@versions $min:literal) => { concat!($min, " and newer") };
    (@versions $min:literal, $max:literal) => { concat!($min, " to ", $max) };
    (@rule $min:literal $(..=$max:literal)? $(; $option:ident $($argument:expr)?)*) => {
        const { $crate::rule::Rule::new($min, $crate::wire::wire!(@max $($max)?))$(.$option($($argument)?))* }
    };
    (@max) => { i16::MAX };
    (@max $max:literal) => { $max };
    (@is_default $value:expr, $ty:ty $(, $default:expr)?) => {
        $crate::field::is_default(&$value, &$crate::wire::wire!(@default $ty $(, $default)?))
    };
    (@default $ty:ty) => { <$ty as Default>::default() };
    (@default $ty:ty, $default:expr) => { $default };
    (@text) => { "" };
    (@text $text:expr) => { stringify!($text) };
}

/// Declares one struct of a message; used by [`wire!`] only.
macro_rules! wire_struct {
    (
        $(#[$doc:meta])*
        $Name:ident {
            $(
                $(#[$field_doc:meta])*
                [$min:literal $(..=$max:literal)? $(..)? $(; $option:ident $($argument:expr)?)*]
                $field:ident $(as $json:ident)?: $ty:ty $(= $default:expr)?
            ),* $(,)?
        }
    ) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $Name {
            $(
                $(#[$field_doc])*
                #[doc = concat!(
                    "\n\nVersions ", $crate::wire::wire!(@versions $min $(, $max)?),
                    $("; `", stringify!($option $($argument)?), "`",)*
                    $("; default `", stringify!($default), "`",)?
                    ".",
                )]
                pub $field: $ty,
            )*
            /// Tagged fields that no row here names; empty after [`Message::parse`](crate::Message::parse).
            pub unknown_tags: $crate::UnknownTags,
        }

        impl std::fmt::Debug for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let mut shown = f.debug_struct(stringify!($Name));
                $(
                    $crate::wire::wire!(@rule $min $(..=$max)? $(; $option $($argument)?)*)
                        .show(&mut shown, stringify!($field), &self.$field);
                )*
                if !self.unknown_tags.is_empty() {
                    shown.field("unknown_tags", &self.unknown_tags);
                }
                shown.finish()
            }
        }

        impl Default for $Name {
            fn default() -> Self {
                Self {
                    $($field: $crate::wire::wire!(@default $ty $(, $default)?),)*
                    unknown_tags: Default::default(),
                }
            }
        }

        impl $Name {
            pub(crate) const ROWS: &'static [$crate::SchemaRow] = &[$(
                $crate::wire::wire!(@rule $min $(..=$max)? $(; $option $($argument)?)*).schema(
                    stringify!($Name),
                    stringify!($field),
                    [
                        $crate::wire::wire!(@text $($json)?),
                        stringify!($ty),
                        $crate::wire::wire!(@text $($default)?),
                    ],
                ),
            )*];
        }

        impl $Name {
            /// The tags that the rows name in a version.
            #[cold]
            fn known_tags(form: $crate::field::Form) -> Vec<Option<u32>> {
                const RULES: &[$crate::rule::Rule] =
                    &[$($crate::wire::wire!(@rule $min $(..=$max)? $(; $option $($argument)?)*)),*];
                RULES.iter().map(|rule| rule.tag.filter(|_| rule.is_tagged(form))).collect()
            }

            /// What unknown tags add to a section of `tags` known ones. Out of line: hardly any struct has one.
            #[cold]
            fn unknown_tags_size(&self, form: $crate::field::Form, tags: u32) -> Result<usize, $crate::ProtocolError> {
                self.unknown_tags.check(form.flexible, &Self::known_tags(form), stringify!($Name), form.version)?;
                Ok(self.unknown_tags.added_size(tags))
            }
        }

        #[cfg(test)]
        impl $crate::sample::Sample for $Name {
            fn sample(entropy: &mut $crate::sample::Entropy<'_>, form: $crate::field::Form) -> Self {
                let mut value = Self::default();
                $({
                    const RULE: $crate::rule::Rule = $crate::wire::wire!(@rule $min $(..=$max)? $(; $option $($argument)?)*);
                    if RULE.is_plain(form.version) || RULE.is_tagged(form) {
                        value.$field = RULE.sample(entropy, form);
                    }
                })*
                if form.flexible && form.keeps_unknown {
                    value.unknown_tags = $crate::sample::Sample::sample(entropy, form);
                }
                value
            }
        }

        #[cfg(test)]
        impl $crate::golden_values::Golden for $Name {
            fn golden(initial: &Self, place: &$crate::golden_values::Place, form: $crate::field::Form) -> Self {
                let mut value = initial.clone();
                $({
                    const RULE: $crate::rule::Rule = $crate::wire::wire!(@rule $min $(..=$max)? $(; $option $($argument)?)*);
                    if RULE.is_plain(form.version) || RULE.is_tagged(form) {
                        let place = place.field(stringify!($field), $crate::wire::wire!(@text $($json)?));
                        value.$field = RULE.golden(&initial.$field, place, form);
                    }
                })*
                if form.flexible && form.keeps_unknown {
                    place.put_unknown_tags(&mut value.unknown_tags);
                }
                value
            }
        }

        impl $crate::field::Field for $Name {
            #[inline]
            fn min_size(form: $crate::field::Form) -> usize {
                let mut size = usize::from(form.flexible);
                $({
                    const RULE: $crate::rule::Rule = $crate::wire::wire!(@rule $min $(..=$max)? $(; $option $($argument)?)*);
                    if RULE.is_plain(form.version) {
                        size += <$ty as $crate::field::Field>::min_size(form);
                    }
                })*
                size
            }

            #[inline]
            fn size(&self, form: $crate::field::Form) -> Result<usize, $crate::ProtocolError> {
                let mut size = 0;
                let mut tags = 0u32;
                $({
                    const RULE: $crate::rule::Rule = $crate::wire::wire!(@rule $min $(..=$max)? $(; $option $($argument)?)*);
                    let is_default = RULE.asks_for_default(form.version)
                        && $crate::wire::wire!(@is_default self.$field, $ty $(, $default)?);
                    size += RULE.size(&self.$field, is_default, form, (stringify!($Name), stringify!($field)))?;
                    if let Some(tag) = RULE.tag && RULE.is_tagged(form) && !is_default {
                        tags += 1;
                        size += $crate::tagged::tagged_size(tag, $crate::field::Field::size(&self.$field, form)?);
                    }
                })*
                if form.flexible {
                    size += $crate::primitive::uvarint_size(tags);
                }
                if !self.unknown_tags.is_empty() {
                    size += self.unknown_tags_size(form, tags)?;
                }
                Ok(size)
            }

            #[inline]
            fn shared_size(&self) -> usize {
                0 $(+ $crate::field::Field::shared_size(&self.$field))*
            }

            #[inline]
            fn put(&self, form: $crate::field::Form, out: &mut $crate::WireBuf) {
                let mut tags = 0u32;
                $({
                    const RULE: $crate::rule::Rule = $crate::wire::wire!(@rule $min $(..=$max)? $(; $option $($argument)?)*);
                    if RULE.is_plain(form.version) {
                        $crate::field::Field::put(&self.$field, form, out);
                    }
                    tags += u32::from(
                        RULE.is_tagged(form) && !$crate::wire::wire!(@is_default self.$field, $ty $(, $default)?),
                    );
                })*
                if form.flexible {
                    out.put_uvarint(tags + self.unknown_tags.len() as u32);
                }
                if tags > 0 {
                    $({
                        const RULE: $crate::rule::Rule = $crate::wire::wire!(@rule $min $(..=$max)? $(; $option $($argument)?)*);
                        if let Some(tag) = RULE.tag
                            && RULE.is_tagged(form)
                            && !$crate::wire::wire!(@is_default self.$field, $ty $(, $default)?)
                        {
                            $crate::tagged::put_tagged(tag, &self.$field, form, out);
                        }
                    })*
                }
                if form.flexible && !self.unknown_tags.is_empty() {
                    // Known tags leave no gap (a test sees to it), so that unknown ones are the higher.
                    self.unknown_tags.put(out);
                }
            }

            #[inline]
            fn parse<'a>(
                input: &'a [u8],
                frame: &'a bytes::Bytes,
                form: $crate::field::Form,
            ) -> $crate::field::Parsed<'a, Self> {
                <Self as $crate::field::Field>::parse_each(input, frame, form, &mut $crate::element_sink::KeepAll)
            }

            #[inline]
            fn parse_each<'a, E: $crate::element_sink::Elements>(
                input: &'a [u8],
                frame: &'a bytes::Bytes,
                form: $crate::field::Form,
                elements: &mut E,
            ) -> $crate::field::Parsed<'a, Self> {
                let mut rest = input;
                $(
                    let mut $field: $ty = {
                        const RULE: $crate::rule::Rule = $crate::wire::wire!(@rule $min $(..=$max)? $(; $option $($argument)?)*);
                        if RULE.is_plain(form.version) {
                            let (after, value) = RULE.parse(rest, frame, form, elements)?;
                            rest = after;
                            value
                        } else {
                            $crate::wire::wire!(@default $ty $(, $default)?)
                        }
                    };
                )*
                let mut unknown_tags = $crate::UnknownTags::default();
                if form.flexible {
                    let (after, mut tags) = $crate::tagged::TagSection::open(rest)?;
                    rest = after;
                    loop {
                        let (after, field) = tags.next(rest)?;
                        rest = after;
                        let Some((tag, section)) = field else { break };
                        $({
                            const RULE: $crate::rule::Rule = $crate::wire::wire!(@rule $min $(..=$max)? $(; $option $($argument)?)*);
                            if RULE.tag == Some(tag) && RULE.is_tagged(form) {
                                $field = RULE.parse_tagged(section, frame, form, elements)?;
                                continue;
                            }
                        })*
                        // A tag without a row comes from a newer broker or client (KIP-482).
                        if form.keeps_unknown {
                            unknown_tags.insert(tag, frame.slice_ref(section));
                        }
                    }
                }
                Ok((rest, Self { $($field,)* unknown_tags }))
            }
        }
    };
}

pub(crate) use {wire, wire_struct};
