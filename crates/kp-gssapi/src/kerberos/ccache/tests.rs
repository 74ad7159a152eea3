//! Ticket caches of kinit, broken ones, and any bytes.

use super::*;
use proptest::prelude::*;

const MIT: &[u8] = include_bytes!("../../../testdata/mit.ccache");

fn parsed(bytes: &[u8]) -> Result<TicketCache, KerberosFailure> {
    TicketCache::parse(&File::of_bytes(bytes))
}

#[test]
fn a_cache_that_kinit_wrote_has_its_owner_and_its_ticket() {
    let cache = parsed(MIT).expect("a cache");
    assert_eq!(cache.owner().to_string(), "kp@KP.TEST");
    let ticket = cache.ticket_granting().expect("its ticket");
    assert_eq!(ticket.service.to_string(), "krbtgt/KP.TEST@KP.TEST");
    assert_eq!(ticket.key.enctype().to_i32(), 18);
    let life = ticket.life;
    assert_eq!(life.end - life.start, 36_000);
    assert!(life.is_renewable(life.start) && !life.is_renewable(life.end));
}

#[test]
fn a_cache_without_a_ticket_to_ask_with_says_so() {
    // Another owner: the ticket is not his.
    let mut other = MIT.to_vec();
    let at = other.windows(2).position(|two| two == b"kp").expect("its owner");
    other[at] = b'x';
    let failure = parsed(&other).expect("a cache").ticket_granting().expect_err("no ticket");
    let words = "the ticket cache test: has no ticket of xp@KP.TEST for krbtgt/KP.TEST@KP.TEST that kp can use: run kinit";
    assert_eq!(failure.to_string(), words);
}

#[test]
fn what_is_no_cache_is_refused() {
    for bytes in [
        &b""[..],
        b"\x05\x05",
        b"\x05\x01rest",
        b"\x05\x04\x00",
        b"\x05\x04\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        assert!(parsed(bytes).is_err());
    }
    for length in 0..MIT.len() {
        if let Ok(cache) = parsed(&MIT[..length]) {
            assert!(cache.tickets.len() <= 1);
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_cache_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parsed(&bytes);
        let _ = parsed(&[&[5, 4, 0, 0], &bytes[..]].concat());
    }

    #[test]
    fn a_cache_with_bytes_changed_is_a_cache_or_is_refused(changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut bytes = MIT.to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = parsed(&bytes).map(|cache| cache.ticket_granting().is_ok());
    }
}
