//! Timeouts of a scan, which grow with the size of the body.

use std::time::Duration;

const MIB: u64 = 1 << 20;

/// Timeouts of one engine. Receiving the body from its origin does not count: engines get whole bodies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScanTimeouts {
    /// Until an external engine accepts further bytes of a body.
    pub io: Duration,
    /// From the first byte that is sent to the engine to its verdict, for an empty body.
    pub processing: Duration,
    /// Added for each MiB of a body.
    pub per_mib: Duration,
    /// For memory and for a free engine, for an empty body.
    pub turn: Duration,
}

impl ScanTimeouts {
    /// Timeout of the verdict on a body of this size.
    pub fn processing(&self, bytes: u64) -> Duration {
        self.processing + self.for_size(bytes)
    }

    /// Timeout of the wait for memory or a free engine, for a body of this size.
    pub fn turn(&self, bytes: u64) -> Duration {
        self.turn + self.for_size(bytes)
    }

    /// What this number of bytes adds to a timeout.
    pub fn for_size(&self, bytes: u64) -> Duration {
        let per_mib = u64::try_from(self.per_mib.as_micros()).unwrap_or(u64::MAX);
        let micros = u128::from(bytes) * u128::from(per_mib) / u128::from(MIB);
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

impl Default for ScanTimeouts {
    fn default() -> Self {
        Self {
            io: Duration::from_secs(20),
            processing: Duration::from_secs(20),
            per_mib: Duration::from_secs(1),
            turn: Duration::from_secs(60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_body_may_take_longer() {
        let timeouts = ScanTimeouts::default();
        let seconds = Duration::from_secs;
        for (bytes, processing) in [(0, 20), (100 * MIB, 120), (1 << 30, 1044)] {
            assert_eq!(timeouts.processing(bytes), seconds(processing), "{bytes}");
            assert_eq!(timeouts.turn(bytes), seconds(processing + 40), "{bytes}");
        }
        assert!(timeouts.processing(100) < Duration::from_millis(20_001));
        // No size overflows.
        assert!(timeouts.processing(u64::MAX) > seconds(1 << 40));
    }
}
