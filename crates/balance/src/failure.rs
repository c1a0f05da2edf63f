//! What a failed request says of its member.

/// How a request failed through the member's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection: refused, unreachable, TLS or handshake failed.
    Connect,
    /// The connection broke before the end of the answer.
    Reset,
    /// No answer in time.
    Timeout,
    /// It answered that it failed (5xx).
    ServerError,
}
