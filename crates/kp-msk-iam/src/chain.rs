//! Where a key of AWS is looked for, in the order of AWS's own libraries, and which region is signed for.
//! Owns: the order. A source that is not there is passed over; one that is there and broken ends the search: the next one may belong
//! to another user. Never: a key that is kept; see `kept.rs`.

#[cfg(feature = "endpoints")]
mod remote;

use std::time::SystemTime;

use kp_sasl::{AwsCredentials, Secret};

#[cfg(feature = "endpoints")]
use crate::endpoints::Endpoints;

use crate::shared_files::{Profile, harmless};
use crate::{AwsEnvironment, AwsFailure, AwsRegion};

/// The sources of a key. Blocks while it looks.
///
/// ```
/// use std::time::UNIX_EPOCH;
/// use kp_msk_iam::{AwsChain, AwsEnvironment};
/// let environment = AwsEnvironment::of([("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")]);
/// let key = AwsChain::new(environment).find(UNIX_EPOCH)?;
/// assert_eq!(key.access_key_id(), "AKIDEXAMPLE");
/// # Ok::<(), kp_msk_iam::AwsFailure>(())
/// ```
#[derive(Debug, Clone)]
pub struct AwsChain {
    environment: AwsEnvironment,
    profile: Option<String>,
    #[cfg(feature = "endpoints")]
    endpoints: Endpoints,
    #[cfg(feature = "endpoints")]
    sts_region: Option<AwsRegion>,
    /// How many profiles refer to one another, down to where the search stands.
    #[cfg(feature = "endpoints")]
    depth: usize,
}

/// A place to look, and what it is called.
type Source = (fn(&AwsChain, SystemTime) -> Result<Found, AwsFailure>, fn(&AwsChain) -> String);

/// The order of AWS's own libraries.
const SOURCES: &[Source] = &[
    (AwsChain::in_environment, |_| "the environment (AWS_ACCESS_KEY_ID)".to_owned()),
    #[cfg(feature = "endpoints")]
    (AwsChain::of_web_identity, |_| "the web identity of AWS_WEB_IDENTITY_TOKEN_FILE".to_owned()),
    FILES,
    #[cfg(feature = "endpoints")]
    (AwsChain::of_container, |_| "the endpoint of the container".to_owned()),
    #[cfg(feature = "endpoints")]
    (AwsChain::of_instance, |_| "the metadata of the instance".to_owned()),
];

const FILES: Source =
    (AwsChain::in_files, |chain| format!("the profile {}", harmless(&chain.profile_name())));

/// What a source has.
pub(crate) enum Found {
    Key(AwsCredentials),
    /// Nothing; the words say what was looked at.
    Nothing(String),
}

impl AwsChain {
    /// All sources.
    #[must_use]
    pub fn new(environment: AwsEnvironment) -> Self {
        Self {
            environment,
            profile: None,
            #[cfg(feature = "endpoints")]
            endpoints: Endpoints::default(),
            #[cfg(feature = "endpoints")]
            sts_region: None,
            #[cfg(feature = "endpoints")]
            depth: 0,
        }
    }

    /// The profile of this name and no other source: another key in its place would be another user.
    #[must_use]
    pub fn profile(self, name: impl Into<String>) -> Self {
        Self { profile: Some(name.into()), ..self }
    }

    /// The first key that there is at the moment `now`.
    ///
    /// # Errors
    /// [`AwsFailure::NothingFound`], or what is wrong with the first source that there is.
    pub fn find(&self, now: SystemTime) -> Result<AwsCredentials, AwsFailure> {
        let sources: &[Source] = if self.profile.is_some() { &[FILES] } else { SOURCES };
        let mut looked_at = Vec::new();
        for (look, place) in sources {
            match look(self, now)? {
                Found::Key(key) => return Ok(key.found_in(place(self))),
                Found::Nothing(what) => looked_at.push(what),
            }
        }
        Err(AwsFailure::NothingFound { looked_at })
    }

