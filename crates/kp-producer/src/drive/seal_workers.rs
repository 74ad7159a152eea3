//! The threads that compress closed batches, so that neither the application nor the network thread does.
//! Owner: the producer. They end when it does; each keeps one codec context.

use kp_accumulator::{Accumulator, Sealer};
use parking_lot::{Condvar, Mutex};
use std::sync::Arc;
use std::task::{Wake, Waker};

struct Bell {
    state: Mutex<BellState>,
    rung: Condvar,
}

#[derive(Default)]
struct BellState {
    batches: bool,
    over: bool,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.state.lock().batches = true;
        self.rung.notify_one();
    }
}

/// The pool of compressing threads of one producer.
pub(crate) struct SealWorkers {
    bell: Arc<Bell>,
}

impl SealWorkers {
    /// Starts `threads` workers, one for each of `sealers`.
    ///
    /// # Errors
    /// What the system says when it gives no thread.
    pub(crate) fn start(accumulator: &Arc<Accumulator>, sealers: Vec<Sealer>) -> std::io::Result<Self> {
        let bell = Arc::new(Bell { state: Mutex::default(), rung: Condvar::new() });
        accumulator.set_seal_bell(Waker::from(Arc::clone(&bell)));
        let workers = Self { bell };
        for (number, sealer) in sealers.into_iter().enumerate() {
            let (accumulator, bell) = (Arc::clone(accumulator), Arc::clone(&workers.bell));
            let name = format!("kp-seal-{number}");
            std::thread::Builder::new().name(name).spawn(move || work(&accumulator, sealer, &bell))?;
        }
        Ok(workers)
    }
}

impl Drop for SealWorkers {
    fn drop(&mut self) {
        self.bell.state.lock().over = true;
        self.bell.rung.notify_all();
    }
}

fn work(accumulator: &Accumulator, mut sealer: Sealer, bell: &Bell) {
    loop {
        while accumulator.seal_next(&mut sealer) {}
        let mut state = bell.state.lock();
        while !state.batches && !state.over {
            bell.rung.wait(&mut state);
        }
        if state.over {
            return;
        }
        state.batches = false;
    }
}
