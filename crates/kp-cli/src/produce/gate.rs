//! The gate between Ctrl-C and a read that may never return.
//! Reading stdin cannot be interrupted portably. So the reader says when it goes into a read, and whoever stops the
//! input waits only until nothing more can be sent: the reader is inside a read (and will find the gate shut when
//! it comes back), or it has ended.

use std::{
    io::{self, Read},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Shared by the thread that reads and sends, and whoever may stop it.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    shut: AtomicBool,
    reader: Mutex<Reader>,
    changed: Condvar,
}

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
        self.shut.store(true, Ordering::Release);
        let mut reader = self.lock();
        while *reader == Reader::Working {
            reader = self.changed.wait(reader).unwrap_or_else(PoisonError::into_inner);
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
        // What came in after the gate was shut is not sent: it stays unread, as far as anybody is told.
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
    fn shutting_returns_when_the_reader_has_ended() {
        let gate = Arc::new(Gate::default());
        drop(gate.guard());
        gate.shut();
        assert!(gate.is_shut());
    }
}
