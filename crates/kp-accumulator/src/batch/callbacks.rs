//! Who is told about single records of a batch when it ends: a callback of their own, or the listener of all, by a token.

use crate::completion::{RecordCallback, RecordOutcome};
use crate::partition_queue::Home;
use kp_memory::Reservation;

/// Who is told what becomes of one record.
pub enum Notify {
    /// A callback of its own.
    Call(RecordCallback),
    /// The accumulator's [`Listener`], with this number: nothing is allocated for the record.
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

/// Told about each record that was appended with a token, on the thread that settles the batch, without locks.
pub type Listener = Box<dyn Fn(u64, RecordOutcome<'_>) + Send + Sync>;

/// The callbacks and tokens of those records that have one, each in append order.
#[derive(Debug, Default)]
pub(crate) struct Callbacks {
    pub(crate) calls: Vec<Callback>,
    pub(crate) tokens: Vec<Token>,
    /// The lists' own memory, counted like everything that grows with load.
    memory: Option<Reservation>,
    counted: usize,
}

/// The callback of the record at `index`.
pub(crate) struct Callback {
    pub(crate) index: u32,
    run: RecordCallback,
}

/// The token of the record at `index`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) index: u32,
    token: u64,
}

impl std::fmt::Debug for Callback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Callback({})", self.index)
    }
}

impl Callbacks {
    /// Adds one. Its place in the list is counted when the list grows, above the bound if need be: the record is accepted
    /// already.
    pub(crate) fn push(&mut self, home: &Home, index: u32, notify: Notify) {
        match notify {
            Notify::Call(run) => self.calls.push(Callback { index, run }),
            Notify::Token(token) => {
                if self.tokens.capacity() == 0 {
                    self.tokens = home.topic.incomplete.token_list();
                }
                self.tokens.push(Token { index, token });
            }
        }
        let size =
            self.calls.capacity() * size_of::<Callback>() + self.tokens.capacity() * size_of::<Token>();
        if size > self.counted {
            let grown = size - self.counted;
            self.counted = size;
            match &mut self.memory {
                Some(memory) => memory.grow_over(grown),
                None => self.memory = Some(home.topic.pool.reserve_over(grown)),
            }
        }
    }

    /// Takes out those of the first records, up to `end` but without it; they count from `first` in `to`.
    pub(crate) fn hand_on(&mut self, home: &Home, first: u32, end: u32, to: &mut Self) {
        let calls = self.calls.partition_point(|callback| callback.index < end);
        for Callback { index, run } in self.calls.drain(..calls) {
            to.push(home, index - first, Notify::Call(run));
        }
        let tokens = self.tokens.partition_point(|token| token.index < end);
        for Token { index, token } in self.tokens.drain(..tokens) {
            to.push(home, index - first, Notify::Token(token));
        }
    }

    /// Tells everybody, in append order: `call` and `tell` are given the record's index with its callback or token.
    pub(crate) fn tell(
        self,
        home: &Home,
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
        home.topic.incomplete.keep_token_list(tokens);
    }
}
