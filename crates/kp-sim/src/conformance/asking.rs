//! Requests and answers over a [`Wire`], one connection at a time: what all cases need, whatever they ask.

use bytes::Bytes;
use kp_protocol::{Message, Request, RequestHeader, decode_response_header, encode_request};

use super::Wire;

/// What differs, if something does.
pub(super) type Checked<T = ()> = Result<T, String>;

/// How often a broker that is not ready yet is asked again.
pub(super) const TRIES: u32 = 200;

/// A wire with the number of the newest request.
pub(super) struct Asking<'a> {
    pub(super) wire: &'a mut dyn Wire,
    pub(super) correlation_id: i32,
}

impl<'a> Asking<'a> {
    pub(super) fn new(wire: &'a mut dyn Wire) -> Self {
        Self { wire, correlation_id: 0 }
    }

    pub(super) fn ask<R: Request>(&mut self, version: i16, request: &R) -> Checked<R::Response> {
        let correlation_id = self.send_request(version, request)?;
        self.answer::<R>(version, correlation_id)
    }

    pub(super) fn send_request<R: Request>(&mut self, version: i16, request: &R) -> Checked<i32> {
        let frame = self.encode(version, request)?;
        self.send(frame)?;
        Ok(self.correlation_id)
    }

    pub(super) fn encode<R: Request>(&mut self, version: i16, request: &R) -> Checked<Bytes> {
        self.correlation_id += 1;
        let header = RequestHeader { correlation_id: self.correlation_id, client_id: Some("kp-conformance") };
        let segments = encode_request(&header, version, request).map_err(|error| error.to_string())?;
        Ok(Bytes::from(segments.concat()))
    }

    pub(super) fn answer<R: Request>(&mut self, version: i16, correlation_id: i32) -> Checked<R::Response> {
        self.answer_as::<R::Response>(version, correlation_id)
    }

    pub(super) fn answer_as<M: Message>(&mut self, version: i16, expected: i32) -> Checked<M> {
        let frame = self.wire.receive().map_err(|error| format!("no answer: {error}"))?;
        let frame = frame.ok_or("the connection was closed")?;
        read_answer(version, expected, &frame)
    }

    /// The answer; `None` if the broker has closed the connection instead, which is made anew.
    pub(super) fn ask_or_be_closed<R: Request>(
        &mut self,
        version: i16,
        request: &R,
    ) -> Checked<Option<R::Response>> {
        let expected = self.send_request(version, request)?;
        match self.wire.receive().map_err(|error| format!("no answer: {error}"))? {
            Some(frame) => read_answer(version, expected, &frame).map(Some),
            None => {
                self.wire.reconnect().map_err(|error| format!("cannot connect again: {error}"))?;
                Ok(None)
            }
        }
    }

    /// Asks until there is a value, with a pause in between, and not for ever.
    pub(super) fn until_ready<T>(
        &mut self,
        mut ask: impl FnMut(&mut Self) -> Checked<Option<T>>,
    ) -> Checked<T> {
        for _ in 0..TRIES {
            if let Some(value) = ask(self)? {
                return Ok(value);
            }
            self.wire.pause();
        }
        Err("the broker is not ready".to_owned())
    }

    pub(super) fn send(&mut self, bytes: Bytes) -> Checked {
        self.wire.send(bytes).map_err(|error| format!("cannot send: {error}"))
    }

    pub(super) fn expect_closed(&mut self) -> Checked {
        let came = self.wire.receive().map_err(|error| format!("neither closed nor answered: {error}"))?;
        if let Some(frame) = came {
            return Err(format!("answered with {} bytes instead of closing", frame.len()));
        }
        self.wire.reconnect().map_err(|error| format!("cannot connect again: {error}"))
    }
}

fn read_answer<M: Message>(version: i16, expected: i32, frame: &Bytes) -> Checked<M> {
    let (correlation_id, body) =
        decode_response_header(M::API, version, frame).map_err(|error| error.to_string())?;
    same("correlation id", correlation_id, expected)?;
    M::parse(&body, version).map_err(|error| error.to_string())
}

/// Says what differs.
pub(super) fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Checked {
    if found == expected { Ok(()) } else { Err(format!("{what} is {found:?}, not {expected:?}")) }
}
