//! The signature: four values of AWS's Java library, and what is refused before anything is signed.

use std::time::UNIX_EPOCH;

use super::*;

const HOST: &str = "b-1.example.kafka.us-east-1.amazonaws.com";

fn user() -> AwsCredentials {
    AwsCredentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
}

fn sign(host: &str, key: &AwsCredentials, date: &str, seconds: u64) -> Result<SignedConnect, SaslFailure> {
    let region = AwsRegion::new("us-east-1").expect("a region");
    let now = SignedConnect::moment_of(date).expect("a date");
    SignedConnect::new(host, &region, key, now, Duration::from_secs(seconds))
}

// C17
#[test]
fn signatures_are_those_of_the_java_library() {
    let role = user().session_token("SESSION/TOKEN+==");
    let of_region = "kafka.us-east-1.amazonaws.com";
    for (host, key, date, seconds, signature) in [
        (
            HOST,
            &user(),
            "20261130T021843Z",
            899,
            "7e84f51f4a4895cc65a94880ad1678e4d510fbbd38aead034466370170146f1c",
        ),
        (
            HOST,
            &role,
            "20261130T021847Z",
            900,
            "12281e49c19f0288a5a613003a8cab477d44c1e4ced81f9ba05a611473d5253a",
        ),
        (
            of_region,
            &user(),
            "20261130T021846Z",
            900,
            "6d9dc22f04f9de87c651fc64e8a619f62a22d11939cc88a333768cd28985246e",
        ),
        (
            of_region,
            &role,
            "20261130T021850Z",
            900,
            "d9cdd1d0826464946ffc8370a53f4d02ca53989ea970ddc12991ff2d36b38d17",
        ),
    ] {
        let signed = sign(host, key, date, seconds).expect("a good key");
        assert_eq!(signed.signature(), &Secret::from(signature), "{signed:?}");
    }
}

#[test]
fn a_key_that_has_ended_signs_nothing() {
    let end = SignedConnect::moment_of("20261130T021843Z").expect("a date");
    let key = user().expires_at(end);
    assert!(sign(HOST, &key, "20261130T021842Z", 900).is_ok());
    let failure = sign(HOST, &key, "20261130T021853Z", 900).expect_err("it has ended");
    assert_eq!(failure.to_string(), "signing for MSK: the credentials ended 10 seconds ago");
    assert!(failure.is_retriable(), "others may be there the next time");
}

#[test]
fn nothing_is_signed_that_would_be_another_request() {
    let date = "20261130T021843Z";
    for host in ["", "a\nhost:b", "a b", "a/b", "b?Action=x", "ä", "a\0"] {
        let failure = sign(host, &user(), date, 900).expect_err(host);
        assert_eq!(failure.to_string(), "AWS_MSK_IAM: the broker's name is none that can be signed");
    }
    for key in [
        AwsCredentials::new("", "secret-key"),
        AwsCredentials::new("AKID/20261130", "secret-key"),
        AwsCredentials::new("AKID\n", "secret-key"),
        AwsCredentials::new("AKID", ""),
        AwsCredentials::new("AKID", "secret-key\r\n"),
        AwsCredentials::new("AKID", "secret-key".repeat(7000)),
        user().session_token(""),
        user().session_token("tökén"),
    ] {
        let failure = sign(HOST, &key, date, 900).expect_err("no such key is given out");
        assert!(matches!(failure, SaslFailure::BadCredential { .. }), "{failure}");
        assert!(!failure.is_retriable() && !failure.to_string().contains("secret-key"), "{failure}");
    }
}

#[test]
fn a_clock_that_is_broken_is_told() {
    let region = AwsRegion::new("us-east-1").expect("a region");
    let failure = SignedConnect::new(
        HOST,
        &region,
        &user(),
        UNIX_EPOCH - Duration::from_secs(1),
        SignedConnect::GOOD_FOR,
    );
    let failure = failure.expect_err("before 1970");
    assert_eq!(failure.to_string(), "signing for MSK: the clock of this machine is wrong");
}

#[test]
fn neither_signature_nor_token_is_in_the_debug_text() {
    let signed = sign(HOST, &user().session_token("SESSION/TOKEN+=="), "20261130T021847Z", 900);
    let signed = signed.expect("a good key");
    let text = format!("{signed:?}");
    assert!(text.contains("AKIDEXAMPLE/20261130/us-east-1/kafka-cluster/aws4_request"), "{text}");
    assert!(!text.contains("12281e49") && !text.contains("SESSION") && !text.contains("wJalr"), "{text}");
}
