//! The records of a Produce request or Fetch response: bytes that are never copied here.

use bytes::Bytes;

/// Record batches as they stand on the wire, in one or more pieces. Compares by content, however it is cut.
///
/// ```
/// use bytes::Bytes;
/// use kp_protocol::Records;
/// let whole = Records::from(Bytes::from_static(b"header, payload"));
/// let pieces = Records::from(vec![Bytes::from_static(b"header"), Bytes::from_static(b", payload")]);
/// assert_eq!(whole, pieces);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Records {
    // Parsed records are one piece: no list is allocated for them.
    first: Bytes,
    more: Vec<Bytes>,
}

impl Records {
    /// The pieces in order, none of them empty.
    pub fn segments(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.first).chain(&self.more).filter(|piece| !piece.is_empty())
    }

    /// Bytes in all pieces.
    #[must_use]
    pub fn len(&self) -> usize {
        self.first.len() + self.more.iter().map(Bytes::len).sum::<usize>()
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends a piece.
    pub fn push(&mut self, piece: Bytes) {
        if self.first.is_empty() && self.more.is_empty() {
            self.first = piece;
        } else {
            self.more.push(piece);
        }
    }

    /// All bytes as one piece; copies if there are several.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        if self.more.is_empty() {
            return self.first.clone();
        }
        let mut whole = Vec::with_capacity(self.len());
        self.segments().for_each(|piece| whole.extend_from_slice(piece));
        Bytes::from(whole)
    }
}

impl From<Bytes> for Records {
    fn from(bytes: Bytes) -> Self {
        Self { first: bytes, more: Vec::new() }
    }
}

impl From<Vec<Bytes>> for Records {
    fn from(pieces: Vec<Bytes>) -> Self {
        pieces.into_iter().collect()
    }
}

impl FromIterator<Bytes> for Records {
    fn from_iter<I: IntoIterator<Item = Bytes>>(pieces: I) -> Self {
        let mut pieces = pieces.into_iter();
        Self { first: pieces.next().unwrap_or_default(), more: pieces.collect() }
    }
}

impl PartialEq for Records {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.segments().flatten().eq(other.segments().flatten())
    }
}

impl Eq for Records {}
