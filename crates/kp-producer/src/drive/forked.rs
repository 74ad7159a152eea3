//! In which process something is: a forked child has a copy of its parent's producer, and no network thread that turns it.
//!
//! Two ways to find out, for two prices. A record on its way in, and a poll of an outcome, look at a counter that the child's side
//! of `fork` raises (`pthread_atfork`; `docs/decisions/0020-forked-processes.md`): [`Origin::is_forked`], [`is_another_process`].
//! A call that blocks or waits asks the system for the process id, which also sees a process that was cloned past the C
//! library: [`Origin::is_another_process`], [`is_surely_another_process`].

use std::cell::RefCell;

/// The process that made a producer.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    guard: forkguard::Guard,
    process_id: u32,
}

impl Origin {
    /// This process.
    pub(crate) fn here() -> Self {
        Self { guard: forkguard::new(), process_id: std::process::id() }
    }

    /// Whether this is another process by now. Asked for each record.
    #[inline]
    pub(crate) fn is_forked(&self) -> bool {
        #[cfg(test)]
        if pretending::IS_CHILD.get() {
            return true;
        }
        // The guard forgets a fork once it has told; a copy of it never does.
        self.guard.clone().detected_fork()
    }

    /// The same by the process id, for calls that wait.
    pub(crate) fn is_another_process(&self) -> bool {
        is_surely_another_process(self.process_id)
    }

    /// The id of the process.
    #[inline]
    pub(crate) fn process_id(&self) -> u32 {
        self.process_id
    }
}

/// Whether this process is not the one with that id, as far as the C library knows. For each poll.
pub(crate) fn is_another_process(process_id: u32) -> bool {
    #[cfg(test)]
    if pretending::IS_CHILD.get() {
        return true;
    }
    KNOWN.with_borrow_mut(Known::process_id) != process_id
}

/// Whether this process is not the one with that id. A system call.
pub(crate) fn is_surely_another_process(process_id: u32) -> bool {
    #[cfg(test)]
    if pretending::IS_CHILD.get() {
        return true;
    }
    std::process::id() != process_id
}

thread_local! {
    static KNOWN: RefCell<Known> = const { RefCell::new(Known(None)) };
}

/// The id of this process, as this thread asked it after the last fork.
struct Known(Option<(forkguard::Guard, u32)>);

impl Known {
    fn process_id(&mut self) -> u32 {
        if let Some((guard, id)) = &mut self.0
            && !guard.detected_fork()
        {
            return *id;
        }
        let id = std::process::id();
        self.0 = Some((forkguard::new(), id));
        id
    }
}

#[cfg(test)]
pub(crate) use pretending::pretend;

/// For tests: this thread takes itself for one of a forked child.
#[cfg(test)]
mod pretending {
    use std::cell::Cell;

    thread_local! {
        pub(super) static IS_CHILD: Cell<bool> = const { Cell::new(false) };
    }

    pub(crate) struct Pretence;

    /// Until what it gives is dropped.
    pub(crate) fn pretend() -> Pretence {
        IS_CHILD.set(true);
        Pretence
    }

    impl Drop for Pretence {
        fn drop(&mut self) {
            IS_CHILD.set(false);
        }
    }
}
