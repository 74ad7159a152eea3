//! The keys of token endpoints.

use crate::*;
use std::time::Duration;

const URL: (&str, &str) = ("sasl.oauthbearer.token.endpoint.url", "https://issuer.example/token");
const HANDLER: (&str, &str) = (
    "sasl.login.callback.handler.class",
    "org.apache.kafka.common.security.oauthbearer.secured.OAuthBearerLoginCallbackHandler",
);
const ID: (&str, &str) = ("sasl.oauthbearer.client.credentials.client.id", "kp");
const SECRET: (&str, &str) = ("sasl.oauthbearer.client.credentials.client.secret", "kp-secret");
const RETRIEVER: &str = "sasl.oauthbearer.jwt.retriever.class";

fn read(pairs: &[(&str, &str)]) -> Result<Option<Sasl>, ConfigError> {
    let basic = [
        ("bootstrap.servers", "b:1"),
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "OAUTHBEARER"),
    ];
    let pairs = basic.iter().chain(pairs).copied();
    ProducerConfig::from_map(pairs).expect("values of their types").check_security().map(|came| came.sasl)
}

fn login(pairs: &[(&str, &str)]) -> Oidc {
    match read(pairs) {
        Ok(Some(Sasl::Oidc(login))) => *login,
        other => panic!("{other:?}"),
    }
}

fn key_of(pairs: &[(&str, &str)]) -> String {
    read(pairs).expect_err("it is refused").key().unwrap_or_default().to_owned()
}

#[test]
fn a_url_an_id_and_a_secret_are_a_login_with_and_without_javas_handler() {
    let expected = Oidc::new("https://issuer.example/token").client("kp", "kp-secret").scope("a b");
    let scope = ("sasl.oauthbearer.scope", "a b");
    assert_eq!(login(&[URL, ID, SECRET, scope]), expected);
    assert_eq!(login(&[URL, ID, SECRET, scope, HANDLER]), expected);
    assert_eq!(key_of(&[HANDLER, ID, SECRET]), URL.0);
    assert_eq!(key_of(&[URL, SECRET]), ID.0);
    assert_eq!(key_of(&[URL, ID]), SECRET.0);
}

#[test]
fn keys_go_before_the_options_of_the_login_line_as_in_java() {
    let line = (
        "sasl.jaas.config",
        "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required \
        clientId='line' clientSecret='of-line' scope='of-line' extension_cluster='c1' ssl.truststore.location='/ca.pem';",
    );
    let of_line = login(&[URL, HANDLER, line]);
    let extensions = SaslExtensions::new([("cluster", "c1")]).unwrap();
    assert_eq!((of_line.asked_scope(), of_line.sent_beside()), (Some("of-line"), &extensions));
    assert_eq!(of_line.trust(), [("ssl.truststore.location".to_owned(), Secret::from("/ca.pem"))]);
    let OidcGrant::ClientSecret { client: Login::Fixed(client), is_encoded: false } = of_line.grant() else {
        panic!("{of_line:?}")
    };
    assert_eq!(*client, Credentials::new("line", "of-line"));
    let of_keys = login(&[URL, HANDLER, line, ID, SECRET]);
    let OidcGrant::ClientSecret { client: Login::Fixed(client), .. } = of_keys.grant() else { panic!() };
    assert_eq!(*client, Credentials::new("kp", "kp-secret"));
}

