//! AWS_MSK_IAM: its message beside that of AWS's Java library, and answers that are not to be believed.

use super::*;

const JAVA: &str = include_str!("../../testdata/java-signatures.txt");

fn role() -> AwsCredentials {
    AwsCredentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        .session_token("SESSION/TOKEN+==")
}

fn now() -> SystemTime {
    SignedConnect::moment_of("20261130T021847Z").expect("a date")
}

fn mechanism() -> AwsMskIam {
    let host = "b-1.example.kafka.us-east-1.amazonaws.com";
    let region = AwsRegion::of_host(host).expect("it is in the name");
    AwsMskIam::new(host, &region, &role(), now()).expect("a good key")
}

fn after_sending() -> AwsMskIam {
    let mut mechanism = mechanism();
    let SaslStep::Send(_) = mechanism.step(None).expect("it begins") else { panic!("it sends first") };
    mechanism
}

fn text<'a>(json: &'a Value, name: &str) -> &'a str {
    json[name].as_str().unwrap_or_else(|| panic!("{name} is a text"))
}

// C17
#[test]
fn what_is_sent_is_what_the_java_library_sends() {
    let rows: Vec<Vec<&str>> =
        JAVA.lines().filter(|row| row.starts_with("json\t")).map(|row| row.split('\t').collect()).collect();
    assert_eq!(rows.len(), 30);
    for row in rows {
        let [_, host, id, secret, token, agent, theirs] = row[..] else { panic!("{row:?}") };
        let theirs: Value = serde_json::from_str(theirs).expect("JSON");
        let region = AwsRegion::of_host(host).expect("it is in the name");
        let mut key = AwsCredentials::new(id, secret);
        if token != "~" {
            key = key.session_token(token);
        }
        let date = SignedConnect::moment_of(text(&theirs, "x-amz-date")).expect("a date");
        let seconds = text(&theirs, "x-amz-expires").parse().expect("seconds");
        let signed = SignedConnect::new(host, &region, &key, date, std::time::Duration::from_secs(seconds));
        let ours = AwsMskIam {
            secret: key.secret_access_key().clone(),
            signed: signed.expect("a good key"),
            facts: Vec::new(),
            state: State::Begin,
        };
        let mut ours: Value = serde_json::from_slice(ours.message().expose()).expect("JSON");
        // Each library says its own name.
        ours["user-agent"] = agent.into();
        assert_eq!(ours, theirs, "{host}");
    }
}

// SE16
#[test]
fn a_broker_that_answers_with_nothing_is_not_believed() {
    let failure = after_sending().step(Some(b"")).expect_err("nothing is no answer");
    assert_eq!(failure.to_string(), "AWS_MSK_IAM: the broker ended the exchange before it was over");
    let mut mechanism = after_sending();
    let answer = br#"{"version":"2020_10_22","request-id":"17b0d5c8-ab13-4b4f-a4a1-1b2c3d4e5f60"}"#;
    assert!(matches!(mechanism.step(Some(answer)), Ok(SaslStep::Done)));
    assert!(mechanism.is_complete());
    assert!(mechanism.step(Some(answer)).is_err(), "it was over");
}

// SE16
#[test]
fn an_answer_that_is_none_of_msk_is_not_believed() {
    let deep = "[".repeat(100_000);
    let long = format!(r#"{{"version":"2020_10_22","request-id":"{}"}}"#, "x".repeat(LONGEST_ANSWER));
    for (answer, problem) in [
        ("{", "is no JSON object"),
        ("null", "is no JSON object"),
        (r#""2020_10_22""#, "is no JSON object"),
        ("<html>", "is no JSON object"),
        (&deep[..60_000], "is no JSON object"),
        (&deep, "is longer than 64 KiB"),
        (&long, "is longer than 64 KiB"),
        ("{}", "has no version"),
        (r#"{"version":2020}"#, "has no version"),
        (r#"{"version":"2020_10_23"}"#, "has another version than 2020_10_22"),
    ] {
        let mut mechanism = after_sending();
        let failure = mechanism.step(Some(answer.as_bytes())).expect_err("it is none");
        assert_eq!(failure.to_string(), format!("AWS_MSK_IAM: the broker's answer {problem}"));
        assert!(!mechanism.is_complete());
    }
}

#[test]
fn a_text_that_repeats_what_was_signed_with_is_found_and_none_is_shown() {
    let mechanism = mechanism();
    let signature = "12281e49c19f0288a5a613003a8cab477d44c1e4ced81f9ba05a611473d5253a";
    for secret in ["wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "SESSION/TOKEN+==", signature] {
        assert!(mechanism.is_secret_in(&format!("no such key: {secret}")), "{secret}");
        assert!(!format!("{mechanism:?}").contains(secret), "{secret}");
    }
    assert!(!mechanism.is_secret_in("no such key: AKIDEXAMPLE"));
}

// A17
#[test]
fn a_login_tells_its_region_its_key_and_where_that_was_found_and_no_secret() {
    let key = role().found_in("the profile default");
    let region = AwsRegion::new("eu-west-1").expect("a region");
    let mechanism =
        AwsMskIam::new("b-1.example", &region, &key, std::time::UNIX_EPOCH).expect("a key that is one");
    let facts = mechanism.facts();
    let told: Vec<_> = facts.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(told, [("region", "eu-west-1"), ("key", "AKIDEXAMPLE"), ("found in", "the profile default")]);
}
