//! IAM as brokers of Amazon MSK take it: one signed request, as the JSON of AWS_MSK_IAM or as a token of OAUTHBEARER (SE16).
//! Owns: the shape of both, the time they are good for, whose key has signed. What is computed is `kp_msk_iam`'s.
//! Differs from MSK in two things: any name of a broker and any region is taken, and a session does not end with its key.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kp_msk_iam::{AwsRegion, SignedConnect};
use kp_sasl::{AwsCredentials, Secret};
use percent_encoding::percent_decode_str;

use super::settings::{SaslSettings, SimMechanism};
use super::verdict::Verdict;

const VERSION: &str = "2020_10_22";
/// How far the clock of a client may go ahead.
const SKEW: Duration = Duration::from_secs(300);

/// Judges the only message of AWS_MSK_IAM.
pub(super) fn judge(settings: &SaslSettings, message: &[u8], now_ms: i64) -> Verdict {
    let Ok(parts) = serde_json::from_slice::<BTreeMap<String, String>>(message) else {
        return Verdict::invalid_credentials(SimMechanism::AwsMskIam.name());
    };
    let is_request = parts.get("version").is_some_and(|version| version == VERSION)
        && parts.get("user-agent").is_some_and(|agent| !agent.is_empty());
    match is_request.then(|| principal(settings, &parts, now_ms)).flatten() {
        Some(principal) => Verdict::Accepted {
            token: format!(r#"{{"version":"{VERSION}","request-id":"{:032x}"}}"#, now_ms).into_bytes(),
            principal,
            ends_at_ms: None,
        },
        None => Verdict::Refused(format!("[{now_ms:032x}]: Access denied")),
    }
}

/// The principal of a token of OAUTHBEARER, and when the token ends (in milliseconds since the epoch).
pub(super) fn of_token(settings: &SaslSettings, token: &str, now_ms: i64) -> Option<(String, i64)> {
    let url = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (host, query) = url.strip_prefix("https://")?.split_once('?')?;
    let decoded = |text| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
    let mut parts = BTreeMap::from([("host".to_owned(), host.trim_end_matches('/').to_owned())]);
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=')?;
        parts.insert(name.to_ascii_lowercase(), decoded(value)?);
    }
    let is_of_region = host.starts_with("kafka.");
    let principal = is_of_region.then(|| principal(settings, &parts, now_ms)).flatten()?;
    let begin = SignedConnect::moment_of(parts.get("x-amz-date")?)?.duration_since(UNIX_EPOCH).ok()?;
    let seconds: u64 = parts.get("x-amz-expires")?.parse().ok()?;
    Some((
        principal,
        i64::try_from(begin.as_millis()).ok()?.checked_add(i64::try_from(seconds).ok()? * 1000)?,
    ))
}

/// Whose key has signed these parts, if they are all there, still good, and signed with a key that is known.
fn principal(settings: &SaslSettings, parts: &BTreeMap<String, String>, now_ms: i64) -> Option<String> {
    let part = |name: &str| parts.get(name).map(String::as_str);
    let fixed = [
        ("action", "kafka-cluster:Connect"),
        ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
        ("x-amz-signedheaders", "host"),
    ];
    if fixed.iter().any(|(name, value)| part(name) != Some(value)) {
        return None;
    }
    let mut scope = part("x-amz-credential")?.split('/');
    let (id, _, region) = (scope.next()?, scope.next()?, AwsRegion::new(scope.next()?)?);
    let (known, principal) = settings.aws_key(id)?;
    let date = SignedConnect::moment_of(part("x-amz-date")?)?;
    let good_for = Duration::from_secs(part("x-amz-expires")?.parse().ok()?);
    let now = UNIX_EPOCH + Duration::from_millis(u64::try_from(now_ms).ok()?);
    if good_for > SignedConnect::GOOD_FOR || !is_good(date, good_for, now) {
        return None;
    }
    let mut key = AwsCredentials::new(id, known.clone());
    if let Some(token) = part("x-amz-security-token") {
        key = key.session_token(token);
    }
    let expected = SignedConnect::new(part("host")?, &region, &key, date, good_for).ok()?;
    let is_signed = Secret::from(part("x-amz-signature")?) == *expected.signature()
        && part("x-amz-credential") == Some(expected.credential());
    is_signed.then(|| principal.to_owned())
}

