//! The counters of a relay. The connection log implements them.

/// Counts bytes as they move. Called on the connection's own thread; implementations take no lock that connections
/// share.
pub trait Meter: Send + Sync {
    /// Bytes from the client to the destination.
    fn up(&self, bytes: u64);
    /// Bytes from the destination to the client.
    fn down(&self, bytes: u64);
    /// Completes when the connection is to be closed (by a user, a reload, the idle timeout or a shutdown).
    fn poll_cancelled(&self, cx: &mut std::task::Context<'_>) -> std::task::Poll<()>;
}

impl<M: Meter> Meter for &M {
    fn up(&self, bytes: u64) {
        (**self).up(bytes);
    }

    fn down(&self, bytes: u64) {
        (**self).down(bytes);
    }

    fn poll_cancelled(&self, cx: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        (**self).poll_cancelled(cx)
    }
}
