//! Bytes in pieces, in the order in which they are written to a socket.

use bytes::Bytes;
use smallvec::SmallVec;
use std::ops::Deref;

/// What is to be written, in order, in pieces that are shared and not copied. The pieces of a usual request (what stands around
/// one to three batches, and the batches) need no list on the heap. Reads as a slice of [`Bytes`].
///
/// ```
/// use bytes::Bytes;
/// use kp_protocol::Segments;
/// let mut segments: Segments = [Bytes::from_static(b"head")].into_iter().collect();
/// segments.push(Bytes::from_static(b"body"));
/// assert_eq!((segments.len(), segments.concat()), (2, b"headbody".to_vec()));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segments(SmallVec<[Bytes; 16]>);

impl Segments {
    /// No pieces; room for `pieces` of them without a list that grows.
    #[must_use]
    pub fn with_capacity(pieces: usize) -> Self {
        Self(SmallVec::with_capacity(pieces))
    }

    /// Adds a piece behind the others.
    #[inline]
    pub fn push(&mut self, piece: Bytes) {
        self.0.push(piece);
    }

    /// The last piece, taken out.
    pub fn pop(&mut self) -> Option<Bytes> {
        self.0.pop()
    }
}

impl Deref for Segments {
    type Target = [Bytes];

    #[inline]
    fn deref(&self) -> &[Bytes] {
        &self.0
    }
}

impl Extend<Bytes> for Segments {
    #[inline]
    fn extend<I: IntoIterator<Item = Bytes>>(&mut self, pieces: I) {
        self.0.extend(pieces);
    }
}

impl FromIterator<Bytes> for Segments {
    fn from_iter<I: IntoIterator<Item = Bytes>>(pieces: I) -> Self {
        Self(pieces.into_iter().collect())
    }
}

impl From<Vec<Bytes>> for Segments {
    fn from(pieces: Vec<Bytes>) -> Self {
        Self(SmallVec::from_vec(pieces))
    }
}

impl From<Segments> for Vec<Bytes> {
    fn from(segments: Segments) -> Self {
        segments.0.into_vec()
    }
}

impl IntoIterator for Segments {
    type Item = Bytes;
    type IntoIter = IntoPieces;

    #[inline]
    fn into_iter(self) -> IntoPieces {
        IntoPieces(self.0.into_iter())
    }
}

impl<'a> IntoIterator for &'a Segments {
    type Item = &'a Bytes;
    type IntoIter = std::slice::Iter<'a, Bytes>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// The pieces of [`Segments`], one by one.
#[derive(Debug)]
pub struct IntoPieces(smallvec::IntoIter<[Bytes; 16]>);

impl Iterator for IntoPieces {
    type Item = Bytes;

    #[inline]
    fn next(&mut self) -> Option<Bytes> {
        self.0.next()
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}
