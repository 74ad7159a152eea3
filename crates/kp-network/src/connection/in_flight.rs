//! The unanswered requests of one connection, oldest first, and the one place where an answer finds its request (NC7).
//!
//! A request is kept with its *owner*, who gets the answer. In a set-up the owners are the questions of a stage: the
//! connection asks for itself. On a ready connection the owner is the caller, named by its token, or the connection that
//! authenticates again (KIP-368) between requests of its caller.

use bytes::Bytes;
use kp_protocol::{ApiKey, decode_response_header};
use std::collections::VecDeque;
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub(crate) struct InFlight<O>(VecDeque<Request<O>>);

/// A request as its answer will need it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<O> {
    pub(crate) correlation_id: i32,
    pub(crate) api_key: ApiKey,
    pub(crate) version: i16,
    pub(crate) owner: O,
}

/// What came for a request: the body, without its header.
#[derive(Debug)]
pub(crate) struct Answered<O> {
    pub(crate) request: Request<O>,
    pub(crate) body: Bytes,
}

impl<O> Default for InFlight<O> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<O> InFlight<O> {
    /// A request that the broker answers after all those before.
    pub(crate) fn push(&mut self, request: Request<O>) {
        self.0.push_back(request);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Matches a frame with the oldest request. An error leaves the request unanswered; the connection is to end.
    pub(crate) fn answered(&mut self, frame: &Bytes) -> Result<Answered<O>, Arc<str>> {
        // Compared before anything else of the header is read: its form depends on the request it answers.
        let found = correlation_id(frame).ok_or("a response without a correlation id")?;
        let oldest = match self.0.front() {
            Some(oldest) if oldest.correlation_id == found => oldest,
            Some(Request { correlation_id, .. }) => {
                return Err(format!("correlation id {found} instead of {correlation_id}").into());
            }
            None => {
                return Err(format!("a response with correlation id {found} that answers no request").into());
            }
        };
        let (_, body) = decode_response_header(oldest.api_key, oldest.version, frame)
            .map_err(|error| Arc::from(format!("{} answer: {error}", oldest.api_key)))?;
        let request = self.0.pop_front().expect("the oldest was looked at above");
        Ok(Answered { request, body })
    }

    /// Forgets the requests before the one that `frame` answers, if that one's owner is such.
    /// Answers whether there were any.
    pub(crate) fn pass_over(&mut self, frame: &Bytes, is_such: impl Fn(&O) -> bool) -> bool {
        let answered = |request: &Request<O>| Some(request.correlation_id) == correlation_id(frame);
        let position = self.0.iter().position(|request| answered(request) && is_such(&request.owner));
        self.0.drain(..position.unwrap_or(0)).count() > 0
    }

    /// The owners, oldest request first.
    pub(crate) fn owners(&self) -> impl Iterator<Item = &O> {
        self.0.iter().map(|request| &request.owner)
    }

    /// As [`owners`](Self::owners), to change them.
    pub(crate) fn owners_mut(&mut self) -> impl Iterator<Item = &mut O> {
        self.0.iter_mut().map(|request| &mut request.owner)
    }

    /// The end of the connection: the owners who get no answer, oldest request first.
    pub(crate) fn into_owners(self) -> impl Iterator<Item = O> {
        self.0.into_iter().map(|request| request.owner)
    }
}

fn correlation_id(frame: &Bytes) -> Option<i32> {
    frame.first_chunk::<4>().map(|id| i32::from_be_bytes(*id))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests 1 to 3 of owners `a` to `c`; Metadata v1, whose answers have the plain header.
    fn three() -> InFlight<char> {
        let mut in_flight = InFlight::default();
        for (correlation_id, owner) in (1..).zip('a'..='c') {
            in_flight.push(Request { correlation_id, api_key: ApiKey::Metadata, version: 1, owner });
        }
        in_flight
    }

    fn answer(correlation_id: i32) -> Bytes {
        [&correlation_id.to_be_bytes()[..], b"body"].concat().into()
    }

    // NC7
    #[test]
    fn an_answer_is_for_the_oldest_request_and_no_other() {
        let mut in_flight = three();
        let words = in_flight.answered(&answer(2)).expect_err("1 is older");
        assert_eq!(&*words, "correlation id 2 instead of 1");
        let answered = in_flight.answered(&answer(1)).expect("the oldest");
        assert_eq!((answered.request.owner, &answered.body[..]), ('a', &b"body"[..]));
        assert_eq!(in_flight.into_owners().collect::<String>(), "bc");
    }

    #[test]
    fn what_answers_nothing_leaves_every_request_to_the_end_of_the_connection() {
        let mut in_flight = three();
        assert!(in_flight.answered(&Bytes::from_static(&[0, 0])).is_err());
        assert!(in_flight.answered(&answer(9)).is_err());
        assert_eq!(in_flight.len(), 3);
        let words = InFlight::<char>::default().answered(&answer(1)).expect_err("nothing is in flight");
        assert_eq!(&*words, "a response with correlation id 1 that answers no request");
    }

    #[test]
    fn requests_are_passed_over_for_the_answer_of_such_an_owner_alone() {
        let mut in_flight = three();
        assert!(!in_flight.pass_over(&answer(2), |owner| *owner == 'c'), "2 is not c's");
        assert!(!in_flight.pass_over(&answer(9), |_| true), "no request has that number");
        assert!(!in_flight.pass_over(&answer(1), |_| true), "there is none before");
        assert!(in_flight.pass_over(&answer(2), |owner| *owner == 'b'));
        assert_eq!(in_flight.into_owners().collect::<String>(), "bc");
    }
}
