//! The sink that messages are written into: one growing scratch, and a list of segments. Record batches are put into
//! the list by reference; only what stands around them is written.

use crate::segments::Segments;
use bytes::Bytes;

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
        let mut segments = self.into_segments();
        match segments.len() {
            0 => Bytes::new(),
            1 => segments.pop().unwrap_or_default(),
            _ => Bytes::from(segments.concat()),
        }
    }
}
