//! Answers that keep to no rule: too large, too slow, of another kind, of another time. Each is told in one line, and none holds up.

use std::time::{Duration, Instant};

use kp_http::HttpClient;

use scripted_http::{Server, answer};

use super::{KEY, chain, found, ok};

/// What is said of this answer of the endpoint of a container.
fn of_container(text: &str) -> String {
    let server = Server::answering([text.to_owned()]);
    let said = found(&chain(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &server.url("/key"))])).expect_err(text);
    drop(server.requests());
    assert!(said.starts_with("the endpoint of the container: ") && !said.contains('\n'), "{said}");
    said["the endpoint of the container: ".len()..].to_owned()
}

// C18
#[test]
fn an_answer_that_is_no_key_is_told() {
    let without = |name: &str| ok(&KEY.replace(name, "Other"));
    for (answer, problem) in [
        (ok(""), "answered with something that is no JSON object"),
        (ok("<html>Log in</html>"), "answered with something that is no JSON object"),
        (ok(&"[".repeat(100_000)), "answered with something that is no JSON object"),
        (ok("{}"), "gives a key without AccessKeyId"),
        (ok(&KEY.replace("\"ASIAKEY\"", "7")), "gives a key without AccessKeyId"),
        (without("SecretAccessKey"), "gives a key without SecretAccessKey"),
        (without("Token"), "gives a key without a session token"),
        (ok(&KEY.replace("2026-11-30T08:18:43Z", "soon")), "gives a key whose end is no date"),
        (
            ok(&KEY.replace("2026-11-30T08:18:43Z", "2026-11-30T02:18:33Z")),
            "gives a key that ended 10 seconds ago",
        ),
        (
            ok(r#"{"Code":"AssumeRoleUnauthorizedAccess\n","Message":"no\u001b[31m"}"#),
            "gives no key: AssumeRoleUnauthorizedAccess\\n no\\u{1b}[31m",
        ),
        (answer("404 Not Found", KEY), "answered with the status 404"),
        (answer("301 Moved\r\nLocation: http://evil.example/", ""), "127.0.0.1"),
    ] {
        let said = of_container(&answer);
        assert!(said.starts_with(problem), "{said}");
        assert!(!said.contains("of/the+role") && !said.contains("TOKEN=="), "{said}");
    }
}

#[test]
fn an_answer_that_is_too_large_is_not_kept() {
    let huge = format!("{{\"AccessKeyId\":\"{}\"}}", "x".repeat(2 * 1024 * 1024));
    assert!(of_container(&ok(&huge)).contains("is larger than"));
    let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(256 * 1024));
    assert!(of_container(&head).contains("127.0.0.1"));
}

#[test]
fn an_answer_that_comes_byte_by_byte_ends_with_the_deadline() {
    let server = Server::trickling("HTTP/1.1 200 OK\r\nX: ");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "eyJ.identity.x").expect("a file");
    let (path, endpoint) = (file.path().display().to_string(), server.url(""));
    let chain = chain(&[
        ("AWS_WEB_IDENTITY_TOKEN_FILE", path.as_str()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/kp"),
        ("AWS_ENDPOINT_URL_STS", &endpoint),
    ])
    .http(|| Ok(HttpClient::new().deadline(Duration::from_millis(200))));
    #[allow(clippy::disallowed_methods, reason = "a socket's deadline is in real time")]
    let begun = Instant::now();
    let said = found(&chain).expect_err("it never ends");
    assert!(said.contains("no whole answer within 200 ms"), "{said}");
    assert!(begun.elapsed() < Duration::from_secs(5));
    drop(server.requests());
}

#[test]
fn an_instance_that_names_another_address_or_sends_a_header_is_not_followed() {
    let said = |answers: &[String]| {
        let server = Server::answering(answers.to_vec());
        let endpoint = server.url("");
        let variables =
            [("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &endpoint)];
        let said = found(&chain(&variables)).expect_err("it has no key");
        drop(server.requests());
        said
    };
    for role in ["../../user-data", "a?b", "a b", "", "\r\n", "x@y/z", &"r".repeat(129)] {
        let said = said(&[ok("SESSION=="), ok(role)]);
        assert!(
            said.ends_with("the metadata service of the instance: names no role that could have a key"),
            "{said}"
        );
    }
    let smuggled = said(&[ok("a\r\nX-Other: b")]);
    assert!(
        smuggled.contains("the header x-aws-ec2-metadata-token cannot be sent")
            || smuggled.contains("cannot be sent"),
        "{smuggled}"
    );
    // Only the second version of the service is spoken.
    assert!(said(&[answer("405 Method Not Allowed", "")]).ends_with("answered with the status 405"));
}

#[test]
fn xml_that_has_no_key_in_it_is_told() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "eyJ.identity.x").expect("a file");
    let path = file.path().display().to_string();
    let said = |answer: String| {
        let server = Server::answering([answer]);
        let endpoint = server.url("");
        let variables = [
            ("AWS_WEB_IDENTITY_TOKEN_FILE", path.as_str()),
            ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/kp"),
            ("AWS_ENDPOINT_URL_STS", &endpoint),
        ];
        let said = found(&chain(&variables)).expect_err("it has no key");
        drop(server.requests());
        said["the Security Token Service: ".len()..].to_owned()
    };
    assert_eq!(said(ok("<html>")), "answered with something that has no credentials in it");
    assert_eq!(said(ok("<Credentials>")), "answered with something that has no credentials in it");
    let half =
        "<Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>a&amp;b</SecretAccessKey></Credentials>";
    assert_eq!(said(ok(half)), "gives a key without SecretAccessKey");
    let repeated = "<Error><Code>Bad</Code><Message>the token eyJ.identity.x is none</Message></Error>";
    assert_eq!(said(answer("400 Bad Request", repeated)), "answered with the status 400");
}
