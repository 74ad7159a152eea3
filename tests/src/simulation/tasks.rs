//! The tasks of an application, on one thread, polled in an order that the seed decides.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use super::dice::Dice;

struct Flag {
    ready: AtomicBool,
    /// Ends the poll of the client, which would otherwise move time on.
    network: Waker,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.ready.store(true, Ordering::SeqCst);
        self.network.wake_by_ref();
    }
}

struct Task {
    /// Whom it belongs to, where that may be killed.
    process: usize,
    future: Pin<Box<dyn Future<Output = ()>>>,
    flag: Arc<Flag>,
}

/// The tasks that still run.
pub struct Tasks {
    tasks: Vec<Task>,
    network: Waker,
    dice: Dice,
}

impl Tasks {
    /// None yet; `network` ends the wait of a client.
    #[must_use]
    pub fn new(network: Waker, dice: Dice) -> Self {
        Self { tasks: Vec::new(), network, dice }
    }

    /// One more.
    pub fn spawn(&mut self, future: impl Future<Output = ()> + 'static) {
        self.spawn_in(0, future);
    }

    /// One more, of a process.
    pub fn spawn_in(&mut self, process: usize, future: impl Future<Output = ()> + 'static) {
        let flag = Arc::new(Flag { ready: AtomicBool::new(true), network: self.network.clone() });
        self.tasks.push(Task { process, future: Box::pin(future), flag });
    }

    /// Drops the tasks of a process.
    pub fn kill(&mut self, process: usize) {
        self.tasks.retain(|task| task.process != process);
    }

    /// Whether none is left.
    #[must_use]
    pub fn are_done(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Polls the tasks that were woken, in any order, until none is left that was.
    pub fn run(&mut self) {
        loop {
            let ready: Vec<usize> = (0..self.tasks.len())
                .filter(|place| self.tasks[*place].flag.ready.load(Ordering::SeqCst))
                .collect();
            if ready.is_empty() {
                return;
            }
            let place = *self.dice.of(&ready);
            let task = &mut self.tasks[place];
            task.flag.ready.store(false, Ordering::SeqCst);
            let waker = Waker::from(Arc::clone(&task.flag));
            if task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                drop(self.tasks.remove(place));
            }
        }
    }
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("count", &self.tasks.len()).finish_non_exhaustive()
    }
}

/// Polls a future once; `None` if it is not ready, and it is dropped then.
pub async fn once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Runs futures side by side until all are ready; answers their outputs in their order.
pub async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.into_iter().map(|future| (Box::pin(future), None)).collect();
    poll_fn(|cx| {
        for (future, output) in &mut running {
            if output.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(cx)
            {
                *output = Some(ready);
            }
        }
        if running.iter().all(|(_, output)| output.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output).collect()
}
