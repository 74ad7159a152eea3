//! The login to Amazon MSK: a key of AWS is looked for, and signs.
//! Owns: the key that later connections sign with, too. Never: what is signed, and where keys are looked for; both are
//! `kp-msk-iam`'s.

use super::{HandedCryptography, Mechanism, OpenCalls, not_given};
use crate::builder::provided::answer_of;
use crate::config::{AwsCredentials, AwsRole, AwsSource, MskIam};
use kp_http::{HttpClient, Proxies};
use kp_msk_iam::{
    AwsChain, AwsEnvironment, AwsMskIam, AwsRegion, KeptKey, RoleToAssume, bearer_token, login_facts,
};
use kp_sasl::{Deferred, OAuthBearer, SaslFailure};
use kp_time::Clock;
#[cfg(feature = "tls-no-provider")]
use kp_tls::{TlsClient, TlsSettings};
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

const LOOKING_FOR_A_KEY: &str = "looking for credentials of AWS";

/// What the logins of one producer have in common.
#[derive(Clone)]
pub(super) struct MskIamLogin {
    environment: AwsEnvironment,
    kept: Arc<Mutex<KeptKey>>,
    /// Of the program's provider of keys.
    calls: OpenCalls,
}

impl Default for MskIamLogin {
    fn default() -> Self {
        Self::counting(&OpenCalls::default())
    }
}

impl MskIamLogin {
    /// The login of a producer whose calls of its provider these are.
    pub(super) fn counting(calls: &OpenCalls) -> Self {
        let environment = AwsEnvironment::of_the_process();
        Self { environment, kept: Arc::default(), calls: calls.clone() }
    }

    /// The mechanism for the broker named `host`; its key is looked for as work.
    pub(super) fn begin(
        &self,
        iam: &MskIam,
        host: &str,
        handed: &HandedCryptography,
        clock: &Arc<dyn Clock>,
    ) -> Mechanism {
        let (login, iam, clock, host) = (self.clone(), iam.clone(), Arc::clone(clock), host.to_owned());
        let handed = handed.clone();
        let name = if iam.is_token() { "OAUTHBEARER" } else { "AWS_MSK_IAM" };
        Ok(Box::new(Deferred::new(name, LOOKING_FOR_A_KEY, move || {
            login.signed(&iam, &host, &handed, || clock.time_of_day())
        })))
    }

    /// A broker refused what was signed: perhaps the key is good no more.
    pub(super) fn refused(&self) {
        self.kept.lock().forget();
    }

    /// `now` is asked again once there is a key: that may take a while, and the signature is good for minutes.
    fn signed(
        &self,
        iam: &MskIam,
        host: &str,
        handed: &HandedCryptography,
        now: impl Fn() -> SystemTime,
    ) -> Mechanism {
        let handed = handed.clone();
        let chain = AwsChain::new(self.environment.clone()).http(move || client(&handed));
        let chain = match iam.source() {
            AwsSource::Profile(name) => chain.profile(name),
            _ => chain,
        };
        let region = chain.region(iam.named_region(), host).map_err(not_found)?;
        let key = self.key(iam, chain.sts_region(region.clone()), &now)?;
        if iam.is_token() {
            let token = bearer_token(&region, &key, now())?;
            let facts = login_facts(&region, &key);
            return Ok(Box::new(OAuthBearer::new(token.value())?.telling(facts)));
        }
        Ok(Box::new(AwsMskIam::new(host, &region, &key, now())?))
    }

    fn key(
        &self,
        iam: &MskIam,
        chain: AwsChain,
        now: impl Fn() -> SystemTime,
    ) -> Result<AwsCredentials, SaslFailure> {
        let asked_at = now();
        if let Some(key) = self.kept.lock().good_at(asked_at) {
            return Ok(key.clone());
        }
        let key = match iam.source() {
            AwsSource::Provided(provider) => {
                let given = self.calls.call(LOOKING_FOR_A_KEY, || answer_of(provider.aws_credentials()))?;
                given.map_err(not_found)?
            }
            _ => chain.find(asked_at).map_err(not_found)?,
        };
        let key = match iam.assumed_role() {
            Some(role) => of_role(role, chain, &key, now())?,
            None => key,
        };
        self.kept.lock().keep(&key, asked_at);
        Ok(key)
    }
}

fn of_role(
    role: &AwsRole,
    chain: AwsChain,
    key: &AwsCredentials,
    now: SystemTime,
) -> Result<AwsCredentials, SaslFailure> {
    let chain = match role.named_sts_region().and_then(AwsRegion::new) {
        Some(region) => chain.sts_region(region),
        None => chain,
    };
    let to_assume = RoleToAssume::new(role.arn(), role.session());
    let to_assume = match role.external() {
        Some(id) => to_assume.external_id(id),
        None => to_assume,
    };
    chain.assume(&to_assume, key, now).map_err(not_found)
}

/// Who asks the Security Token Service: with the authorities of the system, and through the proxy of the environment.
#[cfg_attr(
    not(feature = "tls-no-provider"),
    expect(unused_variables, reason = "without TLS nothing is encrypted")
)]
fn client(handed: &HandedCryptography) -> Result<HttpClient, String> {
    let client = HttpClient::new().proxies(Proxies::from_env().map_err(|error| error.to_string())?);
    #[cfg(feature = "tls-no-provider")]
    if let Some(provider) = handed.provider() {
        let tls = TlsClient::new(&TlsSettings::new(), &provider).map_err(|error| error.to_string())?;
        return Ok(client.tls(tls.config()));
    }
    Ok(client)
}

fn not_found(why: impl fmt::Display) -> SaslFailure {
    not_given(LOOKING_FOR_A_KEY, why)
}

#[cfg(test)]
mod tests;
