//! Bounds on what one body may expand to.

/// A bound that a body goes beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OverLimit {
    #[error("the body expands to more bytes than are scanned")]
    Bytes,
    #[error("the body expands to too many times its size")]
    Ratio,
    #[error("the body is packed too many times over")]
    Depth,
    #[error("the archive has too many members")]
    Members,
    #[error("the archive cannot be read: {0}")]
    Malformed(&'static str),
}

#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes that one body may expand to, all layers and members together.
    pub bytes: u64,
    /// How many times its size a layer may expand to, once it is larger than [`Self::RATIO_FROM`].
    pub ratio: u64,
    /// Archives and compressed files within one another.
    pub depth: u8,
    /// Members of all archives of one body.
    pub members: u32,
}

impl Limits {
    /// Bytes below which the ratio does not matter: a long log of equal lines is no bomb.
    pub const RATIO_FROM: u64 = 16 << 20;

    /// For bodies of at most `max_body` bytes.
    pub fn for_bodies_of(max_body: u64) -> Self {
        Self {
            bytes: max_body.saturating_mul(4).clamp(16 << 20, 1 << 30),
            ..Self::default()
        }
    }

    /// How many bytes a layer of `packed` bytes may expand to, where `left` are left of all.
    pub(crate) fn of_layer(&self, packed: u64, left: u64) -> (u64, OverLimit) {
        let by_ratio = packed.saturating_mul(self.ratio).max(Self::RATIO_FROM);
        if by_ratio < left {
            (by_ratio, OverLimit::Ratio)
        } else {
            (left, OverLimit::Bytes)
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 128 << 20,
            ratio: 250,
            depth: 5,
            members: 5000,
        }
    }
}
