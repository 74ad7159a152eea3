//! Plain counters of the network client, for the facade to map to metrics. Written by the thread that polls.

/// What the network client has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkCounters {
    /// Turns of the selector. A healthy client makes about one per batch of events; more is spinning.
    pub turns: u64,
    /// Connections begun, those included that failed.
    pub connections_tried: u64,
    /// Connections that became ready.
    pub connections_made: u64,
    /// Connections, or attempts, that ended.
    pub connections_ended: u64,
    /// Requests taken from the caller.
    pub requests: u64,
    /// Responses handed to the caller.
    pub responses: u64,
    /// Writes to sockets that took bytes.
    pub writes: u64,
    /// Bytes written to sockets.
    pub bytes_written: u64,
    /// Reads from sockets that gave bytes.
    pub reads: u64,
    /// Bytes read from sockets.
    pub bytes_read: u64,
}
