//! `krb5.conf`: its forms, broken ones, and any text.

use super::*;
use proptest::prelude::*;

fn parsed(text: &str) -> Krb5Conf {
    Krb5Conf::parse(text).expect("a krb5.conf")
}

#[test]
fn a_configuration_of_mit_is_read() {
    let conf = parsed(
        "# a comment\n[libdefaults]\n default_realm = KP.TEST\n ticket_lifetime = 10h\n udp_preference_limit = 1465\n\
         [realms]\n KP.TEST = {\n  kdc = a:88\n  admin_server = a\n  auth_to_local_names = {\n   kdc = not-this\n  }\n  kdc = \"b\"\n }\n\
         small.test = {\n kdc = c\n }\n\
         [domain_realm]\n .example.com = KP.TEST\n Host.Example.COM = small.test\n example.org = KP.TEST\n\
         [logging]\n default = FILE:/var/log/krb5.log\n",
    );
    assert_eq!(conf.default_realm(), Some("KP.TEST"));
    assert_eq!((conf.ticket_lifetime(), conf.udp_preference_limit()), (36_000, 1465));
    assert_eq!(conf.kdcs("KP.TEST"), ["a:88", "b"]);
    // Realms in small letters are realms of their own.
    assert_eq!(conf.kdcs("small.test"), ["c"]);
    assert_eq!(conf.kdcs("SMALL.TEST"), [""; 0]);
    for (host, realm) in [
        ("broker.eu.example.com", Some("KP.TEST")),
        ("HOST.example.com.", Some("small.test")),
        ("example.com", None),
        ("a.example.org", Some("KP.TEST")),
        ("localhost", None),
    ] {
        assert_eq!(conf.realm_of_host(host), realm, "{host}");
    }
}

#[test]
fn the_first_of_two_values_counts() {
    let conf = parsed("[libdefaults]\ndefault_realm = A\ndefault_realm = B\n");
    assert_eq!(conf.default_realm(), Some("A"));
}

#[test]
fn lifetimes_are_read_in_all_of_their_forms() {
    for (text, seconds) in [
        ("36000", Some(36_000)),
        ("1d", Some(86_400)),
        ("1d 2h 3m 4s", Some(93_784)),
        ("8:30", Some(30_600)),
        ("0:0:5", Some(5)),
        ("-1", None),
        ("", None),
        ("h", None),
        ("1x", None),
        ("5h 3", None),
        ("99999999999999999999d", None),
        (":", None),
    ] {
        assert_eq!(duration(text), seconds, "{text}");
    }
}

#[test]
fn a_configuration_that_is_none_is_refused_with_its_line() {
    for (text, words) in [
        ("[libdefaults\n", "line 1: a section without ]"),
        ("[a]\nnonsense\n", "line 2: neither a section nor key = value"),
        ("[realms]\nA = {\n kdc = x\n", "ends before its last }"),
    ] {
        let failure = Krb5Conf::parse(text).expect_err("no krb5.conf").to_string();
        assert!(failure.contains(words), "{failure}");
    }
}

#[test]
fn files_and_directories_that_are_included_are_read_and_a_circle_ends() {
    let dir = std::env::temp_dir().join(format!("kp-gssapi-include-{}", std::process::id()));
    fs::create_dir_all(dir.join("d")).expect("a directory");
    let write = |name: &str, text: String| fs::write(dir.join(name), text).expect("written");
    write("d/one", "[realms]\nA = {\n kdc = one\n}\n".to_owned());
    write("d/two.conf", "[realms]\nA = {\n kdc = two\n}\n".to_owned());
    write("d/three.bak", "[realms]\nA = {\n kdc = three\n}\n".to_owned());
    write("main", format!("includedir {}\n[libdefaults]\ndefault_realm = A\n", dir.join("d").display()));
    write("circle", format!("include {}\n", dir.join("circle").display()));
    let conf = Krb5Conf::read(&[dir.join("missing"), dir.join("main")]).expect("read");
    assert_eq!(
        (conf.default_realm(), conf.kdcs("A")),
        (Some("A"), ["one".to_owned(), "two".to_owned()].as_slice())
    );
    let circle = Krb5Conf::read(&[dir.join("circle")]).expect_err("it takes itself in");
    assert!(circle.to_string().contains("or itself"), "{circle}");
    assert!(Krb5Conf::read(&[dir.join("missing"), dir.join("gone")]).is_err());
    fs::remove_dir_all(&dir).expect("removed");
}

proptest! {
    #[test]
    fn any_text_is_a_configuration_or_is_refused(text in "([a-z]* ?[={}\\[\\]#;.]?\\n?){0,40}") {
        let _ = Krb5Conf::parse(&text).map(|conf| conf.realm_of_host("a.b.c").is_some());
    }
}
