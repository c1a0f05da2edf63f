//! What several of these tests need.

use privet_tests::list_server::{CatchAllUpstream, ListServer};
use privet_tests::{Privet, curl};
use serde_json::Value;

/// The status of a plain request through the proxy.
pub fn get(privet: &Privet, url: &str) -> String {
    let proxy = format!("http://{}", privet.proxy());
    curl(&["-x", &proxy, "-o", "/dev/null", "-w", "%{http_code}", url]).good()
}

pub fn list(all: &Value, name: &str) -> Value {
    let found = all["lists"].as_array().into_iter().flatten();
    let mut found = found.filter(|list| list["name"] == name);
    found.next().cloned().unwrap_or(Value::Null)
}

/// Waits until `ready` is true of the list. Returns it.
pub fn await_list(privet: &Privet, name: &str, ready: impl Fn(&Value) -> bool) -> Value {
    let all = privet.await_api("lists", |all| ready(&list(all, name)));
    list(&all, name)
}

pub fn post(privet: &Privet, name: &str, act: &str) -> (u16, Value) {
    privet.api("POST", &format!("lists/{name}/{act}"), None)
}

/// Refreshes the list once. Returns its state.
pub fn refresh(privet: &Privet, publisher: &ListServer, name: &str, path: &str) -> Value {
    let before = publisher.requests(path).len();
    let (status, answer) = post(privet, name, "refresh");
    assert_eq!(
        (status, publisher.requests(path).len()),
        (200, before + 1),
        "{answer}"
    );
    answer
}

pub fn problems(privet: &Privet) -> Vec<String> {
    let status = privet.api("GET", "status", None).1;
    let all = status["problems"].as_array().cloned().unwrap_or_default();
    let text = |problem: &Value| format!("{} {}", problem["about"], problem["text"]);
    all.iter().map(text).collect()
}

/// Sends everything through an upstream that connects every name to the publisher.
pub fn through(upstream: &CatchAllUpstream, lists: &str) -> String {
    format!(
        "mode = \"strict\"\n[[upstream]]\nname = \"publisher\"\nurl = \"socks5://{}\"\n{lists}",
        upstream.address()
    )
}

pub fn entry(name: &str, source: &str, more: &str) -> String {
    format!("[[filter.list]]\nname = \"{name}\"\nsource = \"{source}\"\n{more}\n")
}
