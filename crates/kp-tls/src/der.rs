//! Elements of DER, one after the other. Copies nothing, goes into nothing by itself, and takes definite lengths alone.

pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const SEQUENCE: u8 = 0x30;

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Der<'a>(&'a [u8]);

/// One element.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    /// Without the tag and the length.
    pub(crate) content: &'a [u8],
}

impl<'a> Der<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    #[cfg(test)]
    fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The next element. None at the end, and where there is no DER.
    pub(crate) fn next(&mut self) -> Option<Element<'a>> {
        let [tag, length, ..] = *self.0 else { return None };
        // A tag of several bytes is in nothing that is read here.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (head, length) = if length < 0x80 {
            (2, usize::from(length))
        } else {
            let count = usize::from(length & 0x7f);
            if !(1..=4).contains(&count) {
                return None;
            }
            let digits = self.0.get(2..2 + count)?;
            (2 + count, digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)))
        };
        let end = head.checked_add(length)?;
        let whole = self.0.get(..end)?;
        self.0 = &self.0[end..];
        Some(Element { tag, content: &whole[head..] })
    }

    /// The next element, if it is of this kind: its content.
    pub(crate) fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let element = ahead.next().filter(|element| element.tag == tag)?;
        *self = ahead;
        Some(element.content)
    }

    /// What is in the next element, if it is a sequence.
    pub(crate) fn sequence(&mut self) -> Option<Der<'a>> {
        self.expect(SEQUENCE).map(Der)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_come_one_after_the_other() {
        let mut der = Der::new(&[0x30, 3, 2, 1, 5, 4, 0x81, 1, 9]);
        let mut inner = der.sequence().unwrap();
        assert_eq!(inner.expect(INTEGER), Some(&[5][..]));
        assert!(inner.is_empty());
        assert_eq!(der.expect(INTEGER), None);
        assert_eq!(der.expect(OCTET_STRING), Some(&[9][..]));
        assert!(der.is_empty());
    }

    #[test]
    fn an_element_that_is_longer_than_its_bytes_is_none() {
        for bytes in [
            &[0x30][..],
            &[0x30, 1],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 1],
            &[0x30, 0x85, 1, 1, 1, 1, 1, 1],
            &[0x3f, 1, 1],
        ] {
            assert!(Der::new(bytes).next().is_none(), "{bytes:?}");
        }
    }
}
