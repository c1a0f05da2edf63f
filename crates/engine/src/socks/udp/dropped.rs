//! Counts the datagrams of one association that were dropped, by reason: one row for each at the association's end.

use crate::socks::parsed::ParseError;

/// Why a datagram was dropped. Those to targets that the policy refuses are not counted: their targets have rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropReason {
    /// From another address than the client's.
    Stranger,
    /// A part of a larger one (RFC 1928, section 7), which is not put together.
    Fragment,
    /// Its header is malformed.
    Malformed,
    /// Too many datagrams or targets wait for a decision.
    Waiting,
    /// The socket did not take it: too large, or its buffer is full.
    NotSent,
    /// From an address that nothing was sent to.
    NotAsked,
}

const ALL: [DropReason; 6] = [
    DropReason::Stranger,
    DropReason::Fragment,
    DropReason::Malformed,
    DropReason::Waiting,
    DropReason::NotSent,
    DropReason::NotAsked,
];

impl DropReason {
    const fn text(self) -> &'static str {
        match self {
            Self::Stranger => "from another address than the client's",
            Self::Fragment => "fragmented, which a relay need not put together",
            Self::Malformed => "a malformed header",
            Self::Waiting => "too many waited for a decision",
            Self::NotSent => "too large, or the socket's buffer was full",
            Self::NotAsked => "from an address that nothing was sent to",
        }
    }
}

impl From<ParseError> for DropReason {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::Fragment => Self::Fragment,
            _ => Self::Malformed,
        }
    }
}

/// The counts of one association.
#[derive(Debug, Default)]
pub struct DroppedDatagrams([u32; ALL.len()]);

impl DroppedDatagrams {
    pub fn count(&mut self, reason: DropReason) {
        let at = ALL.iter().position(|one| *one == reason);
        if let Some(count) = at.and_then(|at| self.0.get_mut(at)) {
            *count = count.saturating_add(1);
        }
    }

    /// One sentence for each reason that occurred.
    pub fn sentences(&self) -> impl Iterator<Item = String> {
        let counts = ALL.iter().zip(self.0);
        counts
            .filter(|(_, count)| *count > 0)
            .map(|(reason, count)| match count {
                1 => format!("1 datagram was dropped: {}", reason.text()),
                _ => format!("{count} datagrams were dropped: {}", reason.text()),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_one_sentence_with_its_count() {
        let mut dropped = DroppedDatagrams::default();
        assert_eq!(dropped.sentences().count(), 0);
        for reason in [
            DropReason::Stranger,
            DropReason::NotAsked,
            DropReason::Stranger,
        ] {
            dropped.count(reason);
        }
        let sentences: Vec<_> = dropped.sentences().collect();
        assert_eq!(
            sentences,
            [
                "2 datagrams were dropped: from another address than the client's",
                "1 datagram was dropped: from an address that nothing was sent to",
            ]
        );
    }
}
