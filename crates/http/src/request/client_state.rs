//! What one request of a client leaves for the next one.

use crate::exchange::Deadline;
use crate::request::live_connections::LiveConnections;
use crate::service::Session;
use crate::upstream::pinned::PinnedOrigins;

/// The state of a client connection, or of one stream at a time of an HTTP/2 connection.
pub struct ClientState {
    pub session: Session,
    pub live_connections: LiveConnections,
    pub pinned: PinnedOrigins,
    pub deadline: Deadline,
}

impl ClientState {
    pub fn new(session: Session, deadline: Deadline) -> Self {
        Self {
            session,
            live_connections: LiveConnections::default(),
            pinned: PinnedOrigins::default(),
            deadline,
        }
    }
}