fn is_good(date: SystemTime, good_for: Duration, now: SystemTime) -> bool {
    date <= now + SKEW && now < date + good_for
}

#[cfg(test)]
mod tests {
    use kp_msk_iam::{AwsMskIam, bearer_token};
    use kp_sasl::{SaslMechanism, SaslStep};

    use super::*;

    const NOW_MS: i64 = 1_796_005_123_000;

    fn settings() -> SaslSettings {
        SaslSettings::new([SimMechanism::AwsMskIam]).with_aws_key("AKIDEXAMPLE", "wJalrXUtnFEMI", "kp-role")
    }

    fn key() -> AwsCredentials {
        AwsCredentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI")
    }

    fn moment(ms: i64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(ms.unsigned_abs())
    }

    fn message(key: &AwsCredentials, ms: i64) -> String {
        let region = AwsRegion::new("us-east-1").expect("a region");
        let mut mechanism = AwsMskIam::new("broker-1", &region, key, moment(ms)).expect("a good key");
        let SaslStep::Send(token) = mechanism.step(None).expect("it signs") else { panic!("it sends") };
        token.expose_text().expect("JSON").to_owned()
    }

    fn verdict(message: &str) -> Verdict {
        judge(&settings(), message.as_bytes(), NOW_MS)
    }

    // SE16
    #[test]
    fn what_is_signed_with_a_known_key_is_taken_while_it_is_good() {
        for (key, ms) in
            [(key(), NOW_MS), (key().session_token("T=/"), NOW_MS - 899_000), (key(), NOW_MS + 299_000)]
        {
            let verdict = verdict(&message(&key, ms));
            assert!(
                matches!(&verdict, Verdict::Accepted { principal, .. } if principal == "kp-role"),
                "{verdict:?}"
            );
        }
        let denied = [
            message(&key(), NOW_MS - 900_000),
            message(&key(), NOW_MS + 301_000),
            message(&AwsCredentials::new("AKIDEXAMPLE", "another"), NOW_MS),
            message(&AwsCredentials::new("AKIDOTHER", "wJalrXUtnFEMI"), NOW_MS),
        ];
        for denied in denied {
            assert!(matches!(verdict(&denied), Verdict::Refused(words) if words.ends_with("Access denied")));
        }
    }

    // SE16
    #[test]
    fn a_message_of_which_one_part_is_changed_is_refused() {
        let good = message(&key().session_token("TOKEN"), NOW_MS);
        assert!(matches!(verdict(&good), Verdict::Accepted { .. }));
        let parts: BTreeMap<String, String> = serde_json::from_str(&good).expect("texts");
        for name in parts.keys().filter(|name| *name != "user-agent") {
            let (mut changed, mut without) = (parts.clone(), parts.clone());
            changed.insert(name.clone(), format!("{}0", parts[name]));
            without.remove(name);
            for parts in [changed, without] {
                let text = serde_json::to_string(&parts).expect("JSON");
                assert!(matches!(verdict(&text), Verdict::Refused(_)), "{text}");
            }
        }
        for other in ["", "{}", "[]", "null", r#"{"version":1}"#] {
            assert!(matches!(verdict(other), Verdict::Refused(_)), "{other}");
        }
    }

    // SE16
    #[test]
    fn a_token_says_whose_it_is_and_when_it_ends() {
        let region = AwsRegion::new("us-east-1").expect("a region");
        let token = bearer_token(&region, &key(), moment(NOW_MS)).expect("a good key");
        let text = token.value().expose_text().expect("base64");
        assert_eq!(of_token(&settings(), text, NOW_MS), Some(("kp-role".to_owned(), NOW_MS + 900_000)));
        assert_eq!(of_token(&settings(), text, NOW_MS + 900_000), None);
        for other in ["", "a", "aHR0cHM6Ly9rYWZrYS54", "ä"] {
            assert_eq!(of_token(&settings(), other, NOW_MS), None);
        }
    }
}
