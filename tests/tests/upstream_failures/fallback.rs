//! Where a dead route may be left.

use privet_tests::client::socks5;
use privet_tests::{Origin, Privet, reserve};

use super::support::*;

/// An upstream that is down, for the target "localhost", with `keys` on its rule and `before` as the rules before it.
fn dead_route(keys: &str, before: &str) -> String {
    format!(
        "mode = \"standard\"\n[[upstream]]\nname = \"up\"\nurl = \"socks5://{}\"\n{before}\
         [[rule]]\nmatch = {{ domain = [\"localhost\"], port = [1, \"2-65535\"] }}\nuse = \"up\"\n{keys}\n",
        reserve()
    )
}

#[test]
fn a_named_route_that_is_down_fails_unless_a_fallback_is_written() {
    let origin = Origin::http();
    let url = format!("http://localhost:{}/", origin.port());
    let privet = Privet::start(&dead_route("", ""));
    assert_eq!(http_status(&privet, &url), "502");
    assert!(socks5(privet.proxy(), "localhost", origin.port()).is_err());
    assert_eq!(origin.accepted(), 0);
    let privet = Privet::start(&dead_route("fallback = \"direct\"", ""));
    assert_eq!(http_status(&privet, &url), "200");
    privet.await_row("closed", |row| row["route"] == "direct (up is down)");
    let why = privet.json(&["why", &url]);
    assert_eq!(why["outcome"]["direct_fallback"], true, "{why}");
    privet.cli(&["mode", "strict"]).good();
    assert_eq!(
        http_status(&privet, &url),
        "502",
        "a kill switch forbids it"
    );
    assert_eq!(origin.accepted(), 1);
}

#[test]
fn a_mode_falls_back_only_where_it_says_so_and_never_with_a_kill_switch() {
    let origin = Origin::http();
    let mode = |keys: &str| {
        format!(
            "mode = \"own\"\n[modes.own]\nroute = \"up\"\n{keys}\n\
             [[upstream]]\nname = \"up\"\nurl = \"socks5://{}\"\n",
            reserve()
        )
    };
    for (keys, status) in [("", "502"), ("fallback = \"direct\"", "200")] {
        let privet = Privet::start(&mode(keys));
        assert_eq!(http_status(&privet, &origin.url("/")), status, "{keys}");
    }
    let sandbox = privet_tests::privet::Sandbox::new();
    sandbox.write(&mode("fallback = \"direct\"\nkill_switch = true"));
    let checked = sandbox.cli(&["--config", &sandbox.config().display().to_string(), "check"]);
    assert_eq!(checked.code, 2, "{checked:?}");
}

#[test]
fn a_fallback_dials_only_addresses_that_the_rules_allow() {
    let origin = Origin::http();
    let block = "[[rule]]\nmatch = { ip = [\"127.0.0.0/8\"] }\nuse = \"block\"\n";
    let privet = Privet::start(&dead_route("fallback = \"direct\"", block));
    let url = format!("http://localhost:{}/", origin.port());
    assert_eq!(http_status(&privet, &url), "403");
    assert!(socks5(privet.proxy(), "localhost", origin.port()).is_err());
    assert_eq!(origin.accepted(), 0);
    privet.await_row("blocked", |row| {
        row["verdict"] == "blocked" && row["reason"].to_string().contains("rule 1")
    });
    let why = privet.json(&["why", &url]).to_string();
    assert!(
        why.contains("the name goes to an upstream unresolved"),
        "{why}"
    );
}
