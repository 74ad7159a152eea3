//! Which key is found, which region, and what is said where there is none.

use std::fs;
use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use super::*;

/// A home with the two files, gone with the test.
struct Home(PathBuf);

impl Home {
    fn with(credentials: &str, config: &str) -> Self {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let home = std::env::temp_dir().join(format!("kp-msk-iam-{}-{number}", std::process::id()));
        fs::create_dir_all(home.join(".aws")).expect("a folder for the test");
        fs::write(home.join(".aws/credentials"), credentials).expect("a file for the test");
        fs::write(home.join(".aws/config"), config).expect("a file for the test");
        Self(home)
    }

    fn chain(&self, variables: &[(&str, &str)]) -> AwsChain {
        let home = self.0.display().to_string();
        let all = [&[("HOME", home.as_str()), ("AWS_EC2_METADATA_DISABLED", "true")], variables].concat();
        AwsChain::new(AwsEnvironment::of(all))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn found(chain: &AwsChain) -> Result<String, String> {
    let key = chain.find(UNIX_EPOCH).map_err(|failure| failure.to_string())?;
    let token = key.token().and_then(Secret::expose_text).unwrap_or("~").to_owned();
    let secret = key.secret_access_key().expose_text().unwrap_or_default().to_owned();
    Ok(format!("{} {secret} {token}", key.access_key_id()))
}

const CREDENTIALS: &str = "\
# a comment
[default]
aws_access_key_id = AKIDDEFAULT
aws_secret_access_key=of/default+== # mine
; another
[streams]
AWS_ACCESS_KEY_ID=AKIDSTREAMS
aws_secret_access_key = of-streams
aws_session_token = TOKEN=
  s3 =
    aws_access_key_id = AKIDNESTED
[half]
aws_access_key_id = AKIDHALF
";
const CONFIG: &str = "\
[default]
region = eu-west-1
[profile streams]
region=ap-southeast-2
aws_access_key_id = AKIDCONFIG
[profile \"with space\"]
aws_access_key_id = AKIDSPACE
aws_secret_access_key = of-space
[profile sso]
sso_session = my
[profile process]
credential_process = /bin/keys
[streamer]
aws_access_key_id = AKIDNOPROFILE
aws_secret_access_key = x
";

// C18
#[test]
fn a_key_is_looked_for_in_the_environment_and_then_in_the_files() {
    let home = Home::with(CREDENTIALS, CONFIG);
    let environment = [("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", "of-env")];
    let role = [&environment[..], &[("AWS_SESSION_TOKEN", "ROLE"), ("AWS_PROFILE", "streams")]].concat();
    assert_eq!(found(&home.chain(&environment)).as_deref(), Ok("AKIDENV of-env ~"));
    assert_eq!(found(&home.chain(&role)).as_deref(), Ok("AKIDENV of-env ROLE"));
    assert_eq!(found(&home.chain(&[])).as_deref(), Ok("AKIDDEFAULT of/default+== ~"));
    assert_eq!(found(&home.chain(&role[3..])).as_deref(), Ok("AKIDSTREAMS of-streams TOKEN="));
    // A profile that was named is the only source.
    assert_eq!(found(&home.chain(&role).profile("default")).as_deref(), Ok("AKIDDEFAULT of/default+== ~"));
    assert_eq!(found(&home.chain(&[]).profile("with space")).as_deref(), Ok("AKIDSPACE of-space ~"));
}

// C18
#[test]
fn a_source_that_is_there_and_broken_ends_the_search() {
    let home = Home::with(CREDENTIALS, CONFIG);
    let half = home.chain(&[("AWS_SECRET_ACCESS_KEY", "of-env")]);
    assert_eq!(found(&half), Err("the environment has no AWS_ACCESS_KEY_ID".to_owned()));
    let of_profile = |name| found(&home.chain(&[]).profile(name)).expect_err(name);
    assert_eq!(of_profile("half"), "the profile half has no aws_secret_access_key");
    assert!(
        of_profile("sso")
            .starts_with("the profile sso has its credentials by sso_session, which kp does not do")
    );
    assert!(of_profile("process").contains("by credential_process"));
    for name in ["streamer", "nobody", "profile streams", ""] {
        assert!(of_profile(name).starts_with("no credentials of AWS: no profile "), "{name}");
    }
    let folder = home.0.display().to_string();
    let unreadable = home.chain(&[("AWS_CONFIG_FILE", &folder)]);
    assert_eq!(found(&unreadable), Err(format!("{folder}: not a regular file of at most 1 MiB")));
    fs::write(home.0.join(".aws/credentials"), b"[default]\naws_access_key_id=\xff").expect("a file");
    assert!(found(&home.chain(&[])).expect_err("no text").ends_with("credentials: not UTF-8"));
}

#[test]
fn where_there_is_no_key_the_places_are_named() {
    let variables = [("HOME", "/nonexistent"), ("AWS_EC2_METADATA_DISABLED", "true")];
    let chain = AwsChain::new(AwsEnvironment::of(variables));
    let said = found(&chain).expect_err("there is none");
    assert!(said.starts_with("no credentials of AWS: AWS_ACCESS_KEY_ID is not set; "), "{said}");
    assert!(said.contains("; no profile default in ~/.aws/credentials"), "{said}");
}

// C18
#[test]
fn a_file_is_read_anew_each_time() {
    let home = Home::with(CREDENTIALS, "");
    let chain = home.chain(&[]);
    assert!(found(&chain).is_ok());
    let rotated = "[default]\naws_access_key_id = AKIDNEW\naws_secret_access_key = new\n";
    fs::write(home.0.join(".aws/credentials"), rotated).expect("a file");
    assert_eq!(found(&chain).as_deref(), Ok("AKIDNEW new ~"));
}

// C17
#[test]
fn the_region_that_was_said_counts_before_that_of_the_name_and_that_before_the_environment() {
    let home = Home::with("", CONFIG);
    let broker = "b-1.example.kafka.us-east-1.amazonaws.com";
    let environment = [("AWS_REGION", "eu-central-1"), ("AWS_DEFAULT_REGION", "eu-north-1")];
    let region = |chain: AwsChain, named, host| chain.region(named, host).map(|region| region.to_string());
    let of = |variables, named, host| region(home.chain(variables), named, host).expect("there is one");
    assert_eq!(of(&environment, Some("sa-east-1"), broker), "sa-east-1");
    assert_eq!(of(&environment, None, broker), "us-east-1");
    assert_eq!(of(&environment, None, "localhost"), "eu-central-1");
    assert_eq!(of(&environment[1..], None, "localhost"), "eu-north-1");
    assert_eq!(of(&[], None, "localhost"), "eu-west-1");
    assert_eq!(of(&[("AWS_PROFILE", "streams")], None, "localhost"), "ap-southeast-2");
    let nowhere = AwsChain::new(AwsEnvironment::of([("HOME", "/nonexistent")]));
    let said = region(nowhere, None, "kafka-1\n").expect_err("there is none").to_string();
    assert!(said.starts_with("no region: kafka-1\\n is no broker of Amazon MSK by its name"), "{said}");
}

// A17, C18
#[test]
fn where_a_key_was_found_is_told_and_never_the_key() {
    let home = Home::with(CREDENTIALS, CONFIG);
    let place = |chain: AwsChain| chain.find(UNIX_EPOCH).expect("a key").place().map(ToOwned::to_owned);
    let in_environment = [("AWS_ACCESS_KEY_ID", "AKIDENV"), ("AWS_SECRET_ACCESS_KEY", "of-env")];
    assert_eq!(place(home.chain(&in_environment)).as_deref(), Some("the environment (AWS_ACCESS_KEY_ID)"));
    assert_eq!(place(home.chain(&[])).as_deref(), Some("the profile default"));
    assert_eq!(place(home.chain(&in_environment).profile("streams")).as_deref(), Some("the profile streams"));
}
