//! Length-prefixed frames and the headers of requests and responses, for both ends of a connection.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::api_key::ApiKey;
use crate::error::{Fault, ProtocolError};
use crate::field::{ParseFault, Parsed};
use crate::primitive::{array, take};
use crate::segments::Segments;
use crate::tagged::TagSection;
use crate::wire::{Message, Request, check_version};
use crate::wire_buf::WireBuf;

/// Bytes of the size in front of every frame.
const SIZE_PREFIX: usize = 4;

/// The largest frame a reader takes unless the caller sets another: 100 MiB, like a broker's `socket.request.max.bytes`.
pub const DEFAULT_MAX_FRAME: usize = 100 * 1024 * 1024;

/// What a client puts in front of each request, besides API and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestHeader<'a> {
    /// Comes back in the response.
    pub correlation_id: i32,
    /// The key `client.id`, at most 32,767 bytes (longer is cut off).
    pub client_id: Option<&'a str>,
}

/// A request's header as a broker reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedHeader {
    /// The API.
    pub api: ApiKey,
    /// Its version; perhaps one that this crate does not know.
    pub version: i16,
    /// To be put into the response.
    pub correlation_id: i32,
    /// The key `client.id`, if the client says one.
    pub client_id: Option<crate::KafkaString>,
}

/// A whole request frame in segments: size, header, body. Records are handed on by reference.
///
/// ```
/// use kp_protocol::{RequestHeader, api::MetadataRequest, encode_request};
/// let header = RequestHeader { correlation_id: 7, client_id: Some("kp") };
/// let segments = encode_request(&header, 1, &MetadataRequest::default())?;
/// assert_eq!(segments.concat(), b"\0\0\0\x10\0\x03\0\x01\0\0\0\x07\0\x02kp\xff\xff\xff\xff");
/// # Ok::<(), kp_protocol::ProtocolError>(())
/// ```
///
/// # Errors
/// As [`Message::size`].
pub fn encode_request<R: Request>(
    header: &RequestHeader<'_>,
    version: i16,
    body: &R,
) -> Result<Segments, ProtocolError> {
    let size = body.size(version)?;
    let head = request_head_size(R::KEY, version, header.client_id);
    let mut out = WireBuf::with_capacity(head + size - body.shared_size());
    put_request_head(out.written_mut(), R::KEY, version, header, head, size)?;
    body.put(version, &mut out);
    Ok(out.into_segments())
}

/// A body alone, in segments, for a network that puts [`request_head`] before it later.
///
/// # Errors
/// As [`Message::size`].
pub fn encode_body<M: Message>(version: i16, body: &M) -> Result<Segments, ProtocolError> {
    let size = body.size(version)?;
    let mut out = WireBuf::with_capacity(size - body.shared_size());
    body.put(version, &mut out);
    Ok(out.into_segments())
}

/// Size prefix and request header for a body of `body_len` bytes.
///
/// # Errors
/// [`ProtocolError::TooLong`] if the frame would not fit its size prefix.
pub fn request_head(
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
    body_len: usize,
) -> Result<Bytes, ProtocolError> {
    let mut memory = BytesMut::with_capacity(request_head_size(api, version, client_id));
    request_head_in(&mut memory, api, version, correlation_id, client_id, body_len)
}

/// As [`request_head`], written behind what was written to `memory` before: one piece of memory for the heads of many requests,
/// used again when no request holds them any more. `memory` is empty before and afterwards.
///
/// # Errors
/// As [`request_head`].
pub fn request_head_in(
    memory: &mut BytesMut,
    api: ApiKey,
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
    body_len: usize,
) -> Result<Bytes, ProtocolError> {
    memory.clear();
    let header = RequestHeader { correlation_id, client_id };
    let head = request_head_size(api, version, client_id);
    put_request_head(memory, api, version, &header, head, body_len)?;
    Ok(memory.split().freeze())
}

