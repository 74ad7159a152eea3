//! IAM of Amazon MSK out of keys: what the options of AWS's login module come to, and which handlers are taken.

use crate::*;

const PROTOCOL: (&str, &str) = ("security.protocol", "SASL_SSL");
const MODULE: &str = "software.amazon.msk.auth.iam.IAMLoginModule required";

fn read(pairs: &[(&str, &str)]) -> Result<Sasl, ConfigError> {
    let config = super::config(&[&[PROTOCOL][..], pairs].concat());
    config.check_security().map(|security| security.sasl.expect("the protocol has SASL"))
}

/// What the options come to, with the login module of AWS and with that of Kafka.
fn with(options: &str) -> Result<Sasl, ConfigError> {
    let line = format!("{MODULE} {options};");
    read(&[("sasl.mechanism", "AWS_MSK_IAM"), ("sasl.jaas.config", &line)])
}

// A6
#[test]
fn the_options_of_the_login_module_say_whose_key_signs() {
    let iam = |iam| Some(Sasl::MskIam(iam));
    let role = AwsRole::new("arn:aws:iam::123456789012:role/kp");
    for (options, expected) in [
        ("", MskIam::new()),
        (r#"awsProfileName="streams""#, MskIam::new().profile("streams")),
        (
            r#"awsDebugCreds="true" awsShouldUseFips="false" awsMaxRetries="5" awsMaxBackOffTimeMs="500" other="x""#,
            MskIam::new(),
        ),
        (r#"awsStsRegion="eu-west-1""#, MskIam::new()),
        (r#"awsRoleArn="arn:aws:iam::123456789012:role/kp""#, MskIam::new().role(role.clone())),
        (
            r#"awsRoleArn="arn:aws:iam::123456789012:role/kp" awsRoleSessionName="s" awsRoleExternalId="e" awsStsRegion="eu-west-1""#,
            MskIam::new().role(role.session_name("s").external_id("e").sts_region("eu-west-1")),
        ),
    ] {
        assert_eq!(with(options).ok(), iam(expected), "{options}");
    }
    let line =
        r#"org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required awsProfileName="p";"#;
    let handler = "software.amazon.msk.auth.iam.IAMOAuthBearerLoginCallbackHandler";
    let token = read(&[
        ("sasl.mechanism", "OAUTHBEARER"),
        ("sasl.jaas.config", line),
        ("sasl.login.callback.handler.class", handler),
    ]);
    assert_eq!(token.ok(), iam(MskIam::new().profile("p").as_token()));
}

#[test]
fn a_role_may_be_taken_on_with_a_key_of_the_line_and_none_is_shown() {
    let role = r#"awsRoleArn="arn:aws:iam::123456789012:role/kp""#;
    let key = r#"awsRoleAccessKeyId="AKIDEXAMPLE" awsRoleSecretAccessKey="wJalrXUtnFEMI" awsRoleSessionToken="SESSION""#;
    let sasl = with(&format!("{role} {key}")).expect("all is there");
    let Sasl::MskIam(iam) = &sasl else { panic!("IAM") };
    assert!(matches!(iam.source(), AwsSource::Provided(_)) && iam.assumed_role().is_some());
    let half = with(&format!(r#"{role} awsRoleSecretAccessKey="wJalrXUtnFEMI""#)).expect_err("half a key");
    for text in [format!("{sasl:?}"), half.to_string()] {
        assert!(!text.contains("wJalr") && !text.contains("SESSION"), "{text}");
    }
}

#[test]
fn an_option_that_would_be_another_login_is_refused_and_not_ignored() {
    for (options, problem) in [
        (r#"awsShouldUseFips="true""#, "the option awsShouldUseFips, which kp cannot heed"),
        (r#"awsRoleSessionName="s""#, "awsRoleSessionName, and no awsRoleArn"),
        (r#"awsProfileName="""#, "an option awsProfileName without a value"),
        (r#"awsProfileName="p" awsRoleArn="arn:x""#, "leave one out"),
    ] {
        let error = with(options).expect_err(options);
        assert_eq!(error.key(), Some("sasl.jaas.config"));
        assert!(error.to_string().contains(problem), "{error}");
    }
    let mine = "com.example.Mine";
    for key in ["sasl.client.callback.handler.class", "sasl.login.callback.handler.class", "sasl.login.class"]
    {
        let error = read(&[("sasl.mechanism", "AWS_MSK_IAM"), (key, mine)]).expect_err("another's class");
        assert!(matches!(error, ConfigError::NotImplemented { .. }) && error.key() == Some(key), "{error}");
    }
    let scram = "org.apache.kafka.common.security.scram.ScramLoginModule required username=a password=b;";
    let error = read(&[("sasl.mechanism", "AWS_MSK_IAM"), ("sasl.jaas.config", scram)]);
    assert!(error.is_err_and(|error| error.to_string().contains("another mechanism than AWS_MSK_IAM")));
}

#[test]
fn typed_calls_name_the_mechanism_of_their_form() {
    assert_eq!(Sasl::msk_iam("eu-central-1"), Sasl::MskIam(MskIam::new().region("eu-central-1")));
    let typed = |iam, mechanism| {
        super::config(&[PROTOCOL, ("sasl.mechanism", mechanism)]).sasl(Sasl::MskIam(iam)).check_security()
    };
    assert!(typed(MskIam::new(), "AWS_MSK_IAM").is_ok());
    assert!(typed(MskIam::new().as_token(), "OAUTHBEARER").is_ok());
    assert!(typed(MskIam::new(), "OAUTHBEARER").is_err());
    let nowhere = typed(MskIam::new().region("eu central"), "AWS_MSK_IAM").expect_err("no region");
    assert!(nowhere.to_string().contains("such as eu-central-1"), "{nowhere}");
}
