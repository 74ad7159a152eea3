//! Numbers requests, over all connections: a number seen in a trace is then one request. Owned by the client.

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct CorrelationIds {
    next: i32,
}

impl CorrelationIds {
    /// The last eight numbers below `i32::MAX` are left to SASL re-authentication (KIP-368), as in Java (NC9).
    const END: i32 = i32::MAX - 7;

    /// The number of the next request.
    pub(crate) fn next(&mut self) -> i32 {
        let id = self.next;
        self.next = if id + 1 == Self::END { 0 } else { id + 1 };
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // NC9
    #[test]
    fn correlation_ids_grow_and_start_again_below_the_reserved_ones() {
        let mut ids = CorrelationIds::default();
        assert_eq!((ids.next(), ids.next(), ids.next()), (0, 1, 2));
        let mut ids = CorrelationIds { next: CorrelationIds::END - 2 };
        assert_eq!((ids.next(), ids.next(), ids.next()), (i32::MAX - 9, i32::MAX - 8, 0));
    }
}
