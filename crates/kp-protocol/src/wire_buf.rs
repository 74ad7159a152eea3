//! The sink that messages are written into: one growing scratch, and a list of segments. Record batches are put into
//! the list by reference; only what stands around them is written.

use bytes::{BufMut, Bytes, BytesMut};

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
/// assert_eq!(segments, [&[0, 0, 0, 7][..], b"batch", &[1]]);
/// ```
#[derive(Debug, Default)]
pub struct WireBuf {
    scratch: BytesMut,
    segments: Vec<Bytes>,
}

impl WireBuf {
    /// A sink whose scratch holds `bytes` before it grows. Records handed on by reference take none of it.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { scratch: BytesMut::with_capacity(bytes), segments: Vec::new() }
    }

    /// Appends one byte.
    #[inline]
    pub fn put_i8(&mut self, value: i8) {
        self.scratch.put_i8(value);
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
            self.scratch.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.scratch.put_u8(value as u8);
    }

    /// Appends a copy of `bytes`.
    #[inline]
    pub fn put_slice(&mut self, bytes: &[u8]) {
        self.scratch.extend_from_slice(bytes);
    }

    /// Appends records by reference: ends the current piece of scratch and lists their segments.
    pub fn put_shared(&mut self, records: &crate::Records) {
        for segment in records.segments() {
            self.cut();
            self.segments.push(segment.clone());
        }
    }

    /// Bytes written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.scratch.len() + self.segments.iter().map(Bytes::len).sum::<usize>()
    }

    /// Whether nothing has been written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Everything written, in order, none of it empty. Records are the very segments that were put in.
    #[must_use]
    pub fn into_segments(mut self) -> Vec<Bytes> {
        self.cut();
        self.segments
    }

    /// Everything written as one piece; copies if there is more than one segment.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        let len = self.len();
        let mut segments = self.into_segments();
        match segments.len() {
            0 => Bytes::new(),
            1 => segments.swap_remove(0),
            _ => {
                let mut whole = BytesMut::with_capacity(len);
                for segment in &segments {
                    whole.extend_from_slice(segment);
                }
                whole.freeze()
            }
        }
    }

    fn cut(&mut self) {
        if !self.scratch.is_empty() {
            self.segments.push(self.scratch.split().freeze());
        }
    }
}
