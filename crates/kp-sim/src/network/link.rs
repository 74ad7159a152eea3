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

#[derive(Debug)]
pub(super) struct Link {
    host: Box<str>,
    pub(super) broker: BrokerId,
    /// Whether a broker listens at the address.
    pub(super) lives: bool,
    pub(super) client_side: Side,
    pub(super) broker_side: Side,
    /// Nothing arrives any more, and neither end notices.
    pub(super) is_black_hole: bool,
    pub(super) latency: Duration,
    /// When the last message of each direction arrives: none overtakes another.
    client_from: Option<Instant>,
    broker_from: Option<Instant>,
    /// Written by the client and not arrived.
    on_the_way: usize,
    waits_to_write: bool,
    at_broker: BytesMut,
    /// The broker carries out a request.
    pub(super) is_busy: bool,
    pub(super) waiting: Option<Box<Waiting>>,
    at_client: VecDeque<Bytes>,
    ended: bool,
    waits_to_read: bool,
}

impl Link {
    pub(super) fn new(host: &str) -> Self {
        Self {
            host: host.into(),
            broker: BrokerId(-1),
            lives: false,
            client_side: Side::Open,
            broker_side: Side::Opening,
            is_black_hole: false,
            latency: Duration::ZERO,
            client_from: None,
            broker_from: None,
            on_the_way: 0,
            waits_to_write: false,
            at_broker: BytesMut::new(),
            is_busy: false,
            waiting: None,
            at_client: VecDeque::new(),
            ended: false,
            waits_to_read: false,
        }
    }

    /// 7 of `broker-7`.
    pub(super) fn host_number(&self) -> Option<u8> {
        self.host.strip_prefix("broker-")?.parse().ok()
    }

    /// When what the client sends now arrives.
    pub(super) fn leaves_client(&mut self, now: Instant, jitter: Duration) -> Instant {
        let at = now + self.latency + jitter;
        let at = self.client_from.map_or(at, |last| at.max(last));
        self.client_from = Some(at);
        at
    }

    /// When what the broker sends now arrives.
    pub(super) fn leaves_broker(&mut self, now: Instant, jitter: Duration) -> Instant {
        let at = now + self.latency + jitter;
        let at = self.broker_from.map_or(at, |last| at.max(last));
        self.broker_from = Some(at);
        at
    }

    /// As much of `slices` as the window lets through; `None` when it is full, and the client will be told.
    pub(super) fn take_from_client(&mut self, slices: &[IoSlice<'_>], window: usize) -> Option<Bytes> {
        let mut room = window.saturating_sub(self.on_the_way);
        if room == 0 {
            self.waits_to_write = true;
            return None;
        }
        let mut taken = BytesMut::new();
        for slice in slices {
            let fits = slice.len().min(room);
            taken.extend_from_slice(&slice[..fits]);
            room -= fits;
        }
        self.on_the_way += taken.len();
        Some(taken.freeze())
    }

    /// Answers whether the client waits to write and is to be told.
    pub(super) fn arrive_at_broker(&mut self, bytes: &Bytes) -> bool {
        self.on_the_way = self.on_the_way.saturating_sub(bytes.len());
        if self.broker_side == Side::Open {
            self.at_broker.extend_from_slice(bytes);
        }
        std::mem::take(&mut self.waits_to_write) && self.client_side == Side::Open
    }

    /// The next whole frame, without its size.
    pub(super) fn next_frame(&mut self) -> Option<Bytes> {
        let size = u32::from_be_bytes(*self.at_broker.first_chunk()?) as usize;
        if self.at_broker.len() < 4 + size {
            return None;
        }
        self.at_broker.advance(4);
        Some(self.at_broker.split_to(size).freeze())
    }

    /// Answers whether the client waits to read and is to be told.
    pub(super) fn arrive_at_client(&mut self, bytes: Bytes) -> bool {
        if self.client_side != Side::Open {
            return false;
        }
        self.at_client.push_back(bytes);
        std::mem::take(&mut self.waits_to_read)
    }

    pub(super) fn end_at_client(&mut self) -> bool {
        self.ended = true;
        std::mem::take(&mut self.waits_to_read) && self.client_side == Side::Open
    }

    pub(super) fn has_ended_at_client(&self) -> bool {
        self.ended
    }

    pub(super) fn read(&mut self, into: &mut BytesMut) -> Poll<io::Result<usize>> {
        let room = into.capacity() - into.len();
        match self.at_client.pop_front() {
            Some(mut bytes) => {
                if bytes.len() > room {
                    self.at_client.push_front(bytes.split_off(room));
                }
                into.extend_from_slice(&bytes);
                Poll::Ready(Ok(bytes.len()))
            }
            None if self.ended => Poll::Ready(Ok(0)),
            None => {
                self.waits_to_read = true;
                Poll::Pending
            }
        }
    }
}
