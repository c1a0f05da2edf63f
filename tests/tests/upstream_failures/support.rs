//! What the tests of failing upstreams have in common.

use std::net::SocketAddr;

use privet_tests::{Privet, curl};

pub const HELLO: &str = "hello from the origin\n";

pub fn http_status(privet: &Privet, url: &str) -> String {
    let proxy = format!("http://{}", privet.proxy());
    curl(&["-x", &proxy, "-o", "/dev/null", "-w", "%{http_code}", url]).out
}

pub fn group(policy: &str, members: [SocketAddr; 2]) -> String {
    format!(
        "mode = \"own\"\n[modes.own]\nroute = \"both\"\nkill_switch = true\ndns = \"upstream\"\n\
         [[upstream]]\nname = \"one\"\nurl = \"socks5://{}\"\n[[upstream]]\nname = \"two\"\nurl = \"socks5://{}\"\n\
         [[group]]\nname = \"both\"\npolicy = \"{policy}\"\nmembers = [\"one\", \"two\"]\n",
        members[0], members[1]
    )
}
