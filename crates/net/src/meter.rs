//! What the relay tells of its work. Implemented by the connection log's live entry.

/// Counts bytes as they move. Called on the connection's own thread; implementations take no lock shared between
/// connections.
pub trait Meter: Send + Sync {
    /// Bytes from the client to the far end.
    fn up(&self, bytes: u64);
    /// Bytes from the far end to the client.
    fn down(&self, bytes: u64);
    /// Completes when somebody wants this connection closed (operator, reload, idle sweep, shutdown).
    fn poll_cancelled(&self, cx: &mut std::task::Context<'_>) -> std::task::Poll<()>;
}
