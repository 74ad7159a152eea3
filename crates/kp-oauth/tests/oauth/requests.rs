//! What an endpoint is asked.

use crate::endpoint::{Asker, Endpoint, SECRET, good_answer, login};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kp_config::{
    Credentials, CredentialsProvider, Login, Oidc, OidcGrant, ProducerConfig, Provided, Sasl, SaslExtensions,
    Secret,
};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Head in small letters, and body.
fn parts(request: &str) -> (String, &str) {
    let (head, body) = request.split_once("\r\n\r\n").expect("a whole request");
    (head.to_owned(), body)
}

// SE44
#[test]
fn the_request_is_javas_but_for_the_scope_which_is_encoded() {
    let endpoint = Endpoint::giving(vec![good_answer()]);
    let asker = Asker::new(login(&endpoint.url).scope("kafka read&write"));
    let token = asker.ask().expect("a token");
    assert_eq!((token.of_principal(), token.end().is_some()), (Some("alice"), true));
    let asked = endpoint.asked().remove(0);
    let (head, body) = parts(&asked);
    assert!(head.starts_with("POST /token HTTP/1.1\r\n"), "{head}");
    let basic = STANDARD.encode(format!("kp:{SECRET}"));
    for (name, value) in [
        ("accept", "application/json"),
        ("authorization", &format!("Basic {basic}")),
        ("cache-control", "no-cache"),
        ("content-type", "application/x-www-form-urlencoded"),
    ] {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        let values: Vec<_> =
            lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect();
        assert_eq!(values, [value], "{name}: {head}");
    }
    assert_eq!(body, "grant_type=client_credentials&scope=kafka+read%26write");
}

// SE44
#[test]
fn id_and_secret_are_encoded_in_the_header_if_the_key_says_so() {
    let endpoint = Endpoint::giving(vec![good_answer()]);
    let pairs = [
        ("bootstrap.servers", "b:1"),
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.oauthbearer.token.endpoint.url", &endpoint.url),
        ("sasl.oauthbearer.client.credentials.client.id", "k:p"),
        ("sasl.oauthbearer.client.credentials.client.secret", "s e+c"),
        ("sasl.oauthbearer.header.urlencode", "true"),
    ];
    let settings =
        ProducerConfig::from_map(pairs).and_then(|config| config.validate()).expect("it is good").settings;
    let Some(Sasl::Oidc(login)) = settings.security.sasl else { panic!("an endpoint") };
    let token = Asker::new(*login).ask().expect("a token");
    assert_eq!(token.sent_beside(), &SaslExtensions::default());
    let asked = endpoint.asked().remove(0);
    assert!(asked.contains(&format!("Basic {}", STANDARD.encode("k%3Ap:s+e%2Bc"))), "{asked}");
    assert_eq!(parts(&asked).1, "grant_type=client_credentials", "no scope, no field");
}

/// Gives another secret each time.
struct Rotating(AtomicUsize);

impl CredentialsProvider for Rotating {
    fn credentials(&self) -> Provided<'_, Credentials> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            if number == 2 {
                Err("the vault is sealed".into())
            } else {
                Ok(Credentials::new("kp", format!("s{number}")))
            }
        })
    }
}

#[test]
fn a_secret_that_changes_is_asked_for_before_each_request() {
    let endpoint = Endpoint::giving(vec![good_answer(), good_answer()]);
    let asker = Asker::new(Oidc::new(&endpoint.url).client_from(Rotating(AtomicUsize::new(0))));
    assert!(asker.ask().is_ok() && asker.ask().is_ok());
    assert!(asker.refused().to_string().contains("the vault is sealed"));
    for (number, asked) in endpoint.asked().iter().enumerate() {
        assert!(asked.contains(&STANDARD.encode(format!("kp:s{number}"))), "{asked}");
    }
}

#[test]
fn the_extensions_of_the_login_go_beside_each_token() {
    let endpoint = Endpoint::giving(vec![good_answer()]);
    let extensions = SaslExtensions::new([("logicalCluster", "lkc-1")]).expect("an extension");
    let login = login(&endpoint.url).extensions(extensions.clone());
    assert!(matches!(login.grant(), OidcGrant::ClientSecret { client: Login::Fixed(_), is_encoded: false }));
    assert_eq!(Asker::new(login).ask().expect("a token").sent_beside(), &extensions);
    endpoint.asked();
}

// H57, H58
#[test]
fn an_endpoint_that_must_not_be_asked_is_refused_before_there_is_a_request() {
    use kp_oauth::{OidcTokens, Time};
    let made = |login: Oidc| {
        let time = Time::new(std::sync::Arc::new(kp_time::ManualClock::new()), |_| {});
        OidcTokens::new(login, kp_http::HttpClient::new(), None, time).map(drop)
    };
    let with = |url: &str| Oidc::new(url).client("kp", Secret::from(SECRET));
    assert!(made(with("http://issuer.example/t")).expect_err("in the clear").to_string().contains("https"));
    assert_eq!(made(with("http://issuer.example/t").allow_http(true)), Ok(()));
    let text = made(with("https://a:hunter2@issuer.example/t")).expect_err("a password").to_string();
    assert!(!text.contains("hunter2"), "{text}");
}