/// Reads a frame's content (without its size prefix) as the response to a request of `api` and `version`: the
/// correlation id and the body.
///
/// # Errors
/// [`ProtocolError::Malformed`] if the header is cut short.
pub fn decode_response_header(
    api: ApiKey,
    version: i16,
    frame: &Bytes,
) -> Result<(i32, Bytes), ProtocolError> {
    let flexible = api.response_header_version(version) == 1;
    let parse = || -> Parsed<'_, i32> {
        let (rest, correlation_id) = array(frame)?;
        let (rest, ()) = if flexible { skip_tags(rest)? } else { (rest, ()) };
        Ok((rest, i32::from_be_bytes(correlation_id)))
    };
    match parse() {
        Ok((rest, correlation_id)) => Ok((correlation_id, frame.slice_ref(rest))),
        Err(fault) => Err(ParseFault::explain(fault, "ResponseHeader", i16::from(flexible), frame.len())),
    }
}

/// Broker side: reads a frame's content (without its size prefix) as a request: its header and its body.
///
/// The version is not checked against what this crate knows, since an unknown version of ApiVersions is to be
/// answered, not dropped (KIP-511); reading the body checks it.
///
/// # Errors
/// [`ProtocolError::UnknownApiKey`], or [`ProtocolError::Malformed`] if the header is no header.
pub fn decode_request_header(frame: &Bytes) -> Result<(ReceivedHeader, Bytes), ProtocolError> {
    let explain = |fault| ParseFault::explain(fault, "RequestHeader", 1, frame.len());
    let (rest, key) = array(frame).map_err(explain)?;
    let key = i16::from_be_bytes(key);
    let api = ApiKey::from_i16(key).ok_or(ProtocolError::UnknownApiKey { key })?;
    let (rest, header) = received_header(rest, frame, api).map_err(explain)?;
    Ok((header, frame.slice_ref(rest)))
}

/// Broker side: a whole response frame in segments: size, header, body.
///
/// # Errors
/// As [`Message::size`].
pub fn encode_response<M: Message>(
    version: i16,
    correlation_id: i32,
    body: &M,
) -> Result<Segments, ProtocolError> {
    let size = body.size(version)?;
    let tagged = M::API.response_header_version(version) == 1;
    let head = SIZE_PREFIX + 4 + usize::from(tagged);
    let mut out = WireBuf::with_capacity(head + size - body.shared_size());
    out.put_i32(frame_size(head - SIZE_PREFIX + size)?);
    out.put_i32(correlation_id);
    if tagged {
        out.put_uvarint(0);
    }
    body.put(version, &mut out);
    Ok(out.into_segments())
}

/// Cuts a stream of bytes into frames, however the bytes arrive.
///
/// ```
/// use kp_protocol::FrameReader;
/// let mut reader = FrameReader::default();
/// reader.extend(b"\0\0\0\x03ab");
/// assert_eq!(reader.next_frame()?, None);
/// reader.extend(b"c\0\0");
/// assert_eq!(reader.next_frame()?.as_deref(), Some(&b"abc"[..]));
/// assert_eq!(reader.next_frame()?, None);
/// # Ok::<(), kp_protocol::ProtocolError>(())
/// ```
#[derive(Debug)]
pub struct FrameReader {
    buffer: BytesMut,
    limit: usize,
}

impl Default for FrameReader {
    fn default() -> Self {
        Self::with_limit(DEFAULT_MAX_FRAME)
    }
}

