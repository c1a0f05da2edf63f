//! Evaluates the recorded connections with a policy that is not current yet.

use privet_config::unix_time::from_unix_ms;
use privet_connection_log::{ConnectionLog, UsageError};
use privet_policy::{Listener, Policy, RecordedConnection, Replay, replay};

/// What would have gone differently for all recorded connections. Blocking: they may be on disk.
///
/// # Errors
/// The records cannot be read.
pub(super) fn replay_records(
    connection_log: &ConnectionLog,
    before: &Policy,
    after: &Policy,
) -> Result<Replay, UsageError> {
    let records = connection_log
        .past_connections(0)?
        .filter(|record| record.listener != Listener::Site)
        .map(|record| RecordedConnection {
            listener: record.listener,
            protocol: record.protocol,
            user: record.user,
            app: record.app,
            target: record.target,
            addresses: Vec::new(),
            url: None,
            at: from_unix_ms(record.started),
        });
    Ok(replay(before, after, records))
}
