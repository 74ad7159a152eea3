//! What the user's own parts of a producer (interceptors, serializers, a partitioner) have in common: they are configured
//! once, closed once, and may panic without harm.

use kp_record::BoxError;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

/// Parts that were configured, and are closed once.
pub(crate) struct Configured<T> {
    parts: Vec<T>,
    is_closed: AtomicBool,
}

impl<T> Configured<T> {
    /// Configures each. If one fails, those before it and itself are closed (FA13, IN4).
    pub(crate) fn configure(
        mut parts: Vec<T>,
        configure: impl Fn(&mut T) -> Result<(), BoxError>,
        close: impl Fn(&T),
        what: &'static str,
    ) -> Result<Self, String> {
        for number in 0..parts.len() {
            let result = catch_unwind(AssertUnwindSafe(|| configure(&mut parts[number])));
            let failure = match result {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => error.to_string(),
                Err(panic) => format!("it panicked: {}", words_of(&*panic)),
            };
            for part in &parts[..=number] {
                let _ = catch_unwind(AssertUnwindSafe(|| close(part)));
            }
            return Err(format!("{what} {} cannot be configured: {failure}", number + 1));
        }
        Ok(Self { parts, is_closed: AtomicBool::new(false) })
    }

    pub(crate) fn len(&self) -> usize {
        self.parts.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.parts.iter()
    }

    /// Closes each, at the first call; a panic keeps none of the others open.
    pub(crate) fn close(&self, close: impl Fn(&T), what: &'static str, tell: impl Fn(String)) {
        if self.is_closed.swap(true, Ordering::AcqRel) {
            return;
        }
        for (number, part) in (1..).zip(&self.parts) {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| close(part))) {
                tell(format!("closing {what} {number} panicked: {}", words_of(&*panic)));
            }
        }
    }
}

/// What a panic said.
pub(crate) fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().copied();
    words
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a word")
        .to_owned()
}
