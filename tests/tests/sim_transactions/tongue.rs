//! Which protocol of transactions a producer speaks (L12e, TX26, TX29): read from the versions of its frames.

use std::collections::BTreeSet;

use kp_tests::transaction_history::Pair;

use crate::frames::Frame;

/// What was heard of one producer.
#[derive(Debug, Default)]
pub(crate) struct Tongue {
    /// `transaction.version` was finalized at 2, now or before the open transaction began.
    is_upgraded: bool,
    was_upgraded: bool,
    /// The first frame of the open transaction has settled it.
    is_settled: bool,
    /// Pairs under which the first protocol was spoken.
    of_the_first: BTreeSet<Pair>,
}

impl Tongue {
    pub(crate) fn upgraded(&mut self) {
        self.is_upgraded = true;
    }

    /// The next transaction has begun: what was finalized by now may count.
    pub(crate) fn begin(&mut self) {
        self.was_upgraded = self.is_upgraded;
        self.is_settled = false;
    }

    /// A frame goes out; `second` says what is spoken, and is changed where that is lawful.
    pub(crate) fn hear(
        &mut self,
        second: &mut bool,
        frame: &Frame,
        version: i16,
    ) -> Option<(&'static str, String)> {
        let is_second = match frame {
            Frame::AddPartitions { .. } | Frame::AddOffsets { .. } => false,
            Frame::Produce { .. } => version >= 12,
            Frame::Offsets { .. } | Frame::End { .. } => version >= 5,
            Frame::Init { .. } | Frame::Describe => return None,
        };
        let changes = is_second != *second;
        let was_settled = std::mem::replace(&mut self.is_settled, true);
        if changes && (was_settled || !is_second || !self.was_upgraded) {
            let how = format!("{frame:?} in version {version}; settled: {was_settled}");
            return Some(("L12e the protocol stays inside a transaction", how));
        }
        *second = is_second;
        if !is_second {
            self.of_the_first.extend(frame.pairs());
            return None;
        }
        let old = frame.pairs().into_iter().find(|pair| self.of_the_first.contains(pair))?;
        Some(("TX29 a bump between the protocols", format!("{frame:?} under {old:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: Pair = (7, 0);

    fn hear(tongue: &mut Tongue, second: &mut bool, version: i16, pair: Pair) -> Option<&'static str> {
        tongue.hear(second, &Frame::End { pair, commit: true }, version).map(|(rule, _)| rule)
    }

    // L12, TX26
    #[test]
    fn the_protocol_changes_between_two_transactions_and_never_inside_of_one() {
        let (mut tongue, mut second) = (Tongue::default(), false);
        let inside = Some("L12e the protocol stays inside a transaction");
        tongue.begin();
        assert_eq!(hear(&mut tongue, &mut second, 5, PAIR), inside, "nothing is finalized");
        tongue.begin();
        tongue.upgraded();
        assert_eq!(hear(&mut tongue, &mut second, 5, PAIR), inside, "finalized since it began");
        tongue.begin();
        assert_eq!(hear(&mut tongue, &mut second, 4, PAIR), None, "not heard of yet");
        assert_eq!(hear(&mut tongue, &mut second, 5, (7, 1)), inside);
        tongue.begin();
        assert_eq!(hear(&mut tongue, &mut second, 5, (7, 1)), None);
        tongue.begin();
        assert_eq!(hear(&mut tongue, &mut second, 4, (7, 2)), inside, "and never back");
    }

    // TX29
    #[test]
    fn the_second_protocol_begins_under_a_pair_of_its_own() {
        let (mut tongue, mut second) = (Tongue::default(), false);
        tongue.begin();
        assert_eq!(hear(&mut tongue, &mut second, 4, PAIR), None);
        tongue.upgraded();
        tongue.begin();
        assert_eq!(hear(&mut tongue, &mut second, 5, PAIR), Some("TX29 a bump between the protocols"));
    }
}
