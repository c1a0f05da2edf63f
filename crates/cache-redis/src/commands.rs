//! The commands that are sent to the server. All keys begin with `privet:1:`, so that an ACL can name them.

use std::sync::Arc;
use std::time::Duration;

use privet_cache::shared::{
    GENERATION_LIFETIME, Generations, Got, PendingPurge, Scope, Scopes, SharedCounters, SharedKey,
    Write,
};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use crate::link::{CONNECT_TIMEOUT, Link, LinkError};
use crate::state::Inner;

/// Timeout of a command of the background task.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);
/// Script that raises the generations of all its keys to one number: the given one, or the next that is larger than each of
/// them. Lua counts in doubles, which are exact for microseconds.
const RAISE: &str = "local n = tonumber(ARGV[1]) \
    for _, key in ipairs(KEYS) do \
        local g = tonumber(redis.call('GET', key) or '0') or 0 \
        if n <= g then n = g + 1 end \
    end \
    local s = string.format('%.0f', n) \
    for _, key in ipairs(KEYS) do redis.call('SET', key, s, 'PX', ARGV[2]) end \
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

/// The reply to a look-up: the value, the generations, and the remaining lifetime of the value.
type Reply = (
    (
        Option<Vec<u8>>,
        Option<u64>,
        Option<u64>,
        Option<u64>,
        Option<u64>,
    ),
    i64,
);

/// Looks up a value and the generations of its scopes. `None`: no reply in time.
pub(crate) async fn get(
    inner: &Arc<Inner>,
    link: &Arc<Link>,
    (key, scopes): (SharedKey, Scopes),
    deadline: Instant,
) -> Option<Got> {
    let Some(place) = place(link, deadline).await else {
        SharedCounters::count(&inner.counters.skipped);
        return None;
    };
    // A task of its own: the reply arrives, and frees its place, also where the request was dropped.
    let asking = {
        let link = link.clone();
        async move { ask(&link, &key, &scopes).await }
    };
    let question = question(inner.clone(), link.clone(), asking, place);
    let reply = timeout_at(deadline, tokio::spawn(question)).await;
    let ((value, all, host, url, tags), left) = reply.ok()?.ok()??;
    let found = Generations([all, host, url, tags].map(Option::unwrap_or_default));
    let (generations, is_lost) = inner.purges.known(&scopes, found)?;
    if is_lost {
        inner.wake.notify_one();
    }
    let left = u64::try_from(left).ok().map(Duration::from_millis);
    Some(Got {
        value: value.zip(left),
        generations,
    })
}

/// Asks for the generations of tags. `None`: there is no answer in time.
pub(crate) async fn get_tags(
    inner: &Arc<Inner>,
    link: &Arc<Link>,
    tags: Vec<Scope>,
    deadline: Instant,
) -> Option<Vec<u64>> {
    let place = place(link, deadline).await?;
    let asking = {
        let link = link.clone();
        async move { ask_tags(&link, &tags).await }
    };
    let question = question(inner.clone(), link.clone(), asking, place);
    let reply = timeout_at(deadline, tokio::spawn(question)).await;
    let found = reply.ok()?.ok()??.into_iter();
    Some(found.map(Option::unwrap_or_default).collect())
}

/// A place among the commands that wait for replies. `None`: none became free in time, or the connection has failed.
async fn place(link: &Link, deadline: Instant) -> Option<OwnedSemaphorePermit> {
    tokio::select! {
        biased;
        () = link.failed.cancelled() => None,
        place = timeout_at(deadline, link.places.clone().acquire_owned()) => place.ok()?.ok(),
    }
}

/// Runs a look-up, and keeps its place until the reply is complete or the connection has failed, so that the replies in
/// flight never exceed the places. Ends within the timeout.
async fn question<T>(
    inner: Arc<Inner>,
    link: Arc<Link>,
    asking: impl Future<Output = Result<T, LinkError>>,
    _place: OwnedSemaphorePermit,
) -> Option<T> {
    let limit = inner.settings.timeout;
    let reply = tokio::select! {
        biased;
        () = link.failed.cancelled() => {
            SharedCounters::count(&inner.counters.skipped);
            return None;
        }
        reply = timeout(limit, asking) => reply,
    };
    match reply.unwrap_or(Err(LinkError::TimedOut(limit))) {
        Ok(reply) => {
            link.unread.reset();
            Some(reply)
        }
        Err(error) => {
            inner.failed(&link, &error);
            None
        }
    }
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

async fn ask_tags(link: &Link, tags: &[Scope]) -> Result<Vec<Option<u64>>, LinkError> {
    let mut ask = redis::cmd("MGET");
    for tag in tags {
        ask.arg(scope_name(tag));
    }
    let mut connection = link.connection.clone();
    Ok(ask.query_async(&mut connection).await?)
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

/// Stores a value.
pub(crate) async fn set(link: &Link, write: &Write) -> Result<(), LinkError> {
    let kept = u64::try_from(write.keep_for.as_millis()).unwrap_or(u64::MAX);
    let mut set = redis::cmd("SET");
    set.arg(entry_name(&write.key)).arg(&write.value[..]);
    set.arg("PX").arg(kept.max(1));
    change(link, set).await.map(|_: redis::Value| ())
}

/// Sends a purge. Returns its generation.
pub(crate) async fn purge(link: &Link, purge: &PendingPurge) -> Result<u64, LinkError> {
    let kept = u64::try_from(GENERATION_LIFETIME.as_millis()).unwrap_or(u64::MAX);
    let mut eval = redis::cmd("EVAL");
    match purge.is_tag {
        true => eval.arg(RAISE).arg(2).arg(scope_name(&Scope::tags())),
        false => eval.arg(RAISE).arg(1),
    };
    eval.arg(scope_name(&purge.scope));
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
