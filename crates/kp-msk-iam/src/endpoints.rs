//! The endpoints that give out keys of roles: of an instance, of a container, and AWS's Security Token Service.
//! Owns: how each is asked, and within which limits. Never: the order in which they are asked; a redirect, a proxy to an endpoint of
//! this machine, an answer that is believed because it came.

mod answer;
mod container;
mod instance;
mod sts;

use std::time::Duration;

use kp_http::{HttpAnswer, HttpClient, HttpError, HttpRequest, HttpUrl};

pub(crate) use sts::{Assumption, WebIdentity};

use crate::AwsFailure;

/// An endpoint of the machine answers within milliseconds, or is not there.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
const DEADLINE: Duration = Duration::from_secs(5);

/// Who sends the requests.
#[derive(Debug, Clone)]
pub(crate) struct Endpoints {
    /// To endpoints of this machine, whose addresses are known. No proxy is on the way.
    near: HttpClient,
    /// To all others.
    far: HttpClient,
}

impl Default for Endpoints {
    fn default() -> Self {
        Self::over(HttpClient::new())
    }
}

impl Endpoints {
    pub(crate) fn over(far: HttpClient) -> Self {
        let near = HttpClient::new().http_to_others(true).connect_limit(CONNECT_LIMIT).deadline(DEADLINE);
        Self { near, far }
    }
}

/// One of the endpoints, by its name in errors.
#[derive(Debug, Clone, Copy)]
struct Endpoint(&'static str);

impl Endpoint {
    fn failed(self, problem: impl ToString) -> AwsFailure {
        AwsFailure::Endpoint { what: self.0, problem: problem.to_string() }
    }

    fn url(self, text: &str) -> Result<HttpUrl, AwsFailure> {
        HttpUrl::parse(text).map_err(|error| self.failed(error))
    }

    /// The answer, if it is a good one.
    fn answer(self, client: &HttpClient, request: &HttpRequest) -> Result<HttpAnswer, AwsFailure> {
        let answer = client.send(request).map_err(|error: HttpError| self.failed(error))?;
        match answer.status() {
            200 => Ok(answer),
            status => Err(self.failed(format!("answered with the status {status}"))),
        }
    }
}
