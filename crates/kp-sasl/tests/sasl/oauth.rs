//! OAUTHBEARER: the message, refused tokens, tokens without a signature, and what is read of a token.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kp_protocol::Timestamp;
use kp_sasl::{
    JwtClaims, OAuthBearer, SaslExtensions, SaslFailure, SaslMechanism, SaslStep, Secret, UnsecuredJwt,
};

use crate::broker::{failure_of, sent};

fn bearer(token: &str) -> OAuthBearer {
    OAuthBearer::new(&Secret::from(token)).expect("it is a token")
}

fn jwt(claims: &str) -> Secret {
    Secret::from(format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)))
}

// SE14
#[test]
fn the_message_has_the_token_and_the_extensions() {
    let mut plain = bearer("abc.DEF-1~2+3/4_5==");
    assert_eq!(sent(plain.step(None)), b"n,,\x01auth=Bearer abc.DEF-1~2+3/4_5==\x01\x01");
    let extensions = SaslExtensions::new([("traceId", "12 3"), ("logicalCluster", "lkc-1")]).expect("legal");
    let mut extended = bearer("abc").extensions(extensions);
    assert_eq!(
        sent(extended.step(None)),
        b"n,,\x01auth=Bearer abc\x01logicalCluster=lkc-1\x01traceId=12 3\x01\x01"
    );
    assert!(!extended.is_complete(), "the broker has said nothing yet");
    assert!(matches!(extended.step(Some(b"")), Ok(SaslStep::Done)));
    assert!(extended.is_complete());
}

// SE14, H37
#[test]
fn a_refused_token_is_answered_with_one_byte_and_then_named() {
    let mut mechanism = bearer("abc");
    let _ = sent(mechanism.step(None));
    assert_eq!(mechanism.refusal(), None);
    let json = br#"{"status":"invalid_token","scope":"kafka write","openid-configuration":"https://issuer/x","y":[1]}"#;
    assert_eq!(sent(mechanism.step(Some(json))), b"\x01");
    assert!(!mechanism.is_complete());
    let words = "OAUTHBEARER: the broker refused the token: invalid_token; scope it wants: kafka write; \
                 its issuer: https://issuer/x";
    assert_eq!(mechanism.refusal().expect("it is known").to_string(), words);
    // Whatever the broker says now, even that all is well.
    assert_eq!(mechanism.step(Some(b"")).expect_err("it was refused").to_string(), words);
}

