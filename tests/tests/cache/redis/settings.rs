//! `[cache.redis]`: what is refused, what is shown, and what a reload does.

use privet_tests::require;

use super::*;

fn check(config: &str) -> (i32, String) {
    let sandbox = Sandbox::new();
    sandbox.write(config);
    let config = sandbox.config().display().to_string();
    let answer = sandbox.cli(&["check", "--config", &config]);
    (answer.code, format!("{}{}", answer.out, answer.err))
}

#[test]
fn wrong_keys_are_named_with_what_to_do() {
    for (keys, cause, fix) in [
        (
            "address = \"redis://me:hunter2@127.0.0.1:6379\"",
            "is not an address of a Redis server",
            "tcp:127.0.0.1:6379",
        ),
        (
            "address = \"tcp:localhost\"",
            "is not an address of a Redis server",
            "unix:/run",
        ),
        (
            "adress = \"tcp:localhost:1\"",
            "unknown key \"adress\"",
            "\"address\"",
        ),
        (
            "address = \"tcp:localhost:1\"\nusername = \"me\"",
            "a username without a password",
            "add password",
        ),
        (
            "address = \"tcp:localhost:1\"\ntimeout = \"1h\"",
            "timeout",
            "10s",
        ),
        (
            "address = \"tcp:localhost:1\"\npassword = { file = \"not there\" }",
            "cannot be read",
            "create it",
        ),
    ] {
        let (code, text) = check(&format!("{SHARED}[cache.redis]\n{keys}\n"));
        assert_eq!(code, 2, "{keys}: {text}");
        assert!(text.contains(cause) && text.contains(fix), "{keys}: {text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
    let ca = "address = \"tcp:localhost:1\"\nca = \"ca.pem\"";
    let (code, text) = check(&format!("{SHARED}[cache.redis]\n{ca}\n"));
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("\"ca\" is for addresses with \"tls:\""),
        "{text}"
    );
    let (code, text) = check("[cache]\n[cache.redis]\naddress = \"tcp:localhost:1\"\n");
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("no cache is shared"), "{text}");
    let secret = "secret = \"not digits\"";
    let (code, text) = check(&format!(
        "{SHARED}[cache.redis]\naddress = \"tcp:localhost:1\"\n{secret}\n"
    ));
    assert_eq!(code, 2, "{text}");
    assert!(
        text.contains("64 hexadecimal digits") && !text.contains("not digits"),
        "{text}"
    );
}

#[test]
fn a_wrong_password_is_told_without_the_password() {
    let redis = require!(RedisServer::start());
    let origin = numbered("Cache-Control: max-age=600\r\n");
    let config = format!(
        "{SHARED}[cache.redis]\naddress = \"tcp:{}\"\npassword = \"hunter2\"\n",
        redis.tcp
    );
    let privet = start(&config);
    let state = await_redis(&privet, |redis| redis["failures"] != 0);
    let problem = state["problem"].as_str().expect("a text");
    assert!(
        problem.contains("WRONGPASS") || problem.contains("uthentication"),
        "{problem}"
    );
    assert_eq!(client(&privet).get(&origin.url()).body, "answer 0");
    assert!(!problem.contains("hunter2") && !privet.log().contains("hunter2"));
}

#[test]
fn a_user_of_the_server_needs_only_its_own_names_and_commands() {
    let redis = require!(RedisServer::start());
    redis.cli(&[
        "ACL",
        "SETUSER",
        "privet",
        "on",
        ">letmein",
        "~privet:1:*",
        "+ping",
        "+mget",
        "+pttl",
        "+get",
        "+set",
        "+eval",
    ]);
    let origin = numbered("Cache-Control: max-age=600\r\n");
    let config = format!(
        "{SHARED}[cache.redis]\naddress = \"tcp:{}\"\nusername = \"privet\"\npassword = \"letmein\"\ntimeout = \"10s\"\n",
        redis.tcp
    );
    let first = connected(&config);
    assert_eq!(client(&first).get(&origin.url()).body, "answer 0");
    await_written(&first, 1);
    first.cli(&["cache", "purge", "--all"]).good();
    await_redis(&first, |redis| redis["pending_purges"] == 0);
    assert_eq!(client(&first).get(&origin.url()).body, "answer 1");
    await_written(&first, 2);
    assert_eq!(
        client(&connected(&config)).get(&origin.url()).body,
        "answer 1"
    );
}

#[test]
fn a_reload_turns_it_on_and_off() {
    let redis = require!(RedisServer::start());
    let on = format!("{SHARED}{}", keys(&redis, PATIENT));
    let privet = start(SHARED);
    assert!(privet.json(&["cache", "stats"])["redis"].is_null());
    assert_eq!(redis.cli(&["CLIENT", "LIST"]).lines().count(), 1);
    privet.sandbox.write(&on);
    await_redis(&privet, |redis| redis["connected"] == true);
    // The same settings keep the connection and its counters.
    let origin = numbered("Cache-Control: max-age=600\r\n");
    client(&privet).get(&origin.url());
    await_written(&privet, 1);
    privet
        .sandbox
        .write(&format!("{on}\n[log]\nlevel = \"debug\"\n"));
    privet.await_api("config", |config| config["log"]["level"] == "debug");
    await_written(&privet, 1);
    privet.sandbox.write(SHARED);
    privet.await_api("cache?limit=0", |state| state["redis"].is_null());
    privet_tests::wait::until("the connection closes", || {
        redis.cli(&["CLIENT", "LIST"]).lines().count() == 1
    });
    assert_eq!(
        client(&privet).get(&format!("{}/x", origin.url())).body,
        "answer 1"
    );
    assert_eq!(redis.entries().len(), 1);
}

#[test]
fn over_tls_only_a_server_whose_certificate_is_trusted_is_used() {
    let redis = require!(RedisServer::start_with_tls());
    let (tls, certificate) = redis.tls.as_ref().expect("it speaks TLS");
    let origin = numbered("Cache-Control: max-age=600\r\n");
    let keys = |host: &str, ca: &str| {
        format!(
            "{SHARED}[cache.redis]\naddress = \"tls:{host}:{}\"\n{ca}password = {{ file = \"redis.password\" }}\n\
             timeout = \"10s\"\n",
            tls.port()
        )
    };
    let ca = format!("ca = \"{}\"\n", certificate.ca().display());
    let first = connected(&keys("localhost", &ca));
    assert_eq!(client(&first).get(&origin.url()).body, "answer 0");
    await_written(&first, 1);
    let second = connected(&keys("127.0.0.1", &ca));
    let answer = client(&second).get(&origin.url());
    assert!(
        used(&answer).contains("from another machine"),
        "{}",
        answer.head
    );
    assert_eq!(origin.requests(), 1);
    // Its authority is not one of the system's.
    let stranger = start(&keys("localhost", ""));
    let state = await_redis(&stranger, |redis| redis["failures"] != 0);
    let problem = state["problem"].as_str().expect("a text");
    assert!(
        problem.contains("TLS to") && problem.contains("certificate"),
        "{problem}"
    );
    assert_eq!(client(&stranger).get(&origin.url()).body, "answer 1");
    // A port without TLS is no such server.
    let plain =
        keys("localhost", &ca).replace(&tls.port().to_string(), &redis.tcp.port().to_string());
    let state = await_redis(&start(&plain), |redis| redis["failures"] != 0);
    assert_eq!(state["connected"], false, "{state}");
}
