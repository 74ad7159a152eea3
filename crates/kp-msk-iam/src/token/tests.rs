//! The token beside that of AWS's Java library.

use std::collections::BTreeSet;
use std::time::{Duration, UNIX_EPOCH};

use kp_sasl::{OAuthBearer, SaslMechanism};

use super::*;

const JAVA: &str = include_str!("../../testdata/java-signatures.txt");

fn pairs(url: &str) -> (&str, BTreeSet<&str>) {
    let (host, query) = url.split_once('?').expect("a query");
    (host.strip_prefix("https://").expect("https").trim_end_matches('/'), query.split('&').collect())
}

fn part<'a>(url: &'a str, name: &str) -> &'a str {
    let pair = pairs(url).1.into_iter().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    pair.unwrap_or_else(|| panic!("{name} is in it"))
}

// C17
#[test]
fn a_token_is_the_url_of_the_java_library() {
    let rows: Vec<Vec<&str>> =
        JAVA.lines().filter(|row| row.starts_with("url\t")).map(|row| row.split('\t').collect()).collect();
    assert_eq!(rows.len(), 15);
    for row in rows {
        let [_, region, id, secret, token, theirs, end_ms] = row[..] else { panic!("{row:?}") };
        let region = AwsRegion::new(region).expect("a region");
        let mut key = AwsCredentials::new(id, secret);
        if token != "~" {
            key = key.session_token(token);
        }
        let date = SignedConnect::moment_of(part(theirs, "X-Amz-Date")).expect("a date");
        let seconds = part(theirs, "X-Amz-Expires").parse().expect("seconds");
        let host = format!("kafka.{region}.amazonaws.com");
        let signed = SignedConnect::new(&host, &region, &key, date, Duration::from_secs(seconds));
        let signed = signed.expect("a good key");
        let ours = url(&signed);
        let ours = ours.strip_suffix(&format!("&User-Agent=kp%2F{}", env!("CARGO_PKG_VERSION")));
        assert_eq!(pairs(ours.expect("it ends with our name")), pairs(theirs), "{region}");
        let end_ms: u64 = end_ms.parse().expect("milliseconds");
        assert_eq!(signed.end(), UNIX_EPOCH + Duration::from_millis(end_ms));
    }
}

#[test]
fn a_token_is_one_that_oauthbearer_can_send() {
    let now = SignedConnect::moment_of("20261130T021850Z").expect("a date");
    let key = AwsCredentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
    let region = AwsRegion::new("us-east-1").expect("a region");
    let token = bearer_token(&region, &key, now).expect("a good key");
    assert_eq!(token.end(), Some(now + Duration::from_secs(900)));
    let mut mechanism = OAuthBearer::new(token.value()).expect("it has the letters of a token");
    assert!(mechanism.step(None).is_ok());
}