// H37
#[test]
fn a_refusal_that_cannot_be_read_is_a_refusal() {
    let unreadable = "OAUTHBEARER: the broker refused the token without a reason that can be read";
    let huge = format!(r#"{{"status":"{}"}}"#, "x".repeat(10 << 20));
    let deep = "[".repeat(60_000);
    for answer in ["no JSON", "{}", "[]", "7", r#"{"status":7}"#, "\u{1}", &huge, &deep] {
        let failure = failure_of(&mut bearer("abc"), &[answer.as_bytes(), b""]);
        assert_eq!(failure.to_string(), unreadable);
    }
    let failure = failure_of(&mut bearer("abc"), &[b"\xff\xfe", b""]);
    assert_eq!(failure.to_string(), unreadable);
}

// H37
#[test]
fn what_a_refusal_says_is_cut_and_made_harmless() {
    let long = format!(r#"{{"status":"evil\n\u001b[2J{}","scope":"a\u202eb"}}"#, "x".repeat(60_000));
    let failure = failure_of(&mut bearer("abc"), &[long.as_bytes(), b""]);
    let text = failure.to_string();
    assert!(text.chars().count() < 1100, "{}", text.len());
    assert!(text.contains("evil\\n\\u{1b}[2Jxxx") && text.contains("a\\u{202e}b"), "{text}");
    assert!(!format!("{failure:?}").contains('\u{1b}'));
}

// H55
#[test]
fn what_is_no_token_of_rfc_6750_is_refused_before_it_is_sent() {
    let failure =
        |token: &[u8]| OAuthBearer::new(&Secret::from(token.to_vec())).expect_err("it is none").to_string();
    let illegal = "OAUTHBEARER: the token is no token of RFC 6750: it has a character other than letters, digits and -._~+/";
    for token in [&b"a b"[..], b"a\x01b", b"a\nb", b"<html>", b"a=b", b"==", "ä".as_bytes(), b"a\xff", b"a\0"]
    {
        assert_eq!(failure(token), illegal, "{token:?}");
    }
    assert_eq!(failure(b""), "OAUTHBEARER: the token is empty");
    assert_eq!(failure(&[b'a'; 65_537]), "OAUTHBEARER: the token is longer than 64 KiB");
    assert!(OAuthBearer::new(&Secret::from(vec![b'a'; 65_536])).is_ok());
}

// SE14
#[test]
fn extensions_are_checked_as_java_checks_them() {
    let failure =
        |name: &str, value: &str| SaslExtensions::new([(name, value)]).expect_err("it is none").to_string();
    assert_eq!(failure("auth", "x"), "auth: is the name of the token itself");
    for name in ["", "a-b", "a1", "ä", "a\n"] {
        assert!(failure(name, "x").ends_with("is no name of an extension: those have ASCII letters alone"));
    }
    for value in ["", "a\u{1}b", "ä", "\0"] {
        assert_eq!(failure("a", value), "a: has a value that is empty or not printable ASCII");
    }
    assert!(SaslExtensions::new([("a", "~!\t\r\n x=1,;")]).is_ok());
    assert!(SaslExtensions::new([("a", "x".repeat(70_000))]).is_err());
}

// SE46
#[test]
fn the_claims_of_a_token_are_read_without_its_signature() {
    let claims = JwtClaims::read(&jwt(
        r#"{"sub":" alice ","exp":1796005561.5,"iat":1796000000,"scope":"a  b","aud":["x"]}"#,
    ))
    .expect("it is a token");
    assert_eq!(claims.subject(), "alice");
    assert_eq!(claims.expires_at(), Timestamp(1_796_005_561_500));
    assert_eq!(claims.issued_at(), Some(Timestamp(1_796_000_000_000)));
    assert_eq!(claims.scope().collect::<Vec<_>>(), ["a", "b"]);

    let named = JwtClaims::read_named(&jwt(r#"{"azp":"bob","exp":1,"scp":["x","y"]}"#), "azp", "scp")
        .expect("likewise");
    assert_eq!((named.subject(), named.issued_at()), ("bob", None));
    assert_eq!(named.scope().collect::<Vec<_>>(), ["x", "y"]);
}

// SE46
#[test]
fn a_token_without_an_end_or_a_subject_is_none() {
    for (claims, problem) in [
        (r#"{"sub":"a"}"#, "has no exp"),
        (r#"{"sub":"a","exp":"1"}"#, "has an exp that is no number"),
        (r#"{"sub":"a","exp":null}"#, "has no exp"),
        (r#"{"exp":1}"#, "has no subject"),
        (r#"{"exp":1,"sub":7}"#, "has a subject that is no text"),
        (r#"{"exp":1,"sub":" "}"#, "has an empty subject"),
        (r#"{"exp":1,"sub":"a","iat":"x"}"#, "has an iat that is no number"),
        (r#"{"exp":1,"sub":"a","scope":[7]}"#, "has a scope that is neither a text nor a list of texts"),
        (r#"{"exp":1,"sub":"a","scope":{}}"#, "has a scope that is neither a text nor a list of texts"),
        ("[]", "has claims that are no JSON object"),
        ("{", "has claims that are no JSON object"),
    ] {
        let failure = JwtClaims::read(&jwt(claims)).expect_err("it is none").to_string();
        assert_eq!(failure, format!("OAUTHBEARER: the token {problem}"));
    }
    for token in ["opaque", "a.b", "a.b.c.d", "a.===.c"] {
        assert!(JwtClaims::read(&Secret::from(token)).is_err(), "{token}");
    }
}

// H56
#[test]
fn an_end_beyond_all_reckoning_saturates() {
    for (exp, expected) in [("1e300", i64::MAX), ("9223372036854775807", i64::MAX), ("-1e300", i64::MIN)] {
        let claims = JwtClaims::read(&jwt(&format!(r#"{{"sub":"a","exp":{exp}}}"#))).expect("it is a token");
        assert_eq!(claims.expires_at(), Timestamp(expected));
    }
}

fn unsecured(options: &[(&str, &str)]) -> Result<UnsecuredJwt, SaslFailure> {
    UnsecuredJwt::from_options(options.iter().copied())
}

/// Header, claims and signature of a token.
fn parts(token: &Secret) -> (String, String, String) {
    let text = token.expose_text().expect("it is UTF-8");
    let [header, claims, signature] = text.split('.').collect::<Vec<_>>()[..] else { panic!("{text}") };
    let decoded = |part| String::from_utf8(URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("UTF-8");
    (decoded(header), decoded(claims), signature.to_owned())
}

// The options are those of Kafka's documentation of OAuthBearerUnsecuredLoginCallbackHandler.
#[test]
fn an_unsecured_token_has_what_the_options_of_the_jaas_line_say() {
    let maker = unsecured(&[
        ("unsecuredLoginStringClaim_sub", "the \"principal\" \\"),
        ("unsecuredLoginNumberClaim_level", "3"),
        ("unsecuredLoginListClaim_scope", "|scope 1|scope2"),
        ("unsecuredLoginListClaim_none", "|"),
        ("unsecuredLoginLifetimeSeconds", "60"),
        ("unsecuredLoginExtension_traceId", "123"),
        ("unsecuredLoginStringClaim_", "no name"),
        ("clientId", "of another handler"),
    ])
    .expect("the options are legal");
    let token = maker.token(Timestamp(1_796_005_561_250)).expect("it is short");
    let (header, claims, signature) = parts(&token);
    assert_eq!((header.as_str(), signature.as_str()), (r#"{"alg":"none"}"#, ""));
    assert_eq!(
        claims,
        r#"{"exp":1796005621.25,"iat":1796005561.25,"level":3.0,"none":[],"scope":["scope 1","scope2"],"sub":"the \"principal\" \\"}"#
    );
    assert_eq!(maker.extensions().iter().collect::<Vec<_>>(), [("traceId", "123")]);
    assert!(OAuthBearer::new(&token).is_ok());
}

#[test]
fn an_unsecured_token_lasts_an_hour_and_may_name_its_principal_otherwise() {
    let maker = unsecured(&[
        ("unsecuredLoginPrincipalClaimName", " user "),
        ("unsecuredLoginScopeClaimName", "scp"),
        ("unsecuredLoginStringClaim_user", "alice"),
        ("unsecuredLoginStringClaim_scp", "read"),
    ])
    .expect("the options are legal");
    let token = maker.token(Timestamp(0)).expect("it is short");
    let claims = JwtClaims::read_named(&token, "user", "scp").expect("it is a token");
    assert_eq!((claims.subject(), claims.expires_at()), ("alice", Timestamp(3_600_000)));
    assert_eq!(claims.scope().collect::<Vec<_>>(), ["read"]);
}

#[test]
fn options_that_make_no_token_are_refused_when_they_are_read() {
    let sub = ("unsecuredLoginStringClaim_sub", "alice");
    let failure = |option: (&str, &str)| unsecured(&[sub, option]).expect_err("it is refused").to_string();
    assert_eq!(
        unsecured(&[]).expect_err("there is no principal").to_string(),
        "OAUTHBEARER: the token has no subject"
    );
    for claim in ["iat", "exp"] {
        let option = format!("unsecuredLoginNumberClaim_{claim}");
        assert_eq!(failure((&option, "1")), format!("{option}: cannot be set: it follows from the clock"));
    }
    for lifetime in ["", "0", "-1", "1.5", "one"] {
        assert!(
            failure(("unsecuredLoginLifetimeSeconds", lifetime))
                .ends_with("is not a number of seconds above 0")
        );
    }
    for number in ["", "x", "NaN", "inf"] {
        assert_eq!(
            failure(("unsecuredLoginNumberClaim_a", number)),
            "unsecuredLoginNumberClaim_a: is no number"
        );
    }
    assert_eq!(
        failure(("unsecuredLoginListClaim_sub", "|x")),
        "unsecuredLoginListClaim_sub: is a claim that is given twice"
    );
    assert_eq!(
        failure(("unsecuredLoginExtension_a-b", "x")),
        "a-b: is no name of an extension: those have ASCII letters alone"
    );
}
