//! A table of what is known of partitions, by the number of their queue: numbers are dense, so a look is an index and no search.
//! Owner: whatever part has something to keep for each partition.

use kp_accumulator::QueueIndex;

#[derive(Debug)]
pub(crate) struct ByQueue<T>(Vec<Option<T>>);

impl<T> Default for ByQueue<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> ByQueue<T> {
    pub(crate) fn get(&self, queue: QueueIndex) -> Option<&T> {
        self.0.get(queue.0 as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, queue: QueueIndex) -> Option<&mut T> {
        self.0.get_mut(queue.0 as usize)?.as_mut()
    }

    /// From now on this is known.
    pub(crate) fn put(&mut self, queue: QueueIndex, value: T) {
        let index = queue.0 as usize;
        if index >= self.0.len() {
            self.0.resize_with(index + 1, || None);
        }
        self.0[index] = Some(value);
    }

    /// What is known, or from now on this.
    pub(crate) fn get_or_insert_with(&mut self, queue: QueueIndex, new: impl FnOnce() -> T) -> &mut T {
        let index = queue.0 as usize;
        if index >= self.0.len() {
            self.0.resize_with(index + 1, || None);
        }
        self.0[index].get_or_insert_with(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_for_one_queue_says_nothing_of_its_neighbours() {
        let mut table = ByQueue::default();
        *table.get_or_insert_with(QueueIndex(3), || 7) += 1;
        *table.get_or_insert_with(QueueIndex(3), || 90) += 1;
        assert_eq!(table.get(QueueIndex(3)), Some(&9));
        assert_eq!((table.get(QueueIndex(2)), table.get(QueueIndex(4))), (None, None));
        assert_eq!(table.get_mut(QueueIndex(4)), None);
    }
}
