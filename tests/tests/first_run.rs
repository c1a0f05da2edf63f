//! The first run on a real GNOME session with proxy settings: a company's proxy, a dead one left by another program, a
//! foreign PAC URL.

use privet_tests::desktop::Desktop;
use privet_tests::privet::Setup;
use privet_tests::require;
use privet_tests::{Origin, Privet, curl, reserve};
use serde_json::{Value, json};

const HELLO: &str = "hello from the origin\n";
const BOTH: &str = "[listen]\nmixed = [\"$MIXED\"]\npac = \"$PAC\"\n";

fn privet(desktop: &Desktop) -> Privet {
    let setup = Setup {
        env: desktop.env(),
        ..Setup::default()
    };
    Privet::start_as(BOTH, &setup)
}

fn manual(desktop: &Desktop, kinds: &[&str], at: std::net::SocketAddr) {
    for kind in kinds {
        desktop.set(&format!("{kind} host"), &format!("'{}'", at.ip()));
        desktop.set(&format!("{kind} port"), &at.port().to_string());
    }
    desktop.set("mode", "'manual'");
}

fn first_run(privet: &Privet) -> Value {
    let (status, answer) = privet.api("GET", "first-run", None);
    assert_eq!(status, 200, "{answer}");
    answer
}

fn put(privet: &Privet, method: &str, path: &str, body: &Value) -> Value {
    let (status, answer) = privet.api(method, path, Some(body));
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

#[test]
fn a_company_proxy_becomes_the_first_upstream() {
    let desktop = require!(Desktop::start());
    let (origin, company) = (
        Origin::http(),
        Privet::start("[listen]\nmixed = []\nhttp = [\"$HTTP\"]\npac = \"\"\n"),
    );
    manual(&desktop, &["http", "https"], company.sandbox.http);
    let before = desktop.proxy();
    let privet = privet(&desktop);

    let first = first_run(&privet);
    let url = format!("http://{}", company.sandbox.http);
    assert_eq!(first["pending"], true, "{first}");
    assert_eq!(first["found"]["kind"], "proxy");
    let offered = json!([{ "name": "127.0.0.1", "url": url }]);
    assert_eq!(first["found"]["upstreams"], offered);
    // Neither reading nor a dry run changes anything.
    let patch = json!({
        "upstream": [{ "name": "127.0.0.1", "url": url }],
        "modes": { "standard": { "route": "127.0.0.1" } },
    });
    let tried = put(&privet, "PATCH", "config?dry_run=true", &patch);
    assert_eq!(tried["applied"], false);
    assert_eq!(desktop.proxy(), before);
    assert_eq!(first_run(&privet)["pending"], true);

    put(&privet, "PATCH", "config", &patch);
    let on = put(&privet, "PUT", "system-proxy", &json!({ "enabled": true }));
    assert_eq!(on["state"], "on", "{on}");
    let over = put(&privet, "PUT", "first-run", &json!({ "done": true }));
    assert_eq!(
        (&over["pending"], &over["found"]["kind"]),
        (&json!(false), &json!("ours")),
        "{over}"
    );
    let proxy = format!("http://{}", privet.proxy());
    assert_eq!(curl(&["-x", &proxy, &origin.url("/")]).good(), HELLO);
    let row = privet.await_row("closed", |row| row["verdict"] == "routed");
    assert_eq!(row["route"], "127.0.0.1", "{row}");
    // The company's proxy sees a connection that is kept for the next request.
    company.await_row("active", |row| row["verdict"] == "direct");

    // Everything is restored: the desktop uses the company's proxy again.
    put(&privet, "PUT", "system-proxy", &json!({ "enabled": false }));
    put(
        &privet,
        "PATCH",
        "config",
        &json!({ "upstream": null, "modes": null }),
    );
    assert_eq!(desktop.proxy(), before);
    // The first run is over, although the file has no settings again.
    assert_eq!(first_run(&privet)["pending"], false);
    let again = put(&privet, "PUT", "first-run", &json!({ "done": false }));
    assert_eq!(again["pending"], true);
}

#[test]
fn a_dead_system_proxy_is_reported_and_removed_on_request() {
    let desktop = require!(Desktop::start());
    let dead = reserve();
    manual(&desktop, &["http", "https", "socks"], dead);
    let before = desktop.proxy();
    let privet = privet(&desktop);
    let found = first_run(&privet)["found"].clone();
    assert_eq!(found["kind"], "leftover", "{found}");
    assert_eq!(found["dead"], dead.to_string());
    assert_eq!(found["upstreams"], json!([]));
    let doctor = privet.json(&["doctor"]);
    let finding = doctor["findings"].as_array().expect("findings");
    let finding = finding
        .iter()
        .find(|finding| finding["check"] == "system proxy")
        .expect("doctor looks at the desktop's proxy");
    assert_eq!(finding["state"], "wrong", "{finding}");
    assert!(finding["text"].to_string().contains(&dead.to_string()));
    assert_eq!(desktop.proxy(), before);

    let repair = json!({ "enabled": false, "repair": true });
    put(&privet, "PUT", "system-proxy", &repair);
    assert_eq!(desktop.get("mode"), "'none'");
    put(&privet, "PUT", "system-proxy", &json!({ "enabled": true }));
    put(&privet, "PUT", "system-proxy", &json!({ "enabled": false }));
    // The repaired state is restored, not the dead one.
    assert_eq!(desktop.get("mode"), "'none'");
}

#[test]
fn a_foreign_pac_url_is_reported_and_kept() {
    let desktop = require!(Desktop::start());
    desktop.set("autoconfig-url", "'http://corp.example/it.pac'");
    desktop.set("mode", "'auto'");
    let before = desktop.proxy();
    let privet = privet(&desktop);
    let found = first_run(&privet)["found"].clone();
    assert_eq!(found["kind"], "pac", "{found}");
    let target = found["target"].as_str().expect("its target");
    assert!(target.contains("http://corp.example/it.pac"), "{target}");
    put(&privet, "PUT", "first-run", &json!({ "done": true }));
    let repair = json!({ "enabled": false, "repair": true });
    let (status, refused) = privet.api("PUT", "system-proxy", Some(&repair));
    assert_eq!(status, 409, "{refused}");
    drop(privet);
    assert_eq!(desktop.proxy(), before);
}

#[test]
fn without_a_desktop_the_other_steps_are_shown() {
    let privet = Privet::start(BOTH);
    let first = first_run(&privet);
    assert_eq!(first["pending"], true, "{first}");
    assert_eq!(first["found"]["kind"], "unknown");
    assert_eq!(first["found"]["can_switch"], false);
    // With an upstream in the file the first run is over.
    privet
        .sandbox
        .write("[[upstream]]\nname = \"a\"\nurl = \"socks5://127.0.0.1:1\"\n");
    privet.await_api("first-run", |first| first["pending"] == false);
}
