//! Who is told about single records of a batch when it ends: a callback of their own, or the listener of all, by a token.

use super::list_memory::{ListMemory, Token};
use crate::completion::RecordCallback;
use kp_memory::Reservation;

/// Who is told what becomes of one record.
pub enum Notify {
    /// A callback of its own.
    Call(RecordCallback),
    /// The accumulator's [`Listener`](crate::Listener), with this number: nothing is allocated for the record.
    Token(u64),
}

impl std::fmt::Debug for Notify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Call(_) => f.write_str("Call"),
            Self::Token(token) => write!(f, "Token({token})"),
        }
    }
}

/// The callbacks and tokens of those records that have one, each in append order.
#[derive(Debug, Default)]
pub(crate) struct Callbacks {
    pub(crate) calls: Vec<Callback>,
    pub(crate) tokens: Vec<Token>,
    /// The lists' own memory, counted like everything that grows with load.
    memory: Option<Reservation>,
}

/// Room of a new list of callbacks.
const FIRST_CALLS: usize = 4;

/// The callback of the record at `index`.
pub(crate) struct Callback {
    pub(crate) index: u32,
    run: RecordCallback,
}

impl std::fmt::Debug for Callback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Callback({})", self.index)
    }
}

impl Callbacks {
    /// Adds one. `false` if there is no place for another, and no memory to make more: the batch has to close.
    #[inline]
    pub(crate) fn push(&mut self, lists: &ListMemory, index: u32, notify: Notify) -> bool {
        match notify {
            Notify::Call(run) => {
                if self.calls.len() == self.calls.capacity() {
                    self.add_calls_over(lists);
                }
                self.calls.push(Callback { index, run });
                self.calls.len() < self.calls.capacity() || self.try_add_calls(lists)
            }
            Notify::Token(token) => {
                if self.tokens.len() == self.tokens.capacity() {
                    self.add_tokens_over(lists);
                }
                self.tokens.push(Token { index, token });
                self.tokens.len() < self.tokens.capacity() || self.try_add_tokens(lists)
            }
        }
    }

    /// Places for a record that is accepted already: counted above the bound if need be.
    #[cold]
    fn add_calls_over(&mut self, lists: &ListMemory) {
        let more = self.calls.capacity().max(FIRST_CALLS);
        self.calls.reserve_exact(more);
        self.count(lists.pool().reserve_over(more * size_of::<Callback>()));
    }

    #[cold]
    fn add_tokens_over(&mut self, lists: &ListMemory) {
        let more = if self.tokens.capacity() == 0 {
            self.tokens = lists.token_list();
            self.tokens.capacity()
        } else {
            let more = self.tokens.capacity();
            self.tokens.reserve_exact(more);
            more
        };
        self.count(lists.pool().reserve_over(more * size_of::<Token>()));
    }

    #[cold]
    fn try_add_calls(&mut self, lists: &ListMemory) -> bool {
        let more = self.calls.capacity();
        let memory = lists.pool().reserve(more * size_of::<Callback>());
        memory.map(|memory| self.count(memory)).inspect(|()| self.calls.reserve_exact(more)).is_some()
    }

    #[cold]
    fn try_add_tokens(&mut self, lists: &ListMemory) -> bool {
        let more = self.tokens.capacity();
        let memory = lists.pool().reserve(more * size_of::<Token>());
        memory.map(|memory| self.count(memory)).inspect(|()| self.tokens.reserve_exact(more)).is_some()
    }

    fn count(&mut self, more: Reservation) {
        match &mut self.memory {
            Some(memory) => memory.join(more),
            None => self.memory = Some(more),
        }
    }

    /// Takes out those of the first records, up to `end` but without it; they count from `first` in `to`.
    pub(crate) fn hand_on(&mut self, lists: &ListMemory, first: u32, end: u32, to: &mut Self) {
        let calls = self.calls.partition_point(|callback| callback.index < end);
        for Callback { index, run } in self.calls.drain(..calls) {
            to.push(lists, index - first, Notify::Call(run));
        }
        let tokens = self.tokens.partition_point(|token| token.index < end);
        for Token { index, token } in self.tokens.drain(..tokens) {
            to.push(lists, index - first, Notify::Token(token));
        }
    }

    /// Tells each record's callback or the listener, in append order: `call` and `tell` are given the record's index with its callback or token.
    pub(crate) fn tell(
        self,
        lists: &ListMemory,
        mut call: impl FnMut(u32, RecordCallback),
        mut tell: impl FnMut(u32, u64),
    ) {
        let Self { calls, tokens, memory, .. } = self;
        let mut left = &tokens[..];
        let mut tell_until = |end: u32, left: &mut &[Token]| {
            let (now, later) = left.split_at(left.partition_point(|token| token.index < end));
            now.iter().for_each(|token| tell(token.index, token.token));
            *left = later;
        };
        for Callback { index, run } in calls {
            tell_until(index, &mut left);
            call(index, run);
        }
        tell_until(u32::MAX, &mut left);
        drop(memory);
        lists.keep_token_list(tokens);
    }
}
