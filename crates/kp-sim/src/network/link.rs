//! One connection: bytes on their way in both directions, and what each side knows of the other.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use kp_protocol::BrokerId;

use crate::Waiting;

/// A side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Not yet.
    Opening,
    Open,
    Closed,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    host: Box<str>,
    pub(super) broker: BrokerId,
    /// Whether a broker listens at the address.
    pub(super) lives: bool,
    /// Nothing arrives any more, and neither end notices.
    pub(super) is_black_hole: bool,
    pub(super) latency: Duration,
    pub(super) client: ClientEnd,
    pub(super) server: BrokerEnd,
}

/// What the client's end has sent, and what has come to it.
#[derive(Debug)]
pub(super) struct ClientEnd {
    pub(super) side: Side,
    /// When the last message to the broker arrives: none overtakes another.
    last_arrival: Option<Instant>,
    /// Bytes written and not arrived.
    on_the_way: usize,
    waits_to_write: bool,
    inbox: VecDeque<Bytes>,
    /// The broker's end has come.
    ended: bool,
    waits_to_read: bool,
}

/// What has come to the broker's end, and what the broker does with it.
#[derive(Debug)]
pub(super) struct BrokerEnd {
    pub(super) side: Side,
    /// When the last message to the client arrives.
    last_arrival: Option<Instant>,
    inbox: BytesMut,
    /// The broker carries out a request.
    pub(super) is_busy: bool,
    /// The request that waits for something to happen.
    pub(super) waiting: Option<Box<Waiting>>,
}

impl Link {
    pub(super) fn new(host: &str) -> Self {
        let client = ClientEnd {
            side: Side::Open,
            last_arrival: None,
            on_the_way: 0,
            waits_to_write: false,
            inbox: VecDeque::new(),
            ended: false,
            waits_to_read: false,
        };
        let server = BrokerEnd {
            side: Side::Opening,
            last_arrival: None,
            inbox: BytesMut::new(),
            is_busy: false,
            waiting: None,
        };
        Self {
            host: host.into(),
            broker: BrokerId(-1),
            lives: false,
            is_black_hole: false,
            latency: Duration::ZERO,
            client,
            server,
        }
    }

    /// 7 of `broker-7`.
    pub(super) fn host_number(&self) -> Option<u8> {
        self.host.strip_prefix("broker-")?.parse().ok()
    }

    /// When what the client sends now arrives.
    pub(super) fn leaves_client(&mut self, now: Instant, jitter: Duration) -> Instant {
        let at = now + self.latency + jitter;
        let at = self.client.last_arrival.map_or(at, |last| at.max(last));
        self.client.last_arrival = Some(at);
        at
    }

    /// When what the broker sends now arrives.
    pub(super) fn leaves_broker(&mut self, now: Instant, jitter: Duration) -> Instant {
        let at = now + self.latency + jitter;
        let at = self.server.last_arrival.map_or(at, |last| at.max(last));
        self.server.last_arrival = Some(at);
        at
    }

    /// As much of `slices` as the window lets through; `None` when it is full, and the client will be told.
    pub(super) fn take_from_client(&mut self, slices: &[IoSlice<'_>], window: usize) -> Option<Bytes> {
        let mut room = window.saturating_sub(self.client.on_the_way);
        if room == 0 {
            self.client.waits_to_write = true;
            return None;
        }
        let mut taken = BytesMut::new();
        for slice in slices {
            let fits = slice.len().min(room);
            taken.extend_from_slice(&slice[..fits]);
            room -= fits;
        }
        self.client.on_the_way += taken.len();
        Some(taken.freeze())
    }

    /// Answers whether the client waits to write and is to be told.
    pub(super) fn arrive_at_broker(&mut self, bytes: &Bytes) -> bool {
        self.client.on_the_way = self.client.on_the_way.saturating_sub(bytes.len());
        if self.server.side == Side::Open {
            self.server.inbox.extend_from_slice(bytes);
        }
        std::mem::take(&mut self.client.waits_to_write) && self.client.side == Side::Open
    }

    /// The next whole frame, without its size.
    pub(super) fn next_frame(&mut self) -> Option<Bytes> {
        let size = u32::from_be_bytes(*self.server.inbox.first_chunk()?) as usize;
        if self.server.inbox.len() < 4 + size {
            return None;
        }
        self.server.inbox.advance(4);
        Some(self.server.inbox.split_to(size).freeze())
    }

    /// Answers whether the client waits to read and is to be told.
    pub(super) fn arrive_at_client(&mut self, bytes: Bytes) -> bool {
        if self.client.side != Side::Open {
            return false;
        }
        self.client.inbox.push_back(bytes);
        std::mem::take(&mut self.client.waits_to_read)
    }

    pub(super) fn end_at_client(&mut self) -> bool {
        self.client.ended = true;
        std::mem::take(&mut self.client.waits_to_read) && self.client.side == Side::Open
    }

    pub(super) fn has_ended_at_client(&self) -> bool {
        self.client.ended
    }

    pub(super) fn read(&mut self, into: &mut BytesMut) -> Poll<io::Result<usize>> {
        let room = into.capacity() - into.len();
        match self.client.inbox.pop_front() {
            Some(mut bytes) => {
                if bytes.len() > room {
                    self.client.inbox.push_front(bytes.split_off(room));
                }
                into.extend_from_slice(&bytes);
                Poll::Ready(Ok(bytes.len()))
            }
            None if self.client.ended => Poll::Ready(Ok(0)),
            None => {
                self.client.waits_to_read = true;
                Poll::Pending
            }
        }
    }
}
