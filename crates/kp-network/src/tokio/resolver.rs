//! Names to addresses, on threads of their own: `getaddrinfo` blocks, and a runtime's pool would make its drop wait
//! for it. Started by the polling thread when there is something to look up; each ends when nothing is left to do.

use super::bell::Bell;
use crate::ConnectionNumber;
use std::collections::VecDeque;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Look-ups at a time: a name server that hangs for one name must not keep the others waiting.
const THREADS: usize = 8;

/// What the system said about a name.
pub(super) type Answer = (ConnectionNumber, Result<Vec<SocketAddr>, Arc<str>>);

/// Looks names up without blocking its owner.
#[derive(Debug)]
pub(super) struct Resolver {
    desk: Arc<Desk>,
}

/// Shared with the threads. The lock is never held during a look-up.
#[derive(Debug)]
struct Desk {
    state: Mutex<State>,
    bell: Arc<Bell>,
}

#[derive(Debug, Default)]
struct State {
    asked: VecDeque<(ConnectionNumber, String, u16)>,
    answers: Vec<Answer>,
    threads: usize,
}

impl Resolver {
    /// A resolver that nudges `bell` when it has an answer. Starts no thread yet.
    pub(super) fn new(bell: Arc<Bell>) -> Self {
        Self { desk: Arc::new(Desk { state: Mutex::default(), bell }) }
    }

    /// Looks up `host`; the answer comes out of [`take_answers`](Self::take_answers), after a nudge.
    pub(super) fn ask(&self, number: ConnectionNumber, host: &str, port: u16) {
        let mut state = self.desk.lock();
        state.asked.push_back((number, host.to_owned(), port));
        if state.threads == THREADS {
            return;
        }
        state.threads += 1;
        drop(state);
        let desk = Arc::clone(&self.desk);
        let started =
            thread::Builder::new().name("kafka-producer-resolver".to_owned()).spawn(move || desk.serve());
        if let Err(error) = started {
            let mut state = self.desk.lock();
            state.threads -= 1;
            // Other threads at work will come to it; without them no thread would.
            if state.threads == 0 {
                let reason: Arc<str> = format!("no thread to look the name up: {error}").into();
                let State { asked, answers, .. } = &mut *state;
                answers.extend(asked.drain(..).map(|(number, _, _)| (number, Err(Arc::clone(&reason)))));
                drop(state);
                self.desk.bell.nudge();
            }
        }
    }

    /// The answer is not wanted any more.
    pub(super) fn forget(&self, number: ConnectionNumber) {
        self.desk.lock().asked.retain(|(asked, _, _)| *asked != number);
    }

    /// The answers since the last time.
    pub(super) fn take_answers(&self) -> Vec<Answer> {
        std::mem::take(&mut self.desk.lock().answers)
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        self.desk.lock().asked.clear();
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        loop {
            let (number, host, port) = {
                let mut state = self.lock();
                match state.asked.pop_front() {
                    Some(asked) => asked,
                    None => {
                        state.threads -= 1;
                        return;
                    }
                }
            };
            let found = (host.as_str(), port).to_socket_addrs();
            let result = found.map(Iterator::collect).map_err(|error| error.to_string().into());
            self.lock().answers.push((number, result));
            self.bell.nudge();
        }
    }
}
