//! Random numbers from a seed, for callers and tests. Nothing in this crate seeds one by itself.

use crate::hash::mix;

/// SplitMix64: not for secrets. One for each thread.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }
}

/// A number below `end`, from 32 random bits. 0 where `end` is 0.
pub(crate) fn below(bits: u32, end: u64) -> u64 {
    ((u128::from(bits) * u128::from(end)) >> 32) as u64
}

/// `pause` and up to a quarter of it, so that what was started together spreads out.
pub(crate) fn jittered(pause: std::time::Duration, dice: u64) -> std::time::Duration {
    pause + pause.mul_f64((dice % 256) as f64 / 1024.0)
}
