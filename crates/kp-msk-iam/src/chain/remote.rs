//! The sources of a key that are asked over HTTP, and roles that are taken on.
//! Owns: what in the environment or in a profile leads to which endpoint. Never: how an endpoint is asked.

use std::time::SystemTime;

use kp_http::HttpClient;
use kp_sasl::AwsCredentials;

use super::{AwsChain, Found};
use crate::endpoints::{Assumption, Endpoints, WebIdentity};
use crate::role::RoleToAssume;
use crate::shared_files::{Profile, harmless};
use crate::{AwsFailure, AwsRegion};

/// Profiles that refer to one another, one behind the other.
const MOST_PROFILES: usize = 5;
const SESSION_NAME: &str = "kp";
/// Where AWS's service is asked if there is no region anywhere.
const FIRST_REGION: &str = "us-east-1";

impl AwsChain {
    /// Who asks the Security Token Service, and containers that have `https`: with TLS, proxies and limits of the caller's. It is made
    /// when one of them is asked; an error is told as that endpoint's.
    #[must_use]
    pub fn http(self, client: impl Fn() -> Result<HttpClient, String> + Send + Sync + 'static) -> Self {
        Self { endpoints: Endpoints::over(client), ..self }
    }

    /// The region of the Security Token Service, where it is asked; else that of the environment or of the profile.
    #[must_use]
    pub fn sts_region(self, region: AwsRegion) -> Self {
        Self { sts_region: Some(region), ..self }
    }

    /// The key of a role, taken on with `key`.
    ///
    /// # Errors
    /// What AWS's service says, or why it was not asked.
    pub fn assume(
        &self,
        role: &RoleToAssume,
        key: &AwsCredentials,
        now: SystemTime,
    ) -> Result<AwsCredentials, AwsFailure> {
        let RoleToAssume { arn, session_name, external_id } = role;
        let external_id = external_id.as_deref();
        let assumption = Assumption { key, role_arn: arn, session_name, external_id };
        let assumed = self.endpoints.assume(&self.environment, &assumption, &self.region_of_sts(), now)?;
        let by = key.place().map_or_else(String::new, |place| format!(", taken on with the key of {place}"));
        Ok(assumed.found_in(format!("the role {}{by}", harmless(arn))))
    }

    fn region_of_sts(&self) -> AwsRegion {
        let region = self.sts_region.clone().or_else(|| self.region(None, "").ok());
        region.or_else(|| AwsRegion::new(FIRST_REGION)).expect("FIRST_REGION is a region")
    }

    /// Of a workload in EKS, or in another platform that has identities.
    pub(super) fn of_web_identity(&self, now: SystemTime) -> Result<Found, AwsFailure> {
        let get = |name| self.environment.get(name);
        let Some(token_file) = get("AWS_WEB_IDENTITY_TOKEN_FILE") else {
            return Ok(Found::Nothing("AWS_WEB_IDENTITY_TOKEN_FILE is not set".to_owned()));
        };
        let Some(role_arn) = get("AWS_ROLE_ARN") else {
            let place = "the environment".to_owned();
            return Err(AwsFailure::Incomplete { place, missing: "AWS_ROLE_ARN" });
        };
        let session_name = get("AWS_ROLE_SESSION_NAME").unwrap_or_else(|| SESSION_NAME.to_owned());
        self.web_identity(&WebIdentity { token_file, role_arn, session_name }, now).map(Found::Key)
    }

    fn web_identity(&self, identity: &WebIdentity, now: SystemTime) -> Result<AwsCredentials, AwsFailure> {
        self.endpoints.web_identity(&self.environment, identity, &self.region_of_sts(), now)
    }

    pub(super) fn of_container(&self, now: SystemTime) -> Result<Found, AwsFailure> {
        match self.endpoints.container(&self.environment, now) {
            Some(answer) => answer.map(Found::Key),
            None => Ok(Found::Nothing("no endpoint of a container is named".to_owned())),
        }
    }

    /// The last source. Most machines are no instances of AWS: why there is no answer is then one reason among others.
    pub(super) fn of_instance(&self, now: SystemTime) -> Result<Found, AwsFailure> {
        Ok(match self.endpoints.instance(&self.environment, now) {
            Some(Ok(key)) => Found::Key(key),
            Some(Err(failure)) => Found::Nothing(failure.to_string()),
            None => Found::Nothing("AWS_EC2_METADATA_DISABLED is true".to_owned()),
        })
    }

    /// The key of a profile that is a role: for the identity of a workload, or with the key of another profile.
    pub(super) fn role_of(
        &self,
        profile: &Profile,
        arn: &str,
        now: SystemTime,
    ) -> Result<AwsCredentials, AwsFailure> {
        let session_name = profile.text("role_session_name").unwrap_or(SESSION_NAME);
        if let Some(token_file) = profile.text("web_identity_token_file") {
            let (token_file, role_arn, session_name) = (token_file.into(), arn.into(), session_name.into());
            return self.web_identity(&WebIdentity { token_file, role_arn, session_name }, now);
        }
        let key = self.key_for_role(profile, now)?;
        let mut role = RoleToAssume::new(arn, session_name);
        if let Some(id) = profile.text("external_id") {
            role = role.external_id(id);
        }
        self.assume(&role, &key, now)
    }

    fn key_for_role(&self, profile: &Profile, now: SystemTime) -> Result<AwsCredentials, AwsFailure> {
        let name = || harmless(profile.name());
        if profile.secret("mfa_serial").is_some() {
            return Err(AwsFailure::OtherWay { profile: name(), by: "mfa_serial" });
        }
        if let Some(source) = profile.text("credential_source") {
            let found = match source {
                "Environment" => self.in_environment(now),
                "EcsContainer" => self.of_container(now),
                "Ec2InstanceMetadata" => self.of_instance(now),
                _ => Err(AwsFailure::OtherWay { profile: name(), by: "credential_source" }),
            };
            return match found? {
                Found::Key(key) => Ok(key),
                Found::Nothing(what) => Err(AwsFailure::NothingFound { looked_at: vec![what] }),
            };
        }
        let place = format!("the profile {}", name());
        let Some(source) = profile.text("source_profile") else {
            return Err(AwsFailure::Incomplete { place, missing: "source_profile" });
        };
        let Some(source) = Profile::read(&self.environment, source)? else {
            return Err(AwsFailure::Incomplete { place, missing: "source_profile that exists" });
        };
        self.key_of_source(profile, &source, now)
    }

    fn key_of_source(
        &self,
        profile: &Profile,
        source: &Profile,
        now: SystemTime,
    ) -> Result<AwsCredentials, AwsFailure> {
        let is_itself = source.name() == profile.name();
        match source.text("role_arn").filter(|_| !is_itself) {
            Some(arn) if self.depth < MOST_PROFILES => {
                Self { depth: self.depth + 1, ..self.clone() }.role_of(source, arn, now)
            }
            Some(_) => Err(AwsFailure::OtherWay {
                profile: harmless(profile.name()),
                by: "source_profile, in a circle",
            }),
            None => match super::key_of(source)? {
                Found::Key(key) => Ok(key),
                Found::Nothing(what) => Err(AwsFailure::NothingFound { looked_at: vec![what] }),
            },
        }
    }
}
