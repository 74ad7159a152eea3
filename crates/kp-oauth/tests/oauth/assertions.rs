//! Assertions: what is in them, and whether their signatures are good.

use crate::endpoint::{Asker, Endpoint, NOW_MS, good_answer, once};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kp_config::{Assertion, AssertionAlgorithm, Oidc, SignedAssertion};
use rustls::SignatureScheme;
use rustls::crypto::CryptoProvider;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn rsa_key() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oauth/rsa-2048.pem"))
}

/// Asks once, and answers the body that was sent.
fn body_of(login: impl FnOnce(&str) -> Oidc) -> String {
    let endpoint = Endpoint::giving(vec![good_answer()]);
    let asker = Asker::signing(login(&endpoint.url).limits(once()), Some(provider()));
    asker.ask().expect("a token");
    let asked = endpoint.asked().remove(0);
    assert!(!asked.to_lowercase().contains("authorization:"), "{asked}");
    asked.split_once("\r\n\r\n").expect("a whole request").1.to_owned()
}

/// The JSON of a part, and what is signed, and the signature.
fn opened(jws: &str) -> (Value, Value, &str, Vec<u8>) {
    let (message, signature) = jws.rsplit_once('.').expect("three parts");
    let (header, payload) = message.split_once('.').expect("three parts");
    let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64url");
    let json = |part: &str| serde_json::from_slice(&bytes(part)).expect("JSON");
    (json(header), json(payload), message, bytes(signature))
}

fn is_good(scheme: SignatureScheme, key: &[u8], message: &str, signature: &[u8]) -> bool {
    let algorithms = provider().signature_verification_algorithms;
    let (_, algorithms) =
        algorithms.mapping.iter().find(|(mapped, _)| *mapped == scheme).expect("it is there");
    algorithms.iter().any(|algorithm| algorithm.verify_signature(key, message.as_bytes(), signature).is_ok())
}

// SE45
#[test]
fn a_client_shows_an_assertion_in_place_of_a_secret() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "head.body.sig\n").expect("written");
    let assertion = || Assertion::File(file.path().to_owned());
    let of_type = "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
    let rest = "client_assertion=head.body.sig&grant_type=client_credentials";
    let body = body_of(|url| Oidc::new(url).client_assertion(None, assertion()));
    assert_eq!(body, format!("{of_type}&{rest}"));
    let body = body_of(|url| Oidc::new(url).client_assertion(Some("kp".into()), assertion()).scope("a b"));
    assert_eq!(body, format!("{of_type}&{rest}&client_id=kp&scope=a+b"));
}

// SE45
#[test]
fn jwt_bearer_exchanges_an_assertion_that_is_signed_with_rsa() {
    let signed = SignedAssertion::new(AssertionAlgorithm::Rs256, rsa_key()).claims("issuer", "kp", "alice");
    let body = body_of(|url| Oidc::new(url).jwt_bearer(Assertion::Signed(signed)));
    let begin = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=";
    let jws = body.strip_prefix(begin).unwrap_or_else(|| panic!("{body}"));
    let (header, payload, message, signature) = opened(jws);
    assert_eq!(header, json!({"alg": "RS256", "typ": "JWT"}));
    let now = NOW_MS / 1000;
    let expected =
        json!({"aud": "issuer", "iss": "kp", "sub": "alice", "iat": now, "exp": now + 300, "nbf": now - 60});
    assert_eq!(payload, expected);
    let key = include_bytes!("rsa-2048.public.der");
    assert!(is_good(SignatureScheme::RSA_PKCS1_SHA256, key, message, &signature));
    assert!(!is_good(SignatureScheme::RSA_PKCS1_SHA256, key, &message[1..], &signature));
}

// SE45
#[test]
fn an_assertion_can_be_signed_with_p_256_as_two_numbers_of_32_bytes() {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), pair.serialize_pem()).expect("written");
    let signed = SignedAssertion::new(AssertionAlgorithm::Es256, file.path()).claims("a", "b", "c");
    let body = body_of(|url| Oidc::new(url).jwt_bearer(Assertion::Signed(signed)));
    let (header, _, message, signature) = opened(body.rsplit_once('=').expect("a form").1);
    assert_eq!((header["alg"].as_str(), signature.len()), (Some("ES256"), 64));
    let der = der_of(&signature);
    assert!(is_good(SignatureScheme::ECDSA_NISTP256_SHA256, pair.public_key_raw(), message, &der));
}

/// `SEQUENCE { INTEGER, INTEGER }` of two numbers of 32 bytes.
fn der_of(signature: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let bare: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
        let pad = usize::from(bare.first().is_none_or(|byte| *byte >= 0x80));
        let length = u8::try_from(bare.len() + pad).expect("it is short");
        [&[2, length][..], &vec![0; pad], &bare].concat()
    };
    let both = [integer(&signature[..32]), integer(&signature[32..])].concat();
    [&[0x30, u8::try_from(both.len()).expect("it is short")][..], &both].concat()
}

// SE45
#[test]
fn a_template_lies_over_the_fixed_claims_and_under_the_clock() {
    let template = tempfile::NamedTempFile::new().expect("a file");
    let text = r#"{"header":{"kid":"k1","alg":"none"},"payload":{"sub":"bob","exp":1,"more":[1]}}"#;
    std::fs::write(template.path(), text).expect("written");
    let signed = SignedAssertion::new(AssertionAlgorithm::Rs256, rsa_key())
        .claims("issuer", "kp", "alice")
        .template_file(template.path());
    let body = body_of(|url| Oidc::new(url).jwt_bearer(Assertion::Signed(signed)));
    let (header, payload, ..) = opened(body.rsplit_once('=').expect("a form").1);
    assert_eq!(header, json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
    assert_eq!((&payload["sub"], &payload["more"]), (&json!("bob"), &json!([1])));
    assert_eq!(payload["exp"], json!(NOW_MS / 1000 + 300));
}

#[test]
fn an_assertion_that_cannot_be_made_says_why() {
    let directory = tempfile::tempdir().expect("a directory");
    let wrong = directory.path().join("template");
    std::fs::write(&wrong, "[]").expect("written");
    let claims = |signed: SignedAssertion| signed.claims("a", "b", "c");
    let rsa = || claims(SignedAssertion::new(AssertionAlgorithm::Rs256, rsa_key()));
    for (signed, problem) in [
        (claims(SignedAssertion::new(AssertionAlgorithm::Es256, rsa_key())), "ES256 wants a key of P-256"),
        (claims(SignedAssertion::new(AssertionAlgorithm::Rs256, directory.path().join("none"))), "none"),
        (rsa().template_file(&wrong), "no JSON object"),
    ] {
        let login = Oidc::new("http://127.0.0.1:1/").jwt_bearer(Assertion::Signed(signed));
        let text = Asker::signing(login, Some(provider())).refused().to_string();
        assert!(text.contains(problem), "{text}");
    }
    let login = Oidc::new("http://127.0.0.1:1/").jwt_bearer(Assertion::Signed(rsa()));
    let text = Asker::new(login).refused().to_string();
    assert!(text.contains("`tls-graviola`"), "{text}");
}
