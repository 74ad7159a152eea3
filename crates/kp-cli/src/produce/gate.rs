//! The gate between Ctrl-C and a read that may never return.
//! Reading stdin cannot be interrupted portably. So the reader says when it goes into a read, and the thread that stops the
//! input waits only until nothing more can be sent: the reader is inside a read (and will find the gate shut when
//! it comes back), or it has ended.

use std::{
    io::{self, Read},
    pin::pin,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
};

/// Shared by the thread that reads and sends, and the threads that may stop it.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    shut: AtomicBool,
    reader: Mutex<Reader>,
    changed: Condvar,
    /// The thread that reads and sends, once it has waited for something.
    sender: OnceLock<Thread>,
}

/// Wakes the thread that waits in [`Gate::wait_for`].
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// What a thread needs to wait for futures; made once, because records are many.
pub(crate) struct Waiter(Waker);

#[derive(Debug, Default, PartialEq, Eq)]
enum Reader {
    #[default]
    Working,
    InRead,
    Ended,
}

impl Gate {
    /// Whether reading is over. One atomic load: ask before each record.
    pub(crate) fn is_shut(&self) -> bool {
        self.shut.load(Ordering::Acquire)
    }

    /// Ends the reading, and waits until nothing more can be sent.
    pub(crate) fn shut(&self) {
        self.ask_to_end();
        let mut reader = self.lock();
        while *reader == Reader::Working {
            reader = self.changed.wait(reader).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends the reading, and waits for nothing: for an owner that says by itself when it is done.
    pub(crate) fn ask_to_end(&self) {
        self.shut.store(true, Ordering::Release);
        if let Some(sender) = self.sender.get() {
            sender.unpark();
        }
    }

    /// For the thread that reads and sends, before it sends: shutting the gate will wake it.
    pub(crate) fn waiter(&self) -> Waiter {
        let sender = self.sender.get_or_init(thread::current);
        Waiter(Arc::new(Unpark(sender.clone())).into())
    }

    /// Waits on this thread; `None` if the gate was shut first, and the future is dropped then.
    pub(crate) fn wait_for<T>(&self, waiter: &Waiter, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        let mut context = Context::from_waker(&waiter.0);
        loop {
            if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
                return Some(done);
            }
            // The gate is shut before this thread is woken for it, so no waking is lost between these two.
            if self.is_shut() {
                return None;
            }
            thread::park();
        }
    }

    /// Waits on this thread for what has to end whether the gate is shut or not.
    pub(crate) fn wait_to_the_end<T>(waiter: &Waiter, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let mut context = Context::from_waker(&waiter.0);
        loop {
            match future.as_mut().poll(&mut context) {
                Poll::Ready(done) => return done,
                Poll::Pending => thread::park(),
            }
        }
    }

    /// The thread that reads is at its end. Held by a guard so that a panic says it, too.
    pub(crate) fn guard(self: &Arc<Self>) -> EndGuard {
        EndGuard(Arc::clone(self))
    }

    fn set(&self, state: Reader) {
        *self.lock() = state;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says "ended" when it is dropped.
pub(crate) struct EndGuard(Arc<Gate>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        self.0.set(Reader::Ended);
    }
}

/// Bytes that end when the gate is shut.
pub(crate) struct Gated<R> {
    pub(crate) inner: R,
    pub(crate) gate: Arc<Gate>,
}

impl<R: Read> Read for Gated<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.gate.set(Reader::InRead);
        let read = if self.gate.is_shut() { Ok(0) } else { self.inner.read(buffer) };
        self.gate.set(Reader::Working);
        // What came in after the gate was shut is not sent: it counts as unread in every report.
        if self.gate.is_shut() { Ok(0) } else { read }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "two threads are the point")]
    fn shutting_does_not_wait_for_a_read_that_hangs() {
        struct Hangs(mpsc::Sender<()>, mpsc::Receiver<()>);
        impl Read for Hangs {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                self.0.send(()).unwrap();
                self.1.recv().unwrap();
                Ok(7)
            }
        }
        let gate = Arc::new(Gate::default());
        let (entered, is_inside) = mpsc::channel();
        let (release, released) = mpsc::channel();
        let mut gated = Gated { inner: Hangs(entered, released), gate: Arc::clone(&gate) };
        let reader = std::thread::spawn(move || gated.read(&mut [0; 8]).unwrap());
        is_inside.recv().unwrap();
        gate.shut(); // returns while the read still hangs
        release.send(()).unwrap();
        assert_eq!(reader.join().unwrap(), 0, "bytes that came after the gate was shut are not handed on");
    }

    #[test]
    fn shutting_ends_a_wait_that_would_not_end() {
        let gate = Arc::new(Gate::default());
        let (polled, is_waiting) = mpsc::channel();
        let waiting = Arc::clone(&gate);
        let sender = thread::spawn(move || {
            let _ended = waiting.guard();
            let waiter = waiting.waiter();
            waiting.wait_for(
                &waiter,
                std::future::poll_fn(|_| -> Poll<()> {
                    polled.send(()).unwrap();
                    Poll::Pending
                }),
            )
        });
        is_waiting.recv().unwrap();
        gate.shut();
        assert_eq!(sender.join().unwrap(), None);
        // What is ready is taken, shut or not: it has happened.
        let other = Gate::default();
        other.shut.store(true, Ordering::Release);
        assert_eq!(other.wait_for(&other.waiter(), async { 7 }), Some(7));
    }

    #[test]
    fn shutting_returns_when_the_reader_has_ended() {
        let gate = Arc::new(Gate::default());
        drop(gate.guard());
        gate.shut();
        assert!(gate.is_shut());
    }
}
