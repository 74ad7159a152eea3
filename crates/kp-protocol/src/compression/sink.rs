//! Where codecs write: a `Vec` that may not grow beyond a limit.

/// An output that stops at its limit instead of growing.
pub(crate) struct Sink<'a> {
    out: &'a mut Vec<u8>,
    limit: usize,
    is_over: bool,
}

impl<'a> Sink<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>, limit: usize) -> Self {
        let is_over = out.len() > limit;
        Self { out, limit, is_over }
    }

    /// Whether something did not fit. From then on everything is dropped; a codec may stop.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        let room = self.limit.saturating_sub(self.out.len());
        if self.is_over || bytes.len() > room {
            self.is_over = true;
            return;
        }
        if self.out.capacity() - self.out.len() < bytes.len() {
            // Doubling by hand, so that the capacity stops at the limit too.
            let more = self.out.capacity().max(bytes.len()).min(room);
            self.out.reserve_exact(more);
        }
        self.out.extend_from_slice(bytes);
    }
}
