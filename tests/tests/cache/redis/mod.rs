//! A store that several machines share, on a real redis-server: two instances of Privet stand for two machines.

mod failures;
mod purges;
mod settings;
mod sharing;

use std::time::Duration;

use privet_tests::Privet;
use privet_tests::peers::RedisServer;
use privet_tests::peers::redis_server::PASSWORD;
use privet_tests::privet::Sandbox;
use serde_json::Value;

use crate::support::*;

/// One cache for all clients.
const SHARED: &str = "[cache]\nshared = true\nmemory = \"32MiB\"\n";
/// No machine that runs these tests is slower than that.
const PATIENT: Duration = Duration::from_secs(10);

/// `[cache.redis]` by TCP.
fn keys(redis: &RedisServer, timeout: Duration) -> String {
    format!(
        "[cache.redis]\naddress = \"tcp:{}\"\npassword = {{ file = \"redis.password\" }}\ntimeout = \"{}ms\"\n",
        redis.tcp,
        timeout.as_millis()
    )
}

/// A machine with this configuration.
fn start(config: &str) -> Privet {
    let sandbox = Sandbox::new();
    let password = sandbox.dir().join("redis.password");
    std::fs::write(password, format!("{PASSWORD}\n")).expect("the folder takes a file");
    sandbox.write(config);
    Privet::start_at(sandbox)
}

/// A machine that has connected to the server.
fn connected(config: &str) -> Privet {
    let privet = start(config);
    await_redis(&privet, |redis| redis["connected"] == true);
    privet
}

/// A machine with a shared cache.
fn machine(redis: &RedisServer) -> Privet {
    connected(&format!("{SHARED}{}", keys(redis, PATIENT)))
}

fn await_redis(privet: &Privet, ready: impl Fn(&Value) -> bool) -> Value {
    privet.await_api("cache?limit=0", |state| ready(&state["redis"]))["redis"].clone()
}

/// Returns once so many responses were written.
fn await_written(privet: &Privet, count: u64) {
    await_redis(privet, |redis| redis["written"] == count);
}
