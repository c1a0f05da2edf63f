//! One range of bytes (RFC 9110 §14.1.2). Several ranges are not served: the whole file is sent instead.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RangeSpec {
    /// `first-last`, or `first-`.
    From(u64, Option<u64>),
    /// `-length`: the end of the file.
    Last(u64),
}

/// A part of a file: its first and its last byte, and the size of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub first: u64,
    pub last: u64,
    pub size: u64,
}

impl Part {
    pub fn length(self) -> u64 {
        self.last - self.first + 1
    }
}

impl RangeSpec {
    /// Reads the value of `Range`. `None`: it is to be ignored.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?.trim();
        let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
        let number = |text: &str| {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse::<u64>().ok()).flatten()
        };
        match (first.is_empty(), last.is_empty()) {
            (true, _) => number(last).map(Self::Last),
            (false, true) => Some(Self::From(number(first)?, None)),
            (false, false) => {
                let (first, last) = (number(first)?, number(last)?);
                (first <= last).then_some(Self::From(first, Some(last)))
            }
        }
    }

    /// The part of a file of this size. `None`: the file has no such byte.
    pub fn part(self, size: u64) -> Option<Part> {
        let end = size.checked_sub(1)?;
        let (first, last) = match self {
            Self::From(first, last) => (first, last.unwrap_or(end).min(end)),
            Self::Last(0) => return None,
            Self::Last(length) => (size.saturating_sub(length), end),
        };
        (first <= end).then_some(Part { first, last, size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_read_and_cut_to_the_file() {
        let part = |value: &str, size| {
            let part = RangeSpec::parse(value.as_bytes())?.part(size)?;
            Some((part.first, part.last))
        };
        assert_eq!(part("bytes=0-", 10), Some((0, 9)));
        assert_eq!(part("bytes=3-5", 10), Some((3, 5)));
        assert_eq!(part("bytes=3-50", 10), Some((3, 9)));
        assert_eq!(part("bytes=-4", 10), Some((6, 9)));
        assert_eq!(part("bytes=-40", 10), Some((0, 9)));
        for (value, size) in [("bytes=10-", 10), ("bytes=0-", 0), ("bytes=-0", 10)] {
            assert!(RangeSpec::parse(value.as_bytes()).is_some(), "{value}");
            assert_eq!(part(value, size), None, "{value}");
        }
        for value in [
            "bytes=",
            "bytes=-",
            "bytes=5-3",
            "bytes=+1-",
            "bytes=0-1,3-4",
            "lines=0-",
            "bytes=a-",
        ] {
            assert_eq!(RangeSpec::parse(value.as_bytes()), None, "{value}");
        }
    }
}
