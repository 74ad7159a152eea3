//! IAM of Amazon MSK: how a client proves who it is with credentials of AWS.
//!
//! | Looking for | Go to |
//! |---|---|
//! | the mechanism `AWS_MSK_IAM` | [`AwsMskIam`] |
//! | a token for `OAUTHBEARER` | [`bearer_token`] |
//! | the signature of both | [`SignedConnect`] |
//! | the region | [`AwsRegion`] |
//! | credentials | `kp_sasl::AwsCredentials`, `kp_sasl::AwsCredentialsProvider`; where they are looked for: [`AwsChain`], [`AwsEnvironment`] |
//! | for how long a key is used | [`KeptKey`] |
//! | what can go wrong | [`AwsFailure`] |
//!
//! No clock is read here: moments are arguments. Source: the Java library `aws-msk-iam-auth`, and Signature Version 4 of AWS.

#![forbid(unsafe_code)]

mod amz_date;
mod chain;
mod connect;
#[cfg(feature = "endpoints")]
mod endpoints;
mod environment;
mod failure;
mod kept;
mod mechanism;
mod region;
#[cfg(feature = "endpoints")]
mod role;
mod shared_files;
mod sigv4;
mod token;

pub use chain::AwsChain;
pub use connect::SignedConnect;
pub use environment::AwsEnvironment;
pub use failure::AwsFailure;
pub use kept::KeptKey;
pub use mechanism::{AwsMskIam, login_facts};
pub use region::AwsRegion;
#[cfg(feature = "endpoints")]
pub use role::RoleToAssume;
pub use token::bearer_token;

/// What brokers are told of the client: it stands in their logs, and in CloudTrail.
const USER_AGENT: &str = concat!("kp/", env!("CARGO_PKG_VERSION"));

/// The example of the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
