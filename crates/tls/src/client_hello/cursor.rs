//! Takes integers and length-prefixed parts from the front of a slice.

#[derive(Clone, Copy)]
pub(super) struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(super) fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(front)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.bytes(2)?.try_into().ok()?))
    }

    /// A part whose length is one byte before it.
    pub(super) fn part8(&mut self) -> Option<Self> {
        let len = self.u8()?;
        self.bytes(len.into()).map(Self)
    }

    /// A part whose length is two bytes before it.
    pub(super) fn part16(&mut self) -> Option<Self> {
        let len = self.u16()?;
        self.bytes(len.into()).map(Self)
    }
}
