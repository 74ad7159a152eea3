//! One connection to one broker: versions first, then one request at a time.

use std::{
    io::{self, Read as _, Write as _},
    net::{TcpStream, ToSocketAddrs as _},
    time::{Duration, Instant},
};

use kp_protocol::{
    ApiKey, BrokerVersions, ErrorCode, FrameReader, Message as _, ProtocolError, Request, RequestHeader,
    VersionRange,
    api::{ApiVersionsRequest, ApiVersionsResponse},
    decode_response_header, encode_request,
    text::shown,
};

use super::ReaderError;
use crate::interrupt::is_interrupted;

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// How often a wait for an answer looks whether Ctrl-C ends it.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Known to every broker since 2.4; an older one answers with what it knows instead (KIP-511).
const API_VERSIONS: i16 = 3;

/// The least that is read from a socket at once.
const READ_SIZE: usize = 64 * 1024;

pub(crate) struct Connection {
    address: String,
    stream: TcpStream,
    frames: FrameReader,
    read_into: Box<[u8]>,
    versions: BrokerVersions,
    next_correlation_id: i32,
    answer_within: Duration,
}

impl Connection {
    /// Connects to the first address of the name that answers, and asks for the API versions.
    ///
    /// # Errors
    /// The address and what it said.
    pub(crate) fn open(host: &str, port: u16) -> Result<Self, ReaderError> {
        Self::open_within(host, port, ANSWER_WITHIN)
    }

    fn open_within(host: &str, port: u16, answer_within: Duration) -> Result<Self, ReaderError> {
        let versions = BrokerVersions::fixed([(ApiKey::ApiVersions, VersionRange::new(0, API_VERSIONS))]);
        let mut connection = Self::connected(host, port, versions, answer_within)?;
        let response = connection.api_versions()?;
        ReaderError::check(&connection.address, response.error_code, None)?;
        connection.versions = BrokerVersions::from_response(&response);
        Ok(connection)
    }

    /// Connects to a broker of which is known what it speaks: it is not asked.
    ///
    /// # Errors
    /// The address and what it said.
    pub(crate) fn open_unasked(host: &str, port: u16, versions: BrokerVersions) -> Result<Self, ReaderError> {
        Self::connected(host, port, versions, ANSWER_WITHIN)
    }

    fn connected(
        host: &str,
        port: u16,
        versions: BrokerVersions,
        answer_within: Duration,
    ) -> Result<Self, ReaderError> {
        let safe = shown(host);
        let address = if host.contains(':') { format!("[{safe}]:{port}") } else { format!("{safe}:{port}") };
        let stream =
            dial(host, port).map_err(|source| ReaderError::Connect { address: address.clone(), source })?;
        Ok(Self {
            address,
            stream,
            frames: FrameReader::default(),
            read_into: vec![0; READ_SIZE].into(),
            versions,
            next_correlation_id: 0,
            answer_within,
        })
    }

    /// Host and port, as they were given.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// What the broker speaks.
    pub(crate) fn versions(&self) -> &BrokerVersions {
        &self.versions
    }

    /// The newest version of an API that both sides speak.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn version(&self, api: ApiKey) -> Result<i16, ReaderError> {
        self.version_within(api, api.offered())
    }

    pub(crate) fn version_within(&self, api: ApiKey, within: VersionRange) -> Result<i16, ReaderError> {
        self.versions
            .negotiate_within(api, within)
            .ok_or_else(|| ReaderError::NoVersion { address: self.address.clone(), api })
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// The connection is of no use afterwards.
    pub(crate) fn call<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response, ReaderError> {
        let body = self.exchange(version, request)?;
        R::Response::parse(&body, version).map_err(|source| self.protocol(source))
    }

    fn api_versions(&mut self) -> Result<ApiVersionsResponse, ReaderError> {
        let request = ApiVersionsRequest {
            client_software_name: "kp".into(),
            client_software_version: env!("CARGO_PKG_VERSION").into(),
            ..ApiVersionsRequest::default()
        };
        let body = self.exchange(API_VERSIONS, &request)?;
        // A broker that does not know the version answers in version 0, which begins with the same field.
        let is_refused = body.get(..2) == Some(&ErrorCode::UNSUPPORTED_VERSION.0.to_be_bytes()[..]);
        if is_refused {
            let body = self.exchange(0, &ApiVersionsRequest::default())?;
            return ApiVersionsResponse::parse(&body, 0).map_err(|source| self.protocol(source));
        }
        ApiVersionsResponse::parse(&body, API_VERSIONS).map_err(|source| self.protocol(source))
    }

    /// The body of the answer.
    fn exchange<R: Request>(&mut self, version: i16, request: &R) -> Result<bytes::Bytes, ReaderError> {
        let header = RequestHeader { correlation_id: self.next_correlation_id, client_id: Some("kp") };
        self.next_correlation_id = self.next_correlation_id.wrapping_add(1);
        let segments = encode_request(&header, version, request).map_err(|source| self.protocol(source))?;
        for segment in &segments {
            self.stream.write_all(segment).map_err(|source| self.broken(R::KEY, source))?;
        }
        let mut heard = Instant::now();
        loop {
            if let Some(frame) = self.frames.next_frame().map_err(|source| self.protocol(source))? {
                let (correlation_id, body) = decode_response_header(R::KEY, version, &frame)
                    .map_err(|source| self.protocol(source))?;
                if correlation_id != header.correlation_id {
                    let text = format!("answer {correlation_id} to request {}", header.correlation_id);
                    return Err(self.broken(R::KEY, io::Error::new(io::ErrorKind::InvalidData, text)));
                }
                return Ok(body);
            }
            match self.stream.read(&mut self.read_into) {
                Ok(0) => return Err(ReaderError::Closed { address: self.address.clone(), api: R::KEY }),
                Ok(read) => {
                    self.frames.extend(&self.read_into[..read]);
                    heard = Instant::now();
                }
                Err(error) if !is_wait_over(&error) => return Err(self.broken(R::KEY, error)),
                Err(_) if is_interrupted() => return Err(ReaderError::Interrupted),
                Err(_) if heard.elapsed() >= self.answer_within => {
                    let (address, within) = (self.address.clone(), self.answer_within);
                    return Err(ReaderError::Silent { address, api: R::KEY, within });
                }
                Err(_) => {}
            }
        }
    }

    fn protocol(&self, source: ProtocolError) -> ReaderError {
        ReaderError::Protocol { address: self.address.clone(), source }
    }

    fn broken(&self, api: ApiKey, source: io::Error) -> ReaderError {
        ReaderError::Broken { address: self.address.clone(), api, source }
    }
}

/// Nothing came in the time of one look; what it is called differs between systems.
fn is_wait_over(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

fn dial(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_WITHIN) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(LOOK_EVERY))?;
                stream.set_write_timeout(Some(ANSWER_WITHIN))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_listener_that_says_nothing_is_told_with_its_address_and_the_time() {
        // Never accepted from: the system takes the connection, and nobody answers.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = Connection::open_within("127.0.0.1", port, Duration::from_millis(1)).err().unwrap();
        let expected = format!("127.0.0.1:{port}: ApiVersions: no answer within 0.001 s");
        assert_eq!(error.to_string(), expected);
        assert!(error.is_passing());
        let standard = ReaderError::Silent {
            address: "h:1".to_owned(),
            api: ApiKey::ApiVersions,
            within: ANSWER_WITHIN,
        };
        assert!(standard.to_string().ends_with("no answer within 10 s"), "{standard}");
    }
}
