//! What is asked and told. All names begin with `privet:1:`, so that an access list can name them.

use std::time::Duration;

use privet_cache::shared::{
    Generations, Got, KEPT, PendingPurge, Scope, Scopes, SharedCounters, SharedKey, Write,
};
use tokio::time::{Instant, timeout, timeout_at};

use crate::link::{CONNECT_TIMEOUT, Link, LinkError};
use crate::state::Inner;

/// How long a change in the background may take.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);
/// Raises a generation: to what is asked for, or by one. Lua counts in doubles, which are exact for microseconds.
const RAISE: &str = "local n = tonumber(ARGV[1]) \
    local g = tonumber(redis.call('GET', KEYS[1]) or '0') or 0 \
    if n <= g then n = g + 1 end \
    local s = string.format('%.0f', n) \
    redis.call('SET', KEYS[1], s, 'PX', ARGV[2]) \
    return s";

fn entry_name(key: &SharedKey) -> String {
    format!("privet:1:entry:{}", hex(&key.0))
}

fn scope_name(scope: &Scope) -> String {
    format!("privet:1:purged:{}", hex(&scope.0))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The reply to a question: the value, the generations, and how long the value will be kept.
type Reply = (
    (Option<Vec<u8>>, Option<u64>, Option<u64>, Option<u64>),
    i64,
);

/// Asks for a value and the generations of its scopes. `None`: there is no answer in time.
pub(crate) async fn get(
    inner: &Inner,
    link: &Link,
    key: &SharedKey,
    scopes: &Scopes,
    deadline: Instant,
) -> Option<Got> {
    let failed = link.failed.cancelled();
    let asking = async {
        let _place = link.places.acquire().await.ok()?;
        let asked = Instant::now();
        Some((timeout_at(deadline, ask(link, key, scopes)).await, asked))
    };
    let (answer, asked) = tokio::select! {
        biased;
        () = failed => (None, deadline),
        answer = timeout_at(deadline, asking) => match answer {
            Ok(Some((answer, asked))) => (Some(answer), asked),
            // Too many others ask.
            Ok(None) | Err(_) => (None, deadline),
        },
    };
    let reply = match answer {
        Some(Ok(Ok(reply))) => reply,
        Some(Ok(Err(error))) => {
            inner.failed(link, &error);
            return None;
        }
        Some(Err(_)) => {
            // One that had little time left, after others or another question, says nothing of the server.
            if deadline.saturating_duration_since(asked) >= inner.settings.timeout / 2 {
                inner.failed(link, &LinkError::TimedOut(inner.settings.timeout));
            }
            return None;
        }
        None => {
            SharedCounters::count(&inner.counters.skipped);
            return None;
        }
    };
    link.unread.reset();
    let ((value, all, host, url), left) = reply;
    let found = Generations([all, host, url].map(Option::unwrap_or_default));
    let (generations, is_lost) = inner.purges.known(scopes, found)?;
    if is_lost {
        inner.wake.notify_one();
    }
    let left = u64::try_from(left).ok().map(Duration::from_millis);
    Some(Got {
        value: value.zip(left),
        generations,
    })
}

async fn ask(link: &Link, key: &SharedKey, scopes: &Scopes) -> Result<Reply, LinkError> {
    let name = entry_name(key);
    let mut pipe = redis::pipe();
    pipe.cmd("MGET").arg(&name);
    for scope in &scopes.0 {
        pipe.arg(scope_name(scope));
    }
    pipe.cmd("PTTL").arg(&name);
    let mut connection = link.connection.clone();
    Ok(pipe.query_async(&mut connection).await?)
}

/// Whether the server answers.
pub(crate) async fn greet(link: &Link) -> Result<(), LinkError> {
    let mut connection = link.connection.clone();
    let ping = redis::cmd("PING");
    let greeting = timeout(CONNECT_TIMEOUT, ping.query_async(&mut connection)).await;
    let _: redis::Value = greeting.map_err(|_| LinkError::TimedOut(CONNECT_TIMEOUT))??;
    link.unread.reset();
    Ok(())
}

/// Keeps a value.
pub(crate) async fn set(link: &Link, write: &Write) -> Result<(), LinkError> {
    let kept = u64::try_from(write.keep_for.as_millis()).unwrap_or(u64::MAX);
    let mut set = redis::cmd("SET");
    set.arg(entry_name(&write.key)).arg(&write.value[..]);
    set.arg("PX").arg(kept.max(1));
    change(link, set).await.map(|_: redis::Value| ())
}

/// Tells the server of a purge, and gives its generation.
pub(crate) async fn purge(link: &Link, purge: &PendingPurge) -> Result<u64, LinkError> {
    let kept = u64::try_from(KEPT.as_millis()).unwrap_or(u64::MAX);
    let mut eval = redis::cmd("EVAL");
    eval.arg(RAISE).arg(1).arg(scope_name(&purge.scope));
    eval.arg(purge.at_least).arg(kept);
    change(link, eval).await
}

async fn change<T: redis::FromRedisValue>(link: &Link, cmd: redis::Cmd) -> Result<T, LinkError> {
    let mut connection = link.connection.clone();
    let asking = tokio::select! {
        biased;
        () = link.failed.cancelled() => return Err(LinkError::Closed),
        answer = timeout(WRITE_TIMEOUT, cmd.query_async(&mut connection)) => answer,
    };
    let answer = asking.map_err(|_| LinkError::TimedOut(WRITE_TIMEOUT))?;
    link.unread.reset();
    Ok(answer?)
}
