//! Roles: for the identity of a workload, with a key, and out of profiles.

use std::fs;

use kp_msk_iam::RoleToAssume;
use kp_sasl::AwsCredentials;

use scripted_http::{Server, answer};

use super::{chain, found, now, ok};

const ANSWER: &str =
    "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>
  <AssumedRoleUser><AssumedRoleId>ARO123EXAMPLE123:kp</AssumedRoleId></AssumedRoleUser>
  <Credentials>
    <AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>role/secret+</SecretAccessKey>
    <SessionToken> ROLE/TOKEN== </SessionToken><Expiration>2026-11-30T03:18:43Z</Expiration>
  </Credentials></AssumeRoleResult></AssumeRoleResponse>";
const FOUND: &str = "ASIAROLE role/secret+ ROLE/TOKEN==";
const ROLE: &str = "arn:aws:iam::123456789012:role/kp";

fn target(request: &str) -> &str {
    request.split(' ').nth(1).unwrap_or_default()
}

// C18
#[test]
fn the_identity_of_a_workload_is_exchanged_for_a_key_and_its_file_is_read_anew() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    for identity in ["eyJ.first.x", "eyJ.second.x"] {
        fs::write(file.path(), format!("{identity}\n")).expect("a file");
        let server = Server::answering([ok(ANSWER)]);
        let (path, endpoint) = (file.path().display().to_string(), server.url("/"));
        let variables = [
            ("AWS_WEB_IDENTITY_TOKEN_FILE", path.as_str()),
            ("AWS_ROLE_ARN", ROLE),
            ("AWS_ROLE_SESSION_NAME", "a b"),
            ("AWS_ENDPOINT_URL_STS", &endpoint),
        ];
        assert_eq!(found(&chain(&variables)).as_deref(), Ok(FOUND));
        let requests = server.requests();
        assert!(requests[0].starts_with("POST / HTTP/1.1\r\n"), "{}", requests[0]);
        let body = requests[0].split_once("\r\n\r\n").map(|(_, body)| body).unwrap_or_default();
        assert_eq!(
            body,
            format!(
                "Action=AssumeRoleWithWebIdentity&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fkp&\
                 RoleSessionName=a%20b&Version=2011-06-15&WebIdentityToken={identity}"
            )
        );
    }
    let lonely = chain(&[("AWS_WEB_IDENTITY_TOKEN_FILE", "/nonexistent")]);
    assert_eq!(found(&lonely), Err("the environment has no AWS_ROLE_ARN".to_owned()));
}

// C18
#[test]
fn a_role_is_taken_on_with_a_signed_request() {
    let server = Server::answering([ok(ANSWER)]);
    let endpoint = server.url("");
    let key =
        AwsCredentials::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY").session_token("S/T==");
    let role = RoleToAssume::new(ROLE, "kp").external_id("e 1");
    let chain = chain(&[("AWS_ENDPOINT_URL_STS", &endpoint)]);
    let of_role = chain.assume(&role, &key, now()).expect("it is granted");
    assert_eq!(of_role.access_key_id(), "ASIAROLE");
    assert_eq!(of_role.place(), Some(format!("the role {ROLE}").as_str()));
    let requests = server.requests();
    let (query, signature) = target(&requests[0]).split_once("&X-Amz-Signature=").expect("it is signed");
    assert_eq!(
        query,
        "/?Action=AssumeRole&ExternalId=e%201&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fkp&RoleSessionName=kp\
         &Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=AKIDEXAMPLE%2F20261130%2Feu-central-1%2Fsts%2Faws4_request&X-Amz-Date=20261130T021843Z\
         &X-Amz-Expires=60&X-Amz-Security-Token=S%2FT%3D%3D&X-Amz-SignedHeaders=host"
    );
    assert_eq!(signature.len(), 64);
}

