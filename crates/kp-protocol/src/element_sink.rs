//! Where the elements of a message's arrays go while it is read: into the message, or to a caller that keeps less of
//! them. One parser serves both; a large answer then never exists as a tree.

use std::any::Any;

/// Takes the elements of a message's arrays while the message is read.
///
/// An element is offered when it was read whole, so its own elements were offered before it: the partitions of a topic
/// come before the topic, which then lacks those that were taken.
///
/// ```
/// use bytes::Bytes;
/// use kp_protocol::api::{MetadataResponse, MetadataResponsePartition};
/// use kp_protocol::{ElementSink, Message};
/// use std::any::Any;
///
/// /// Counts partitions, keeps none.
/// struct Count(usize);
/// impl ElementSink for Count {
///     fn offer<T: Any>(&mut self, element: T) -> Option<T> {
///         if (&element as &dyn Any).is::<MetadataResponsePartition>() {
///             self.0 += 1;
///             return None;
///         }
///         Some(element)
///     }
/// }
/// let mut count = Count(0);
/// let one_topic = b"\0\0\0\0\0\0\0\x01\0\0\0\x01t\0\0\0\x01\0\0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\0\0";
/// let read = MetadataResponse::parse_each(&Bytes::from_static(one_topic), 0, &mut count)?;
/// assert_eq!((count.0, read.topics.len(), read.topics[0].partitions.len()), (1, 1, 0));
/// # Ok::<(), kp_protocol::ProtocolError>(())
/// ```
pub trait ElementSink {
    /// Takes `element`, or gives it back to stay in its array. Called for numbers as well as for structs.
    fn offer<T: Any>(&mut self, element: T) -> Option<T>;
}

/// What the parser of an array asks; known at compile time to keep everything where nothing is taken.
pub(crate) trait Elements {
    /// Nothing is ever taken: the array's memory is reserved at once.
    const KEEPS_ALL: bool;
    fn offer<T: Any>(&mut self, element: T) -> Option<T>;
}

/// Every element stays in its message.
pub(crate) struct KeepAll;

impl Elements for KeepAll {
    const KEEPS_ALL: bool = true;

    #[inline(always)]
    fn offer<T: Any>(&mut self, element: T) -> Option<T> {
        Some(element)
    }
}

/// Elements go to a caller's sink.
pub(crate) struct Offered<'s, S>(pub(crate) &'s mut S);

impl<S: ElementSink> Elements for Offered<'_, S> {
    const KEEPS_ALL: bool = false;

    #[inline(always)]
    fn offer<T: Any>(&mut self, element: T) -> Option<T> {
        self.0.offer(element)
    }
}
