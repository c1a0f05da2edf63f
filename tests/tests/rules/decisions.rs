//! What a rule decides where the filter, an address or a program matters.

use privet_tests::client::socks5;
use privet_tests::{Origin, Privet};
use serde_json::Value;

use crate::support::reaches;

#[test]
fn a_rule_with_a_route_does_not_switch_the_filter_off() {
    let origin = Origin::http();
    let url = format!("http://localhost:{}/", origin.port());
    let status = |privet: &Privet| {
        let proxy = format!("http://{}", privet.proxy());
        privet_tests::curl(&["-x", &proxy, "-o", "/dev/null", "-w", "%{http_code}", &url]).out
    };
    let file = |keys: &str| {
        format!(
            "[filter]\ndeny = [\"localhost\"]\n[[rule]]\nmatch = {{}}\nuse = \"direct\"\n{keys}"
        )
    };
    let privet = Privet::start(&file(""));
    assert_eq!(status(&privet), "403");
    let why = privet.json(&["why", &url]);
    assert_eq!(why["outcome"]["kind"], "deny", "{why}");
    privet.sandbox.write(&file("filter = false\n"));
    privet.await_api("config", |config| config["rule"][0]["filter"] == false);
    assert_eq!(status(&privet), "200");
}

#[test]
fn an_ip_rule_whose_look_up_failed_refuses_and_says_so() {
    let block = "[[rule]]\nmatch = { ip = [\"10.0.0.0/8\"] }\nuse = \"block\"\n";
    let privet = Privet::start(block);
    assert!(socks5(privet.proxy(), "nothing.invalid", 80).is_err());
    let row = privet.await_row("closed", |row| row["host"] == "nothing.invalid");
    assert_eq!(row["verdict"], "failed", "{row}");
    assert!(row["reason"].to_string().contains("rule 1"), "{row}");
    let why = privet.json(&["why", "nothing.invalid:80"]);
    assert_eq!(why["outcome"]["kind"], "undetermined", "{why}");
}

#[test]
fn names_outside_the_dns_are_not_looked_up() {
    let block = "[[rule]]\nmatch = { ip = [\"10.0.0.0/8\"] }\nuse = \"block\"\n";
    let privet = Privet::start(block);
    for host in ["a.onion", "a.alt"] {
        assert!(socks5(privet.proxy(), host, 80).is_err());
        let row = privet.await_row("closed", |row| row["host"] == host);
        assert!(
            row["error"].to_string().contains("is not looked up"),
            "{row}"
        );
    }
}

#[test]
fn an_ip_rule_on_loopback_holds_for_the_address_by_which_the_kernel_reaches_it() {
    let origin = Origin::echo();
    let block = "[[rule]]\nmatch = { ip = [\"127.0.0.0/8\"] }\nuse = \"block\"\n";
    let privet = Privet::start(block);
    for host in ["0.0.0.0", "0", "::ffff:0.0.0.0"] {
        assert!(
            socks5(privet.proxy(), host, origin.port()).is_err(),
            "{host}"
        );
        let shown = if host.len() == 1 { "0.0.0.0" } else { host };
        privet.await_row("blocked", |row| row["host"] == shown.replace("::ffff:", ""));
    }
    privet.sandbox.write("");
    privet.await_api("config", |config| {
        config["rule"].as_array().is_none_or(Vec::is_empty)
    });
    assert!(socks5(privet.proxy(), "0.0.0.0", origin.port()).is_ok());
}

#[test]
fn a_rule_without_look_ups_still_holds_for_addresses_that_are_dialed() {
    let origin = Origin::echo();
    let block = "[[rule]]\nmatch = { ip = [\"127.0.0.0/8\"] }\nuse = \"block\"\nresolve = false\n";
    let privet = Privet::start(block);
    assert!(socks5(privet.proxy(), "localhost", origin.port()).is_err());
    assert_eq!(origin.accepted(), 0);
}

#[test]
fn nobody_can_be_asked_yet_so_a_rule_that_asks_refuses() {
    let origin = Origin::echo();
    let privet = Privet::start("[[rule]]\nmatch = {}\nuse = \"ask\"\n");
    assert!(!reaches(&privet, origin.port()));
    let row = privet.await_row("blocked", |row| row["verdict"] == "blocked");
    assert!(
        row["reason"].to_string().contains("nobody can be asked"),
        "{row}"
    );
}

/// As an ordinary user Privet may not read the programs of others: that is an answer, and no reason to refuse.
#[test]
fn a_program_of_another_user_is_told_as_that_and_matches_no_rule() {
    if !rustix::process::geteuid().is_root() {
        return privet_tests::missing("only root can start it as another user");
    }
    let origin = Origin::echo();
    let script = "for a; do case $a in */privet.toml) chmod -R a+rwX \"${a%/*}\";; esac; done; \
                  exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"";
    let setup = privet_tests::privet::Setup {
        prefix: ["sh", "-c", script, "sh"].map(str::to_owned).to_vec(),
        ..Default::default()
    };
    let rule = "[[rule]]\nmatch = { app = [\"no-such-program\"] }\nuse = \"block\"\n";
    let privet = Privet::start_as(rule, &setup);
    assert!(reaches(&privet, origin.port()));
    let row = privet.await_row("closed", |row| row["app"] != Value::Null);
    assert_eq!(row["app"], "unknown program of user 0", "{row}");
}
