//! One transaction, as everything sees it that sends in it: open until it is sealed, with the first reason against a commit.
//! Touched by sending threads, by the thread that ends it, and by the driver. Locks: the sleepers, and the groups; each short.
//! Never: waits, nor asks a broker.

use crate::drive::link::{Command, Link};
use crate::drive::parker::wake_all;
use crate::error::SendErrorKind;
use kp_accumulator::{AppendSeal, Sealing};
use kp_sender::{TransactionFailure, TransactionFailureKind, TransactionInput};
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(crate) struct Scope {
    number: u64,
    begun: Instant,
    seal: AppendSeal,
    /// Whether to commit: decided before the seal falls, and never again.
    decision: OnceLock<bool>,
    /// The first thing that makes a commit impossible.
    doom: OnceLock<TransactionFailure>,
    tolerates_refusals: AtomicBool,
    records: AtomicU64,
    groups: Mutex<BTreeSet<Arc<str>>>,
    sleepers: Mutex<Sleepers>,
}

/// Calls that wait for memory, metadata or a place, each to be woken by the seal.
#[derive(Debug, Default)]
struct Sleepers {
    next: u64,
    wakers: BTreeMap<u64, Waker>,
}

impl Scope {
    pub(crate) fn new(number: u64, begun: Instant) -> Self {
        Self {
            number,
            begun,
            seal: AppendSeal::new(),
            decision: OnceLock::new(),
            doom: OnceLock::new(),
            tolerates_refusals: AtomicBool::new(false),
            records: AtomicU64::new(0),
            groups: Mutex::default(),
            sleepers: Mutex::default(),
        }
    }

    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.begun)
    }

    /// Whether it was sealed.
    pub(crate) fn is_ended(&self) -> bool {
        self.seal.is_sealed()
    }

    /// What was decided at the seal.
    pub(crate) fn is_to_commit(&self) -> bool {
        self.decision.get() == Some(&true)
    }

    pub(crate) fn doomed(&self) -> Option<&TransactionFailure> {
        self.doom.get()
    }

    pub(crate) fn records(&self) -> u64 {
        self.records.load(Ordering::Acquire)
    }

    pub(crate) fn groups(&self) -> usize {
        self.groups.lock().len()
    }

    pub(crate) fn add_group(&self, group: &Arc<str>) {
        self.groups.lock().insert(Arc::clone(group));
    }

    /// Refused records leave the way to a commit open from now on.
    pub(crate) fn tolerate_refused(&self) {
        self.tolerates_refusals.store(true, Ordering::Release);
    }

    /// Holds the seal off for one append. While it is held, no user code runs and nothing is waited for.
    pub(crate) fn enter<'s>(&'s self, link: &'s Link) -> Result<Entered<'s>, SendErrorKind> {
        if !self.seal.enter() {
            return Err(SendErrorKind::TransactionEnded);
        }
        let entered = Entered { scope: self, link };
        match self.doom.get() {
            None => Ok(entered),
            Some(why) => Err(SendErrorKind::TransactionDoomed { why: Arc::from(why.to_string()) }),
        }
    }

    /// Seals it: nothing enters any more, calls that wait in it are refused, and the core is told of the end behind the last append
    /// in progress. The first decision counts.
    pub(crate) fn end(&self, commit: bool, link: &Link) {
        let _ = self.decision.set(commit);
        if self.seal.seal() == Sealing::Empty {
            self.tell_end(link);
        }
        let wakers = std::mem::take(&mut self.sleepers.lock().wakers);
        wake_all(wakers.into_values());
    }

    /// A `send` refused its record: a commit must not leave the others without it (TX13). Whether there is no commit by now.
    pub(crate) fn refused(&self, kind: &SendErrorKind, topic: &str, link: &Link) -> bool {
        if !self.tolerates_refusals.load(Ordering::Acquire) {
            self.doom(link, || TransactionFailureKind::SendRefused {
                reason: format!("{topic}: {kind}").into(),
            });
        }
        self.doom.get().is_some()
    }

    /// Says that it cannot be committed; too late when it is sealed.
    pub(crate) fn doom(&self, link: &Link, why: impl FnOnce() -> TransactionFailureKind) {
        // Inside, so that the core hears of it before it hears of the end.
        let Ok(_entered) = self.enter(link) else { return };
        let why = TransactionFailure::of(why());
        if self.doom.set(why.clone()).is_ok() {
            link.tell(Command::Transaction(TransactionInput::Doom { number: self.number, why }));
        }
    }

    /// The core says that it cannot be committed.
    pub(crate) fn note_doom(&self, why: TransactionFailure) {
        let _ = self.doom.set(why);
    }

    fn tell_end(&self, link: &Link) {
        let (number, commit) = (self.number, self.is_to_commit());
        link.tell(Command::Transaction(TransactionInput::End { number, commit }));
    }
}

/// One append in progress.
pub(crate) struct Entered<'s> {
    scope: &'s Scope,
    link: &'s Link,
}

impl Entered<'_> {
    /// The record is in.
    #[inline]
    pub(crate) fn accepted(self) {
        self.scope.records.fetch_add(1, Ordering::Release);
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if self.scope.seal.leave() {
            self.scope.tell_end(self.link);
        }
    }
}

/// Waits for `future`, and no longer than the transaction is open.
pub(crate) async fn unless_ended<T>(
    scope: Option<&Scope>,
    future: impl Future<Output = Result<T, SendErrorKind>>,
) -> Result<T, SendErrorKind> {
    let Some(scope) = scope else { return future.await };
    let sleeper = Sleeper::new(scope);
    let mut future = pin!(future);
    poll_fn(|cx| match sleeper.is_over(cx.waker()) {
        true => Poll::Ready(Err(SendErrorKind::TransactionEnded)),
        false => future.as_mut().poll(cx),
    })
    .await
}

/// A place among the sleepers; dropping it gives it up.
struct Sleeper<'s> {
    scope: &'s Scope,
    place: u64,
}

impl<'s> Sleeper<'s> {
    fn new(scope: &'s Scope) -> Self {
        let mut sleepers = scope.sleepers.lock();
        sleepers.next += 1;
        Self { scope, place: sleepers.next }
    }

    /// Whether the seal has fallen; if not, `waker` runs when it does.
    fn is_over(&self, waker: &Waker) -> bool {
        // Cloned before the lock, and the earlier one dropped behind it: a waker is foreign code.
        let waker = waker.clone();
        let earlier = self.scope.sleepers.lock().wakers.insert(self.place, waker);
        drop(earlier);
        // Behind the registration: a seal that falls in between finds the waker.
        self.scope.is_ended()
    }
}

impl Drop for Sleeper<'_> {
    fn drop(&mut self) {
        let waker = self.scope.sleepers.lock().wakers.remove(&self.place);
        drop(waker);
    }
}