impl FrameReader {
    /// A reader that refuses frames of more than `limit` bytes.
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self { buffer: BytesMut::new(), limit }
    }

    /// From now on refuses frames of more than `limit` bytes.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// Takes bytes in.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Where a socket may read into, to spare [`extend`](Self::extend)'s copy. Append only.
    pub fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// Bytes taken in and not handed out yet.
    #[must_use]
    pub fn buffered(&self) -> usize {
        self.buffer.len()
    }

    /// The bytes taken in and not handed out yet: what came, when it turns out to be no frame.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        &self.buffer
    }

    /// How many bytes are missing at least until a frame is whole; 0 if one is. For sizing the next read.
    #[must_use]
    pub fn missing(&self) -> usize {
        match self.buffer.first_chunk::<SIZE_PREFIX>() {
            Some(size) => {
                let size = usize::try_from(i32::from_be_bytes(*size)).unwrap_or(0);
                if size > self.limit { 0 } else { (SIZE_PREFIX + size).saturating_sub(self.buffer.len()) }
            }
            None => SIZE_PREFIX - self.buffer.len(),
        }
    }

    /// The next whole frame without its size, or `None` until more bytes are in. Call until `None`.
    ///
    /// # Errors
    /// [`ProtocolError::FrameSize`]: the stream is no stream of frames (any more); drop the connection.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, ProtocolError> {
        let Some(prefix) = self.buffer.first_chunk::<SIZE_PREFIX>() else { return Ok(None) };
        let size = i32::from_be_bytes(*prefix);
        let length = match usize::try_from(size) {
            Ok(length) if length <= self.limit => length,
            _ => return Err(ProtocolError::FrameSize { size, limit: self.limit }),
        };
        if self.buffer.len() < SIZE_PREFIX + length {
            return Ok(None);
        }
        self.buffer.advance(SIZE_PREFIX);
        Ok(Some(self.buffer.split_to(length).freeze()))
    }
}

fn request_head_size(api: ApiKey, version: i16, client_id: Option<&str>) -> usize {
    let tags = usize::from(api.request_header_version(version) == 2);
    SIZE_PREFIX + 2 + 2 + 4 + 2 + client_id.map_or(0, |id| fitting(id).len()) + tags
}

fn put_request_head(
    out: &mut impl BufMut,
    api: ApiKey,
    version: i16,
    header: &RequestHeader<'_>,
    head_size: usize,
    body_len: usize,
) -> Result<(), ProtocolError> {
    check_version(api.name(), version, api.versions())?;
    out.put_i32(frame_size(head_size - SIZE_PREFIX + body_len)?);
    out.put_i16(api.key());
    out.put_i16(version);
    out.put_i32(header.correlation_id);
    // The length stays an i16 in flexible versions too (KIP-482), so that old brokers can read any ApiVersions.
    match header.client_id.map(fitting) {
        Some(id) => {
            out.put_i16(id.len() as i16);
            out.put_slice(id);
        }
        None => out.put_i16(-1),
    }
    if api.request_header_version(version) == 2 {
        out.put_u8(0); // tagged fields: none
    }
    Ok(())
}

/// As much of a client id as its length can say, cut between two characters.
fn fitting(client_id: &str) -> &[u8] {
    let mut end = client_id.len().min(i16::MAX as usize);
    while !client_id.is_char_boundary(end) {
        end -= 1;
    }
    &client_id.as_bytes()[..end]
}

fn frame_size(size: usize) -> Result<i32, ProtocolError> {
    i32::try_from(size).map_err(|_| ProtocolError::TooLong {
        what: "frame",
        length: size,
        limit: i32::MAX as usize,
    })
}

fn skip_tags(input: &[u8]) -> Parsed<'_, ()> {
    let (mut rest, mut tags) = TagSection::open(input)?;
    loop {
        let (after, field) = tags.next(rest)?;
        rest = after;
        if field.is_none() {
            return Ok((rest, ()));
        }
    }
}

fn received_header<'a>(input: &'a [u8], frame: &'a Bytes, api: ApiKey) -> Parsed<'a, ReceivedHeader> {
    let (rest, version) = array(input)?;
    let version = i16::from_be_bytes(version);
    let (rest, correlation_id) = array(rest)?;
    let (rest, length) = array(rest)?;
    let (rest, client_id) = match i16::from_be_bytes(length) {
        -1 => (rest, None),
        length @ 0.. => {
            let (after, text) = take(rest, length as usize)?;
            match crate::KafkaString::from_utf8_in(text, frame) {
                Some(text) => (after, Some(text)),
                None => return ParseFault::err(rest, Fault::NotUtf8),
            }
        }
        length => return ParseFault::err(rest, Fault::Negative { length: i64::from(length) }),
    };
    let (rest, ()) = if api.request_header_version(version) == 2 { skip_tags(rest)? } else { (rest, ()) };
    Ok((rest, ReceivedHeader { api, version, correlation_id: i32::from_be_bytes(correlation_id), client_id }))
}
