//! The sink that messages are written into: one growing scratch, and a list of segments. Record batches are put into
//! the list by reference; only what stands around them is written.

use bytes::Bytes;
use smallvec::SmallVec;
use std::ops::Deref;

/// What is to be written, in order, in pieces that are shared and not copied. The pieces of a usual request (what stands around
/// one to three batches, and the batches) need no list on the heap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segments(SmallVec<[Bytes; 8]>);

impl Segments {
    /// None, with a place for `count`.
    #[must_use]
    pub fn with_capacity(count: usize) -> Self {
        Self(SmallVec::with_capacity(count))
    }

    /// Adds a piece behind the others.
    #[inline]
    pub fn push(&mut self, piece: Bytes) {
        self.0.push(piece);
    }
}

impl Deref for Segments {
    type Target = [Bytes];

    fn deref(&self) -> &[Bytes] {
        &self.0
    }
}

impl From<Bytes> for Segments {
    fn from(piece: Bytes) -> Self {
        Self::from_iter([piece])
    }
}

impl From<Vec<Bytes>> for Segments {
    fn from(pieces: Vec<Bytes>) -> Self {
        Self(SmallVec::from_vec(pieces))
    }
}

impl FromIterator<Bytes> for Segments {
    fn from_iter<I: IntoIterator<Item = Bytes>>(pieces: I) -> Self {
        Self(pieces.into_iter().collect())
    }
}

impl Extend<Bytes> for Segments {
    fn extend<I: IntoIterator<Item = Bytes>>(&mut self, pieces: I) {
        self.0.extend(pieces);
    }
}

impl IntoIterator for Segments {
    type Item = Bytes;
    type IntoIter = IntoSegments;

    fn into_iter(self) -> IntoSegments {
        IntoSegments(self.0.into_iter())
    }
}

impl<'a> IntoIterator for &'a Segments {
    type Item = &'a Bytes;
    type IntoIter = std::slice::Iter<'a, Bytes>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// The pieces of [`Segments`], one after the other.
#[derive(Debug)]
pub struct IntoSegments(smallvec::IntoIter<[Bytes; 8]>);

impl Iterator for IntoSegments {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for IntoSegments {}

/// A segmented sink.
///
/// ```
/// use bytes::Bytes;
/// use kp_protocol::{Records, WireBuf};
/// let mut out = WireBuf::with_capacity(8);
/// out.put_i32(7);
/// out.put_shared(&Records::from(Bytes::from_static(b"batch")));
/// out.put_i8(1);
/// let segments = out.into_segments();
/// assert_eq!(segments[..], [&[0, 0, 0, 7][..], b"batch", &[1]]);
/// ```
#[derive(Debug, Default)]
pub struct WireBuf {
    /// All that was written; shared when it is whole, since a vector takes bytes faster than a shared buffer does.
    scratch: Vec<u8>,
    /// Records handed on by reference, each with its place: how much of the scratch stands before it.
    shared: Vec<(usize, Bytes)>,
}

impl WireBuf {
    /// A sink whose scratch holds `bytes` before it grows. Records handed on by reference take none of it.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { scratch: Vec::with_capacity(bytes), shared: Vec::new() }
    }

    /// What was written, to append to.
    pub(crate) fn written_mut(&mut self) -> &mut Vec<u8> {
        &mut self.scratch
    }

    /// Appends one byte.
    #[inline]
    pub fn put_i8(&mut self, value: i8) {
        self.scratch.push(value as u8);
    }

    /// Appends two bytes, big-endian.
    #[inline]
    pub fn put_i16(&mut self, value: i16) {
        self.scratch.extend_from_slice(&value.to_be_bytes());
    }

    /// Appends four bytes, big-endian.
    #[inline]
    pub fn put_i32(&mut self, value: i32) {
        self.scratch.extend_from_slice(&value.to_be_bytes());
    }

    /// Appends eight bytes, big-endian.
    #[inline]
    pub fn put_i64(&mut self, value: i64) {
        self.scratch.extend_from_slice(&value.to_be_bytes());
    }

    /// Appends an unsigned varint (LEB128, not zigzag; KIP-482).
    #[inline]
    pub fn put_uvarint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.scratch.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.scratch.push(value as u8);
    }

    /// Appends a copy of `bytes`.
    #[inline]
    pub fn put_slice(&mut self, bytes: &[u8]) {
        self.scratch.extend_from_slice(bytes);
    }

    /// Appends records by reference.
    pub fn put_shared(&mut self, records: &crate::Records) {
        let segments = records.segments().filter(|segment| !segment.is_empty());
        self.shared.extend(segments.map(|segment| (self.scratch.len(), segment.clone())));
    }

    /// Bytes written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.scratch.len() + self.shared.iter().map(|(_, segment)| segment.len()).sum::<usize>()
    }

    /// Whether nothing has been written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everything written, in order, none of it empty. Records are the very segments that were put in.
    #[must_use]
    pub fn into_segments(self) -> Segments {
        let scratch = Bytes::from(self.scratch);
        let mut segments = Segments::with_capacity(2 * self.shared.len() + 1);
        let mut from = 0;
        for (to, segment) in self.shared {
            if from < to {
                segments.push(scratch.slice(from..to));
            }
            segments.push(segment);
            from = to;
        }
        match from {
            0 if !scratch.is_empty() => segments.push(scratch),
            from if from < scratch.len() => segments.push(scratch.slice(from..)),
            _ => {}
        }
        segments
    }

    /// Everything written as one piece; copies if there is more than one segment.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        if self.shared.is_empty() {
            return Bytes::from(self.scratch);
        }
        let segments = self.into_segments();
        match &segments[..] {
            [] => Bytes::new(),
            [whole] => whole.clone(),
            pieces => Bytes::from(pieces.concat()),
        }
    }
}