// A8
#[test]
fn librdkafkas_names_say_the_same() {
    let theirs = login(&[
        ("sasl.oauthbearer.method", "oidc"),
        URL,
        ("sasl.oauthbearer.client.id", "kp"),
        ("sasl.oauthbearer.client.secret", "kp-secret"),
        ("sasl.oauthbearer.extensions", "cluster=c1, pool=p1"),
    ]);
    let extensions = SaslExtensions::new([("cluster", "c1"), ("pool", "p1")]).unwrap();
    assert_eq!(theirs, login(&[URL, ID, SECRET]).extensions(extensions));
    let config =
        "principalClaimName=azp principal=admin scopeClaimName=roles scope=role1,role2 lifeSeconds=600";
    let Ok(Some(Sasl::UnsecuredTokens(maker))) = read(&[("sasl.oauthbearer.config", config)]) else {
        panic!()
    };
    let token = maker.token(kp_protocol::Timestamp(0)).unwrap();
    let claims = kp_sasl::JwtClaims::read_named(&token, "azp", "roles").unwrap();
    assert_eq!((claims.subject(), claims.expires_at().0), ("admin", 600_000));
    assert_eq!(claims.scope().collect::<Vec<_>>(), ["role1", "role2"]);
    assert_eq!(key_of(&[("sasl.oauthbearer.config", "principal=a what=b")]), "sasl.oauthbearer.config");
    assert_eq!(key_of(&[("sasl.oauthbearer.method", "oidc"), ID, SECRET]), URL.0);
}

// SE45
#[test]
fn javas_retrievers_are_known_by_their_names_and_others_are_refused() {
    let of = |class: &'static str| (RETRIEVER, class);
    let file = ("sasl.oauthbearer.assertion.file", "/a.jwt");
    let assertion = || Assertion::File("/a.jwt".into());
    for class in ["o.a.k.DefaultJwtRetriever", "o.a.k.ClientCredentialsJwtRetriever"] {
        let grant = login(&[URL, of(class), ID, SECRET]);
        assert!(matches!(grant.grant(), OidcGrant::ClientSecret { .. }), "{class}");
        let shown = login(&[URL, of(class), ID, file]);
        let expected = OidcGrant::ClientAssertion { id: Some("kp".into()), assertion: assertion() };
        assert_eq!(*shown.grant(), expected, "{class}");
    }
    let bearer = login(&[URL, of("o.a.k.JwtBearerJwtRetriever"), file]);
    assert_eq!(*bearer.grant(), OidcGrant::JwtBearer(assertion()));
    for url in ["file:/t/a.jwt", "file:///t/a.jwt", "FILE://localhost/t/a.jwt"] {
        let expected = OidcGrant::File("/t/a.jwt".into());
        assert_eq!(*login(&[(URL.0, url)]).grant(), expected, "{url}");
        assert_eq!(*login(&[(URL.0, url), of("FileJwtRetriever")]).grant(), expected, "{url}");
        assert_eq!(key_of(&[(URL.0, url), of("ClientCredentialsJwtRetriever")]), URL.0);
    }
    assert_eq!(key_of(&[URL, of("FileJwtRetriever")]), URL.0);
    assert_eq!(key_of(&[URL, of("com.example.Mine"), ID, SECRET]), RETRIEVER);
    let validator = "sasl.oauthbearer.jwt.validator.class";
    assert!(read(&[URL, ID, SECRET, (validator, "o.a.k.ClientJwtValidator")]).is_ok());
    assert_eq!(key_of(&[URL, ID, SECRET, (validator, "o.a.k.BrokerJwtValidator")]), validator);
    let error = read(&[(URL.0, "https://a:hunter2@b/"), of("FileJwtRetriever")]).unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
}

// V9
#[test]
fn an_assertion_is_made_of_its_keys() {
    let key = "sasl.oauthbearer.assertion.private.key.file";
    let bearer = (RETRIEVER, "JwtBearerJwtRetriever");
    let rule = |pairs: &[(&str, &str)]| match read(pairs) {
        Err(ConfigError::Conflict { rule, .. }) => rule,
        other => panic!("{other:?}"),
    };
    assert_eq!(rule(&[URL, bearer]), "V9");
    assert_eq!(rule(&[URL, bearer, (key, "/k.pem")]), "V9");
    let made = login(&[
        URL,
        bearer,
        (key, "/k.pem"),
        ("sasl.oauthbearer.assertion.algorithm", "es256"),
        ("sasl.oauthbearer.assertion.claim.aud", "a"),
        ("sasl.oauthbearer.assertion.claim.iss", "i"),
        ("sasl.oauthbearer.assertion.claim.sub", "s"),
        ("sasl.oauthbearer.assertion.claim.exp.seconds", "10"),
        ("sasl.oauthbearer.assertion.claim.jti.include", "true"),
    ]);
    let OidcGrant::JwtBearer(Assertion::Signed(signed)) = made.grant() else { panic!("{made:?}") };
    assert_eq!(signed.signer().0, AssertionAlgorithm::Es256);
    assert_eq!(signed.fixed_claims().collect::<Vec<_>>(), [("aud", "a"), ("iss", "i"), ("sub", "s")]);
    assert_eq!(signed.span(), (Duration::from_secs(10), Duration::from_secs(60)));
    assert!(signed.is_numbered());
}

