//! The endpoints that give out keys of roles: of an instance, of a container, and AWS's Security Token Service.
//! Owns: how each is asked, and within which limits. Never: the order in which they are asked; a redirect, a proxy to an endpoint of
//! this machine, an answer that is believed because it came.

mod answer;
mod container;
mod instance;
mod sts;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use kp_http::{HttpAnswer, HttpClient, HttpError, HttpRequest, HttpUrl};

pub(crate) use sts::{Assumption, WebIdentity};

use crate::AwsFailure;

/// An endpoint of the machine answers within milliseconds, or is not there.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
const DEADLINE: Duration = Duration::from_secs(5);

/// Who sends the requests.
#[derive(Clone)]
pub(crate) struct Endpoints {
    /// To endpoints of this machine, whose addresses are known. No proxy is on the way.
    near: HttpClient,
    /// To all others: made when one is asked, since it may have to read the authorities of the system.
    far: Arc<dyn Fn() -> Result<HttpClient, String> + Send + Sync>,
}

impl Default for Endpoints {
    fn default() -> Self {
        Self::over(|| Ok(HttpClient::new()))
    }
}

impl Endpoints {
    pub(crate) fn over(far: impl Fn() -> Result<HttpClient, String> + Send + Sync + 'static) -> Self {
        let near = HttpClient::new().http_to_others(true).connect_limit(CONNECT_LIMIT).deadline(DEADLINE);
        Self { near, far: Arc::new(far) }
    }

    fn far(&self, endpoint: Endpoint) -> Result<HttpClient, AwsFailure> {
        (self.far)().map_err(|problem| endpoint.failed(problem))
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoints").field("near", &self.near).finish_non_exhaustive()
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
