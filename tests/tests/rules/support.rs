//! What several of these tests need.

use privet_tests::Privet;
use privet_tests::client::socks5;
use serde_json::Value;

pub fn rules(privet: &Privet) -> Vec<Value> {
    let (status, answer) = privet.api("GET", "rules", None);
    assert_eq!(status, 200, "{answer}");
    answer["rules"].as_array().expect("rules").clone()
}

pub fn add(privet: &Privet, body: &Value) -> Value {
    let (status, answer) = privet.api("POST", "rules", Some(body));
    assert_eq!(status, 200, "{answer}");
    answer
}

pub fn reaches(privet: &Privet, port: u16) -> bool {
    socks5(privet.proxy(), "127.0.0.1", port).is_ok()
}

pub fn file(privet: &Privet) -> String {
    std::fs::read_to_string(privet.sandbox.config()).expect("the file is there")
}

pub fn block(port: u16) -> String {
    format!("[[rule]]\nmatch = {{ port = [{port}] }}\nuse = \"block\"\n")
}

pub fn direct(port: u16) -> String {
    format!("[[rule]]\nmatch = {{ port = [{port}] }}\nuse = \"direct\"\n")
}
