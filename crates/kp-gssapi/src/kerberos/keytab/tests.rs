//! Keytabs of kadmin and of tests, broken ones, and any bytes.

use super::super::scripted_kdc::keytab;
use super::*;
use proptest::prelude::*;

fn parsed(bytes: &[u8]) -> Result<Keytab, KerberosFailure> {
    Keytab::parse(&File::of_bytes(bytes))
}

fn name(text: &str) -> Principal {
    text.parse().expect("a name")
}

#[test]
fn a_keytab_that_kadmin_wrote_has_its_keys() {
    let keytab = parsed(include_bytes!("../../../testdata/mit.keytab")).expect("a keytab");
    let kp = name("kp@KP.TEST");
    assert_eq!(keytab.first(), Some(&kp));
    assert_eq!(keytab.etypes(&kp), Ok(vec![18, 17, 20]));
    let key = keytab.key(&kp, 18, None).expect("its key");
    assert_eq!((key.version, key.key.key().len()), (2, 32));
}

#[test]
fn the_key_of_the_asked_number_is_taken_and_else_the_newest() {
    let mut file = keytab("kp@R", &[18], 3);
    file.extend_from_slice(&keytab("kp@R", &[18], 300)[2..]);
    file.extend_from_slice(&keytab("kp@R", &[18], 4)[2..]);
    let keytab = parsed(&file).expect("a keytab");
    for (asked, taken) in [(None, 300), (Some(3), 3), (Some(4), 4), (Some(5), 300)] {
        assert_eq!(keytab.key(&name("kp@R"), 18, asked).expect("a key").version, taken);
    }
}

#[test]
fn an_entry_that_was_deleted_is_passed_over() {
    let mut file = keytab("old@R", &[18], 1);
    let size = i32::from_be_bytes([file[2], file[3], file[4], file[5]]);
    file[2..6].copy_from_slice(&(-size).to_be_bytes());
    file.extend_from_slice(&keytab("kp@R", &[17], 1)[2..]);
    let read = parsed(&file).expect("a keytab");
    assert_eq!(read.first(), Some(&name("kp@R")));
    assert!(read.etypes(&name("old@R")).is_err());
}

#[test]
fn a_key_that_is_not_there_is_missed_with_what_is_there() {
    let text = |who: &str, file: &[u8]| {
        parsed(file).expect("a keytab").etypes(&name(who)).expect_err("no key of that name").to_string()
    };
    let file = keytab("kp@R", &[18], 1);
    assert_eq!(
        text("kq@R", &file),
        "the keytab test has no key of kq@R that kp can use; it has keys of kp@R"
    );
    // Upper and lower case matter in realms.
    assert!(text("kp@r", &file).contains("it has keys of kp@R"));
    let mut weak = keytab("kp@R", &[17], 1);
    let at = weak.windows(2).position(|two| two == [0, 17]).expect("its type");
    weak[at + 1] = 23;
    assert!(text("kp@R", &weak).ends_with("it has only arcfour-hmac (23)"), "{}", text("kp@R", &weak));
}

#[test]
fn what_is_no_keytab_is_refused() {
    for (bytes, words) in [
        (&b""[..], "is no keytab"),
        (b"\x05\x01", "is of version 1"),
        (b"-----BEGIN", "is no keytab"),
        (b"\x05\x02\x00\x00\x00\x09ab", "is cut off"),
        (b"\x05\x02\x80\x00\x00\x00", "is cut off"),
        (b"\x05\x02\x00\x00\x00\x02\x00\x01", "is cut off"),
    ] {
        let failure = parsed(bytes).expect_err("no keytab");
        assert!(failure.to_string().contains(words), "{failure}");
    }
}

#[test]
fn a_keytab_that_is_cut_off_anywhere_is_refused_or_has_fewer_keys() {
    let whole = include_bytes!("../../../testdata/mit.keytab");
    for length in 0..whole.len() {
        if let Ok(keytab) = parsed(&whole[..length]) {
            assert!(keytab.keys.len() < 3, "{length}");
        }
    }
}

#[test]
fn no_key_is_in_the_debug_of_a_keytab() {
    let keytab = parsed(&keytab("kp@R", &[18], 1)).expect("a keytab");
    let debug = format!("{keytab:?}");
    assert!(debug.contains("redacted") && !debug.contains("17, 17"), "{debug}");
}

proptest! {
    #[test]
    fn any_bytes_are_a_keytab_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parsed(&bytes);
        let _ = parsed(&[&[5, 2], &bytes[..]].concat());
    }
}
