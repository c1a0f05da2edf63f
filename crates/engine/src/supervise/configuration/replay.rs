//! "Try it on yesterday": the recorded connections played against a policy that is not in force yet.

use std::time::{Duration, SystemTime};

use privet_connection_log::{ConnectionLog, UsageError};
use privet_policy::{Policy, RecordedConnection, Replay, replay};

/// What would have gone differently since `since`. Blocks on the disk where records lie there.
///
/// # Errors
/// The records cannot be read.
pub fn replay_records(
    connection_log: &ConnectionLog,
    before: &Policy,
    after: &Policy,
    since: SystemTime,
) -> Result<Replay, UsageError> {
    let since = since
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let since = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let records = connection_log
        .past_connections(since)?
        .map(|record| RecordedConnection {
            listener: record.listener,
            protocol: record.protocol,
            user: record.user,
            app: record.app,
            target: record.target,
            addresses: Vec::new(),
            url: None,
            at: SystemTime::UNIX_EPOCH + Duration::from_millis(record.started),
        });
    Ok(replay(before, after, records))
}
