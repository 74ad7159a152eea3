//! IAM of Amazon MSK out of keys: which handlers of a JVM are AWS's, and what the options of its login module come to.
//! Owns: the options. One that would be another login is refused and not ignored.

use kp_protocol::text::shown;
use kp_sasl::{AwsCredentials, Secret};

use super::login::Module;
use super::msk_iam::{AwsRole, MskIam};
use crate::{ConfigError, ProducerConfig, jaas::JaasEntry};

const JAAS: &str = "sasl.jaas.config";
/// Options that count for a role alone.
const OF_A_ROLE: [&str; 6] = [
    "awsRoleSessionName",
    "awsRoleExternalId",
    "awsRoleAccessKeyId",
    "awsRoleSecretAccessKey",
    "awsRoleSessionToken",
    "awsStsRegion",
];
/// Options that change nothing about who logs in: how often Java asks again, what it logs; and where it looks on when what was
/// named is not there, which kp does not.
const WITHOUT_MEANING: [&str; 4] =
    ["awsMaxRetries", "awsMaxBackOffTimeMs", "awsDebugCreds", "awsAddDefaultProviders"];

impl ProducerConfig {
    /// `AWS_MSK_IAM` with the login module of AWS. As in Java it may have options, and needs none.
    pub(super) fn msk_iam(&self) -> Result<MskIam, ConfigError> {
        self.only_handlers_of_aws()?;
        match self.jaas(&[Module::MskIam], "AWS_MSK_IAM")? {
            Some((_, line)) => of_options(&line),
            None => Ok(MskIam::new()),
        }
    }

    /// `OAUTHBEARER` with AWS's handler: the options stand in Kafka's login module.
    pub(super) fn msk_iam_token(&self) -> Result<MskIam, ConfigError> {
        self.only_handlers_of_aws()?;
        let iam = match self.jaas(&[Module::OAuthBearer], "OAUTHBEARER")? {
            Some((_, line)) => of_options(&line)?,
            None => MskIam::new(),
        };
        Ok(iam.as_token())
    }

    /// Whether tokens of `OAUTHBEARER` come from AWS's handler.
    pub(super) fn has_handler_of_aws(&self) -> bool {
        let handler = self.text("sasl.login.callback.handler.class").unwrap_or_default();
        handler.rsplit('.').next() == Some("IAMOAuthBearerLoginCallbackHandler")
    }

    /// AWS names its own classes in both keys.
    fn only_handlers_of_aws(&self) -> Result<(), ConfigError> {
        const OF_AWS: [&str; 2] = ["IAMClientCallbackHandler", "IAMOAuthBearerLoginCallbackHandler"];
        let keys =
            ["sasl.client.callback.handler.class", "sasl.login.callback.handler.class", "sasl.login.class"];
        for key in keys {
            let class = self.text(key).unwrap_or_default();
            let name = class.rsplit('.').next().unwrap_or_default();
            if !name.is_empty() && !OF_AWS.contains(&name) {
                let note = "hand an AwsCredentialsProvider to ProducerConfig::sasl (MskIam::credentials)";
                return Err(ConfigError::NotImplemented { key, value: class, note });
            }
        }
        Ok(())
    }
}

fn of_options(line: &JaasEntry) -> Result<MskIam, ConfigError> {
    let is_off = |value: &Secret| value.expose() != b"true";
    let is_known = |name: &str, value: &Secret| match name {
        "awsProfileName" | "awsRoleArn" => true,
        "awsShouldUseFips" => is_off(value),
        _ => OF_A_ROLE.contains(&name) || WITHOUT_MEANING.contains(&name),
    };
    // Others are not AWS's, whose handler looks at its own options alone.
    if let Some((name, _)) =
        line.options().find(|(name, value)| name.starts_with("aws") && !is_known(name, value))
    {
        return Err(bad(format!("has the option {}, which kp cannot heed", shown(name))));
    }
    let iam = MskIam::new();
    match (text(line, "awsProfileName")?, role_of(line)?) {
        (None, None) => Ok(iam),
        (Some(profile), None) => Ok(iam.profile(profile)),
        (None, Some(role)) => Ok(match key_of_role(line)? {
            Some(key) => iam.credentials(key).role(role),
            None => iam.role(role),
        }),
        (Some(_), Some(_)) => Err(bad(
            "has awsProfileName and awsRoleArn, of which Java would take the profile's own key: leave one out".to_owned(),
        )),
    }
}

fn role_of(line: &JaasEntry) -> Result<Option<AwsRole>, ConfigError> {
    let Some(arn) = text(line, "awsRoleArn")? else {
        // The region of the role's service says nothing about who logs in.
        let lonely = OF_A_ROLE.iter().find(|name| **name != "awsStsRegion" && line.option(name).is_some());
        return match lonely {
            Some(name) => Err(bad(format!("has the option {name}, and no awsRoleArn"))),
            None => Ok(None),
        };
    };
    let mut role = AwsRole::new(arn);
    if let Some(name) = text(line, "awsRoleSessionName")? {
        role = role.session_name(name);
    }
    if let Some(id) = text(line, "awsRoleExternalId")? {
        role = role.external_id(id);
    }
    if let Some(region) = text(line, "awsStsRegion")? {
        role = role.sts_region(region);
    }
    Ok(Some(role))
}

/// The key to take the role on with, if the line has it.
fn key_of_role(line: &JaasEntry) -> Result<Option<AwsCredentials>, ConfigError> {
    match (text(line, "awsRoleAccessKeyId")?, line.option("awsRoleSecretAccessKey")) {
        (None, None) => Ok(None),
        (Some(id), Some(secret)) => {
            let key = AwsCredentials::new(id, secret.clone());
            Ok(Some(match line.option("awsRoleSessionToken") {
                Some(token) => key.session_token(token.clone()),
                None => key,
            }))
        }
        _ => {
            Err(bad("has one of awsRoleAccessKeyId and awsRoleSecretAccessKey without the other".to_owned()))
        }
    }
}

fn text(line: &JaasEntry, name: &str) -> Result<Option<String>, ConfigError> {
    match line.option(name).map(Secret::expose_text) {
        None => Ok(None),
        Some(Some(text)) if !text.is_empty() => Ok(Some(text.to_owned())),
        Some(_) => Err(bad(format!("has an option {name} without a value"))),
    }
}

fn bad(problem: String) -> ConfigError {
    ConfigError::credential(JAAS, problem)
}
