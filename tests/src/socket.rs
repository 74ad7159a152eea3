//! A plain connection to a real broker, for facts that are to be seen without a producer in between.

use bytes::Bytes;
use kp_protocol::{FrameReader, Message, Request, RequestHeader, decode_response_header, encode_request};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use xtask::kafka::KafkaCluster;

/// A plain connection: requests out, answers in.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    frames: FrameReader,
    correlation_id: i32,
}

/// Why no answer came.
#[derive(Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// The broker closed the connection.
    Closed,
    /// Ten seconds passed.
    Silence,
}

impl Socket {
    /// To a cluster's first broker.
    ///
    /// # Panics
    /// When it does not listen.
    #[must_use]
    pub fn to(cluster: &KafkaCluster) -> Self {
        Self::to_broker(cluster, 1)
    }

    /// To one of a cluster's brokers.
    ///
    /// # Panics
    /// When there is none with that id, or it does not listen.
    #[must_use]
    pub fn to_broker(cluster: &KafkaCluster, broker: i32) -> Self {
        let address = cluster.address(broker).expect("there is such a broker");
        let stream = TcpStream::connect(address).expect("the broker listens");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket has a timeout");
        Self { stream, frames: FrameReader::default(), correlation_id: 0 }
    }

    /// How long [`receive`](Self::receive) waits from now on.
    ///
    /// # Panics
    /// Never: a socket has a timeout.
    pub fn wait_at_most(&self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).expect("a socket has a timeout");
    }

    /// Sends a request and answers its correlation id.
    ///
    /// # Panics
    /// When it cannot be said in this version, or the broker is gone.
    pub fn send<R: Request>(&mut self, version: i16, request: &R) -> i32 {
        self.correlation_id += 1;
        let header = RequestHeader { correlation_id: self.correlation_id, client_id: Some("kp-tests") };
        let frame =
            encode_request(&header, version, request).expect("the request can be said in this version");
        self.stream.write_all(&frame.concat()).expect("the broker reads");
        self.correlation_id
    }

    /// The next answer, header and all.
    ///
    /// # Errors
    /// There is none.
    ///
    /// # Panics
    /// When it is no frame.
    pub fn receive(&mut self) -> Result<Bytes, NoAnswer> {
        let mut chunk = [0; 65_536];
        loop {
            if let Some(frame) = self.frames.next_frame().expect("a frame") {
                return Ok(frame);
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(NoAnswer::Closed),
                Ok(read) => self.frames.extend(&chunk[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {
                    return Err(NoAnswer::Closed);
                }
                Err(_) => return Err(NoAnswer::Silence),
            }
        }
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// There is none.
    ///
    /// # Panics
    /// When it is another request's, or not of this version.
    pub fn ask<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response, NoAnswer> {
        let correlation_id = self.send(version, request);
        let frame = self.receive()?;
        let (answered, body) = decode_response_header(R::KEY, version, &frame).expect("a response header");
        assert_eq!(answered, correlation_id);
        Ok(R::Response::parse(&body, version).expect("an answer of this version"))
    }
}