#[test]
fn the_limits_of_logins_and_the_moments_of_refreshes_are_those_of_the_keys() {
    assert_eq!(login(&[URL, ID, SECRET]).time_limits(), OidcLimits::default());
    let limits = login(&[
        URL,
        ID,
        SECRET,
        ("sasl.login.connect.timeout.ms", "1000"),
        ("sasl.login.read.timeout.ms", "2000"),
        ("sasl.login.retry.backoff.ms", "50"),
        ("sasl.login.retry.backoff.max.ms", "3000"),
    ]);
    let ms = Duration::from_millis;
    let expected =
        OidcLimits { connect: ms(1000), exchange: ms(2000), retry_backoff: ms(50), retry_total: ms(3000) };
    assert_eq!(limits.time_limits(), expected);
    let pairs = [
        ("bootstrap.servers", "b:1"),
        ("sasl.login.refresh.window.factor", "0.5"),
        ("sasl.login.refresh.window.jitter", "0.25"),
        ("sasl.login.refresh.min.period.seconds", "1"),
        ("sasl.login.refresh.buffer.seconds", "2"),
    ];
    let refresh = ProducerConfig::from_map(pairs).unwrap().check_security().unwrap().refresh;
    let expected = TokenRefresh { factor: 0.5, jitter: 0.25, min_period_ms: 1000, buffer_ms: 2000 };
    assert_eq!(refresh, expected);
}

// SE43
#[test]
fn a_token_is_replaced_after_a_part_of_its_life_but_in_time_and_not_at_once() {
    let refresh = TokenRefresh::default();
    let minutes = |minutes: i64| minutes * 60_000;
    for (rest, chance, after) in [
        (minutes(60), 0.0, minutes(48)),
        (minutes(60), 1.0, minutes(51)),
        // Four fifths of twenty minutes would be four before the end.
        (minutes(20), 0.0, minutes(15)),
        (minutes(6), 0.0, minutes(1)),
        // A minute and five minutes do not fit: both are ignored.
        (minutes(5), 0.0, minutes(4)),
        (0, 0.0, 0),
        (-1, 1.0, 0),
    ] {
        assert_eq!(refresh.moment(7, 7 + rest, chance), 7 + after, "{rest} {chance}");
    }
    assert!(refresh.moment(0, i64::MAX, 1.0) > minutes(1_000_000));
    assert!(refresh.moment(i64::MAX - 1, i64::MAX, 1.0) >= i64::MAX - 1);
}

#[test]
fn no_text_of_a_login_has_its_secret_in_it() {
    let planted = (SECRET.0, "hunter2-planted");
    let login = login(&[URL, ID, planted]);
    let texts = format!("{login:?} {login:#?} {}", read(&[URL, planted]).unwrap_err());
    assert!(!texts.contains("hunter2"), "{texts}");
}

#[test]
fn keys_of_brokers_are_warned_about_and_those_of_endpoints_work() {
    let pairs = [
        ("bootstrap.servers", "b:1"),
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", "OAUTHBEARER"),
        URL,
        HANDLER,
        ID,
        SECRET,
        ("sasl.oauthbearer.jwks.endpoint.url", "https://issuer.example/jwks"),
    ];
    let warnings = ProducerConfig::from_map(pairs).unwrap().check().unwrap();
    let keys: Vec<_> = warnings.iter().map(ConfigWarning::key).collect();
    assert_eq!(keys, ["security.protocol", "sasl.oauthbearer.jwks.endpoint.url"]);
}
