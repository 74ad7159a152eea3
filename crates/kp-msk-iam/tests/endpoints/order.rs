//! What each endpoint is asked, and which source counts.

use std::fs;
use std::time::Duration;

use scripted_http::{Server, answer, header};

use super::{KEY, chain, found, now, ok};

const FOUND: &str = "ASIAKEY of/the+role TOKEN==";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

// C18
#[test]
fn an_instance_is_asked_for_a_token_then_for_its_role_then_for_the_key() {
    let server = Server::answering([ok("SESSION=="), ok("kp-role\n"), ok(KEY)]);
    let endpoint = server.url("/");
    let chain =
        chain(&[("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint)]);
    let key = chain.find(now()).expect("the instance has a role");
    assert_eq!(key.access_key_id(), "ASIAKEY");
    assert_eq!(key.end(), Some(now() + Duration::from_secs(6 * 3600)));
    let requests = server.requests();
    let first = |number: usize| requests[number].lines().next().unwrap_or_default();
    assert_eq!(first(0), "PUT /latest/api/token HTTP/1.1");
    assert!(header(&requests[0], "x-aws-ec2-metadata-token-ttl-seconds").is_some());
    assert_eq!(first(1), format!("GET {ROLES} HTTP/1.1"));
    assert_eq!(first(2), format!("GET {ROLES}kp-role HTTP/1.1"));
    assert!(
        requests[1..].iter().all(|request| header(request, "x-aws-ec2-metadata-token") == Some("SESSION=="))
    );
}

// C18
#[test]
fn a_container_is_shown_the_token_of_its_file() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    for token in ["first", "second"] {
        fs::write(file.path(), format!("{token}\n")).expect("a file");
        let server = Server::answering([ok(KEY)]);
        let endpoint = server.url("/v1/credentials");
        let path = file.path().display().to_string();
        let chain = chain(&[
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &endpoint),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &path),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "of the variable"),
        ]);
        assert_eq!(found(&chain).as_deref(), Ok(FOUND));
        let requests = server.requests();
        assert!(requests[0].starts_with("GET /v1/credentials HTTP/1.1"));
        assert_eq!(header(&requests[0], "authorization"), Some(token));
    }
}

// C18
#[test]
fn the_endpoint_of_a_container_counts_before_that_of_the_instance_and_a_broken_one_ends_the_search() {
    let (container, instance) =
        (Server::answering([answer("500 Broken", "")]), Server::answering::<String>([]));
    let (one, other) = (container.url("/key"), instance.url(""));
    let chain = chain(&[
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &one),
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &other),
    ]);
    let said = found(&chain).expect_err("the container has none");
    assert_eq!(said, "the endpoint of the container: answered with the status 500");
    assert_eq!(container.requests().len(), 1);
}

#[test]
fn a_container_elsewhere_is_not_asked_in_the_clear() {
    let said = |name, value| found(&chain(&[(name, value)])).expect_err(value);
    let far = said("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://keys.example/key?secret");
    assert!(far.contains("http to another machine is refused") && !far.contains("secret"), "{far}");
    let odd = said("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@keys.example/key");
    assert!(odd.ends_with("does not begin with a slash"), "{odd}");
}

#[test]
fn where_nothing_is_found_each_source_is_named() {
    let said = found(&chain(&[])).expect_err("there is none");
    assert_eq!(
        said,
        "no credentials of AWS: AWS_ACCESS_KEY_ID is not set; AWS_WEB_IDENTITY_TOKEN_FILE is not set; \
         no profile default in ~/.aws/credentials and ~/.aws/config; no endpoint of a container is named; \
         AWS_EC2_METADATA_DISABLED is true"
    );
}