// C18
#[test]
fn a_profile_that_is_a_role_is_taken_on_with_the_key_of_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config");
    let text = format!(
        "[profile role]\nrole_arn = {ROLE}\nsource_profile = user\nexternal_id = e\n\
         [profile user]\naws_access_key_id = AKIDUSER\naws_secret_access_key = secret-key\n\
         [profile one]\nrole_arn = {ROLE}\nsource_profile = other\n[profile other]\nrole_arn = {ROLE}\nsource_profile = one\n\
         [profile own]\nrole_arn = {ROLE}\nsource_profile = own\naws_access_key_id = AKIDOWN\naws_secret_access_key = x\n\
         [profile mfa]\nrole_arn = {ROLE}\nsource_profile = user\nmfa_serial = x\n\
         [profile alone]\nrole_arn = {ROLE}\n\
         [profile environment]\nrole_arn = {ROLE}\ncredential_source = Environment\n"
    );
    fs::write(&config, text).expect("a file");
    let config = config.display().to_string();
    for (profile, id) in [("role", "AKIDUSER"), ("own", "AKIDOWN"), ("environment", "AKIDENV")] {
        let server = Server::answering([ok(ANSWER)]);
        let endpoint = server.url("");
        let variables = [
            ("AWS_CONFIG_FILE", config.as_str()),
            ("AWS_ENDPOINT_URL_STS", &endpoint),
            ("AWS_ACCESS_KEY_ID", "AKIDENV"),
            ("AWS_SECRET_ACCESS_KEY", "of-env"),
        ];
        assert_eq!(found(&chain(&variables).profile(profile)).as_deref(), Ok(FOUND), "{profile}");
        let requests = server.requests();
        assert!(target(&requests[0]).contains(&format!("X-Amz-Credential={id}%2F")), "{}", requests[0]);
    }
    let said = |profile| found(&chain(&[("AWS_CONFIG_FILE", &config)]).profile(profile)).expect_err(profile);
    assert!(said("one").contains("source_profile, in a circle"), "{}", said("one"));
    assert!(said("mfa").contains("by mfa_serial"));
    assert_eq!(said("alone"), "the profile alone has no source_profile");
}

#[test]
fn a_refusal_is_told_in_the_words_of_the_service() {
    let denied = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: arn:x is not authorized\
                  </Message></Error></ErrorResponse>";
    let server = Server::answering([answer("403 Forbidden", denied)]);
    let chain = chain(&[("AWS_ENDPOINT_URL_STS", &server.url(""))]);
    let key = AwsCredentials::new("AKIDEXAMPLE", "secret-key");
    let said =
        chain.assume(&RoleToAssume::new(ROLE, "kp"), &key, now()).expect_err("it is denied").to_string();
    assert_eq!(said, "the Security Token Service: AccessDenied: User: arn:x is not authorized");
    drop(server.requests());
}

#[test]
fn without_tls_a_role_is_not_asked_for_and_what_is_missing_is_said() {
    let key = AwsCredentials::new("AKIDEXAMPLE", "secret-key").session_token("S/T==");
    let said = chain(&[]).assume(&RoleToAssume::new(ROLE, "kp"), &key, now()).expect_err("there is no TLS");
    let said = said.to_string();
    assert!(
        said.starts_with("the Security Token Service: https to sts.eu-central-1.amazonaws.com:443 needs TLS"),
        "{said}"
    );
    assert!(!said.contains("Signature") && !said.contains("S%2FT"), "{said}");
}

#[test]
fn what_keeps_the_service_from_being_asked_is_told_and_holds_up_no_other_source() {
    let broken =
        |variables: &[(&str, &str)]| chain(variables).http(|| Err("no authority of the system".to_owned()));
    let own = [("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", "of-env")];
    assert!(found(&broken(&own)).is_ok(), "no endpoint is asked");
    let key = AwsCredentials::new("AKIDEXAMPLE", "secret-key");
    let said =
        broken(&own).assume(&RoleToAssume::new(ROLE, "kp"), &key, now()).expect_err("it cannot be asked");
    assert_eq!(said.to_string(), "the Security Token Service: no authority of the system");
}
