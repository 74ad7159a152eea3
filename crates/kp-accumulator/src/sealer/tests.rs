//! What a panic leaves behind where batches are compressed.

use super::*;
use crate::testing::{Room, settings, values};
use crate::{AccumulatorSettings, Certainty, Outcome, Seal};

/// A partition whose batches of one record wait for a worker, which is the test.
fn room() -> Room {
    let settings = AccumulatorSettings { compression: Compression::Lz4, seal: Seal::Workers, ..settings() };
    Room::with_memory(settings, &[Some(0)], 40_000)
}

fn sealer(
    room: &Room,
    compress: impl FnMut(&[Buffer], &mut Vec<u8>, usize) -> Result<Compressed, ProtocolError>
    + Send
    + Sync
    + 'static,
) -> Sealer {
    let codec = Codec { compression: Compression::Lz4, compress: Box::new(compress) };
    Sealer::with(Some(codec), &room.pool, room.accumulator.settings(), 1)
}

#[test]
fn batches_of_a_codec_that_panics_go_out_as_they_are() {
    let room = room();
    let mut sealer = sealer(&room, |_, out, _| {
        out.push(7);
        panic!("of the codec")
    });
    for value in [[b'a'; 1500], [b'b'; 1500]] {
        room.send(0, &value);
        assert!(room.accumulator.seal_next(&mut sealer));
        let drained = room.turn(0);
        assert_eq!(drained[0].batch.compression(), Compression::None);
        assert_eq!(values(&drained[0].wire), [value.to_vec()]);
        Room::acknowledge(drained, 0);
    }
}

#[test]
fn a_panic_while_a_batch_is_sealed_fails_that_batch_and_stops_neither_its_queue_nor_its_thread() {
    let room = room();
    let lost = room.send(0, &[b'a'; 1500]);
    room.send(0, &[b'b'; 1500]);
    room.ready();
    assert!(room.accumulator.prepare_to_sleep(None), "nothing can be sent");
    let (accumulator, mut other) = (Arc::clone(&room.accumulator), room.accumulator.sealers(1).remove(0));
    let mut sealer = sealer(&room, move |pages, out, _| {
        // Another worker has the second batch, and is quicker.
        assert!(accumulator.seal_next(&mut other));
        // More than fits the pages: what puts it there panics.
        out.resize(pages.iter().map(Buffer::capacity).sum::<usize>() + 1, b'x');
        Ok(Compressed::Done { size: 1 })
    });
    assert!(room.accumulator.seal_next(&mut sealer), "the panic ends here");
    let Some(Outcome::Failed(failure)) = lost.completion.outcome() else { panic!("it has an outcome") };
    assert_eq!(failure.certainty, Certainty::NotWritten);
    assert_eq!(room.rung.times(), 1, "the driver looks again");
    let drained = room.turn(0);
    assert_eq!(drained.len(), 1, "what stands behind it goes on");
    assert_eq!(values(&drained[0].wire), [vec![b'b'; 1500]]);
    Room::acknowledge(drained, 0);
    assert!(!room.accumulator.seal_next(&mut sealer), "nothing waits");
}
