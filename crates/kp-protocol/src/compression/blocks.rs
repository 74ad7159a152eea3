//! Cuts the pieces of a batch into blocks of one size, for the codecs whose framing is made of blocks (lz4, snappy).

use super::Sink;
use crate::error::ProtocolError;

/// Calls `put` with every whole block of the concatenation of `input`, and with the rest at its end. A block that lies
/// within one piece is not copied; `gathered` is the room for those that do not. Stops early when `sink` is over.
pub(super) fn for_each_block<'i>(
    input: &mut impl Iterator<Item = &'i [u8]>,
    size: usize,
    gathered: &mut Vec<u8>,
    sink: &mut Sink<'_>,
    mut put: impl FnMut(&[u8], &mut Sink<'_>) -> Result<(), ProtocolError>,
) -> Result<(), ProtocolError> {
    gathered.clear();
    for mut piece in input {
        while !piece.is_empty() && !sink.is_over() {
            if gathered.is_empty() && piece.len() >= size {
                let (block, rest) = piece.split_at(size);
                put(block, sink)?;
                piece = rest;
                continue;
            }
            let (head, rest) = piece.split_at(piece.len().min(size - gathered.len()));
            gathered.extend_from_slice(head);
            piece = rest;
            if gathered.len() == size {
                put(gathered, sink)?;
                gathered.clear();
            }
        }
    }
    if gathered.is_empty() { Ok(()) } else { put(gathered, sink) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_the_same_however_the_input_is_cut_and_stop_when_the_output_is_full() {
        let text = b"abcdefghij";
        let cut = |pieces: &[&[u8]], limit: usize| {
            let (mut out, mut blocks) = (Vec::new(), Vec::new());
            let mut sink = Sink::new(&mut out, limit);
            for_each_block(&mut pieces.iter().copied(), 4, &mut vec![9], &mut sink, |block, sink| {
                sink.put(block);
                blocks.push(block.to_vec());
                Ok(())
            })
            .expect("nothing fails here");
            blocks
        };
        for first in 0..=text.len() {
            for second in first..=text.len() {
                let pieces = [&text[..first], &text[first..second], &text[second..]];
                assert_eq!(cut(&pieces, 100), [&b"abcd"[..], b"efgh", b"ij"], "{first}, {second}");
            }
        }
        assert_eq!(cut(&[&text[..8]], 100), [b"abcd", b"efgh"], "no empty block at the end");
        assert_eq!(cut(&[text], 3).len(), 1, "nothing after the one that did not fit");
        assert!(cut(&[], 100).is_empty());
    }
}