    /// The region to sign for: the one that was `named`, else that of the broker's name, else that of the environment, else that
    /// of the profile.
    ///
    /// # Errors
    /// [`AwsFailure::NoRegion`].
    pub fn region(&self, named: Option<&str>, host: &str) -> Result<AwsRegion, AwsFailure> {
        let of_environment = || {
            let names = ["AWS_REGION", "AWS_DEFAULT_REGION"];
            names.into_iter().find_map(|name| AwsRegion::new(&self.environment.get(name)?))
        };
        let of_profile = || AwsRegion::new(self.read_profile().ok()??.text("region")?);
        named
            .and_then(AwsRegion::new)
            .or_else(|| AwsRegion::of_host(host))
            .or_else(of_environment)
            .or_else(of_profile)
            .ok_or_else(|| AwsFailure::NoRegion { host: harmless(host) })
    }

    fn in_environment(&self, _: SystemTime) -> Result<Found, AwsFailure> {
        let get = |name| self.environment.get(name).map(Secret::from);
        let (id, secret) = (self.environment.get("AWS_ACCESS_KEY_ID"), get("AWS_SECRET_ACCESS_KEY"));
        let lacks = |missing| AwsFailure::Incomplete { place: "the environment".to_owned(), missing };
        match (id, secret) {
            (None, None) => Ok(Found::Nothing("AWS_ACCESS_KEY_ID is not set".to_owned())),
            (Some(id), Some(secret)) => Ok(Found::Key(key(id, secret, get("AWS_SESSION_TOKEN")))),
            (Some(_), None) => Err(lacks("AWS_SECRET_ACCESS_KEY")),
            (None, Some(_)) => Err(lacks("AWS_ACCESS_KEY_ID")),
        }
    }

    /// The profile that was named, else that of `AWS_PROFILE`, else `default`.
    fn profile_name(&self) -> String {
        let named = self.profile.clone().or_else(|| self.environment.get("AWS_PROFILE"));
        named.unwrap_or_else(|| "default".to_owned())
    }

    fn read_profile(&self) -> Result<Option<Profile>, AwsFailure> {
        Profile::read(&self.environment, &self.profile_name())
    }

    fn in_files(&self, now: SystemTime) -> Result<Found, AwsFailure> {
        let Some(profile) = self.read_profile()? else {
            let name = harmless(&self.profile_name());
            return Ok(Found::Nothing(format!("no profile {name} in ~/.aws/credentials and ~/.aws/config")));
        };
        if let Some(by) = ["sso_session", "sso_start_url", "credential_process"]
            .into_iter()
            .find(|option| profile.secret(option).is_some() && profile.secret("aws_access_key_id").is_none())
        {
            return Err(AwsFailure::OtherWay { profile: harmless(profile.name()), by });
        }
        if let Some(arn) = profile.text("role_arn") {
            return self.role(&profile, arn, now);
        }
        key_of(&profile)
    }

    #[cfg(feature = "endpoints")]
    fn role(&self, profile: &Profile, arn: &str, now: SystemTime) -> Result<Found, AwsFailure> {
        self.role_of(profile, arn, now).map(Found::Key)
    }

    #[cfg(not(feature = "endpoints"))]
    fn role(&self, profile: &Profile, _: &str, _: SystemTime) -> Result<Found, AwsFailure> {
        Err(AwsFailure::OtherWay { profile: harmless(profile.name()), by: "role_arn" })
    }
}

fn key_of(profile: &Profile) -> Result<Found, AwsFailure> {
    let place = || format!("the profile {}", harmless(profile.name()));
    let lacks = |missing| Err(AwsFailure::Incomplete { place: place(), missing });
    match (profile.text("aws_access_key_id"), profile.secret("aws_secret_access_key")) {
        // A profile may be there for its region alone.
        (None, None) => Ok(Found::Nothing(format!("{} has no aws_access_key_id", place()))),
        (Some(id), Some(secret)) => {
            let token = profile.secret("aws_session_token").cloned();
            Ok(Found::Key(key(id.to_owned(), secret.clone(), token)))
        }
        (Some(_), None) => lacks("aws_secret_access_key"),
        (None, Some(_)) => lacks("aws_access_key_id"),
    }
}

pub(crate) fn key(id: String, secret: Secret, token: Option<Secret>) -> AwsCredentials {
    let key = AwsCredentials::new(id, secret);
    match token {
        Some(token) => key.session_token(token),
        None => key,
    }
}

#[cfg(test)]
mod tests;
