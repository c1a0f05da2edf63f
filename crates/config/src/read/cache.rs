//! `[cache]`: the sizes of the HTTP cache, and the store that several machines share.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::context::ReadContext;
use super::listen::{credential_name, read_password};
use super::secrets;
use super::service_address::{self, ServiceKind};
use crate::defaults::DEFAULT_REDIS_TIMEOUT;
use crate::diagnose::DiagnosticCode;
use crate::keys;
use crate::model::{Cache, CacheRedis, Config};
use crate::tree::{Table, Value};

const MEMORY: RangeInclusive<u64> = 0..=1 << 40;
const DISK: RangeInclusive<u64> = 0..=1 << 50;
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(10);
const REDIS: ServiceKind = ServiceKind {
    what: "a Redis server",
    form: "write \"unix:/run/redis/redis.sock\", \"tcp:127.0.0.1:6379\" or \"tls:redis.example:6379\"; username and password are \
           keys of their own",
    tls: true,
};

pub(super) fn read<'a>(top: &Table<'a>, context: &ReadContext<'a>) -> Cache {
    let default = Cache::default();
    let Some(table) = top.get("cache").and_then(|v| v.table(&keys::CACHE)) else {
        return default;
    };
    Cache {
        // Who writes the section wants it.
        enabled: table.boolean("enabled", true),
        memory: table
            .get("memory")
            .and_then(|v| v.size(MEMORY))
            .unwrap_or(default.memory),
        disk: table
            .get("disk")
            .and_then(|v| v.size(DISK))
            .unwrap_or(default.disk),
        encrypt: table.boolean("encrypt", default.encrypt),
        shared: table.boolean("shared", default.shared),
        redis: table
            .get("redis")
            .and_then(|value| read_redis(&value, context)),
    }
}

/// `[cache.redis]`; without an address there is none.
fn read_redis<'a>(value: &Value<'a>, context: &ReadContext<'a>) -> Option<CacheRedis> {
    let table = value.table(&keys::CACHE_REDIS)?;
    let address = table.get("address");
    let address = address.and_then(|value| service_address::read(&value, &REDIS));
    let ca = table.get("ca");
    if let Some(value) = ca.filter(|_| address.as_ref().is_some_and(|at| !at.is_tls())) {
        value.warn(
            DiagnosticCode::Unreached,
            "\"ca\" is for addresses with \"tls:\" only",
            "leave it out",
        );
    }
    let username = table.get("username");
    let password = table
        .get("password")
        .and_then(|value| read_password(&value, context));
    if let Some(value) = username.filter(|_| table.get("password").is_none()) {
        value.refuse(
            DiagnosticCode::Conflict,
            "a username without a password",
            "add password = { file = \"PATH\" }",
        );
    }
    let secret = table
        .get("secret")
        .and_then(|value| secrets::read(&value, context));
    let timeout = table
        .get("timeout")
        .and_then(|value| value.duration(TIMEOUT));
    Some(CacheRedis {
        ca: ca.and_then(|v| v.filled()).map(|path| context.path(path)),
        username: username.and_then(|value| credential_name(&value)),
        password,
        secret,
        timeout: timeout.unwrap_or(DEFAULT_REDIS_TIMEOUT),
        address: address?,
    })
}

/// A store that machines share is for shared caches.
pub(super) fn warn_unshared(top: &Table<'_>, config: &Config) {
    let is_shared = config.cache.enabled && config.cache.shared;
    if config.cache.redis.is_none() || is_shared || config.sites.iter().any(|site| site.cache) {
        return;
    }
    let table = top.get("cache").and_then(|value| value.table(&keys::CACHE));
    if let Some(value) = table.and_then(|table| table.get("redis")) {
        value.warn(
            DiagnosticCode::Unreached,
            "no cache is shared, so nothing is kept in Redis",
            "write shared = true in [cache], or cache = true in a [[site]]",
        );
    }
}
