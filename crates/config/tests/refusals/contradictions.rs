//! Settings that contradict each other, and listeners that are exposed.

use std::path::Path;

use privet_config::*;

use crate::support::{UP, check_alone, found};

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let login = |keys: &str| format!("[[upstream]]\nname = \"a\"\nurl = \"socks4://h\"\n{keys}\n");
    for (text, line, column, says) in [
        (
            "[modes.x]\nroute = \"direct\"\nkill_switch = true\n".to_owned(),
            2,
            9,
            "cannot go \"direct\"",
        ),
        (
            "[modes.strict]\nroute = \"direct\"\n".to_owned(),
            2,
            9,
            "cannot go \"direct\"",
        ),
        (
            "[modes.x]\nkill_switch = true\ndns = \"system\"\n".to_owned(),
            3,
            7,
            "set dns = \"upstream\"",
        ),
        (
            "[modes.strict]\ndns = \"https://dns.example/dns-query\"\n".to_owned(),
            2,
            7,
            "never resolves names here",
        ),
        (
            "[modes.strict]\ndns = \"tls://dns.example\"\n".to_owned(),
            2,
            7,
            "never resolves names here",
        ),
        (
            login("username = \"u\"\npassword = { env = \"X\" }"),
            5,
            12,
            "SOCKS4 knows no password",
        ),
        (
            login("password = { env = \"X\" }").replace("socks4", "socks5"),
            4,
            12,
            "a password without a username",
        ),
        ("[listen]\nmixed = []\n".to_owned(), 1, 1, "nothing listens"),
    ] {
        let all = found(&text);
        assert_eq!(all.len(), 1, "{all:#?}");
        assert_eq!(
            (all[0].code, all[0].line, all[0].column),
            (DiagnosticCode::Conflict, line, column),
            "{:#?}",
            all[0]
        );
        assert!(
            format!("{} {}", all[0].cause, all[0].help.clone().unwrap()).contains(says),
            "{:#?}",
            all[0]
        );
    }
}

#[test]
fn a_mode_with_a_kill_switch_goes_upstream_by_default() {
    let text = format!("mode = \"paranoid\"\n{UP}[modes.paranoid]\nkill_switch = true\n");
    let loaded = Config::parse(&text, Path::new("/")).unwrap();
    let mode = &loaded.config.modes["paranoid"];
    assert_eq!(
        (&mode.route, &mode.dns),
        (&RouteRef::FirstOutbound, &Dns::Upstream)
    );
    assert!(loaded.warnings.is_empty());
}

#[test]
fn strict_without_an_upstream_gives_a_warning() {
    check_alone(&[(
        "mode = \"strict\"\n",
        DiagnosticCode::Unreached,
        1,
        8,
        "refuses every connection — add an [[upstream]]",
    )]);
}

#[test]
fn listeners_that_clash_are_refused_at_the_second() {
    check_alone(&[
        (
            "[listen]\nmixed = [\"127.0.0.1:1\"]\nsocks = [\"127.0.0.1:1\"]\n",
            DiagnosticCode::Clash,
            3,
            10,
            "taken by listen.mixed",
        ),
        (
            "[listen]\nmixed = [\"127.0.0.1:1\"]\npac = \"127.0.0.1:1\"\n",
            DiagnosticCode::Clash,
            3,
            7,
            "taken by listen.mixed",
        ),
        (
            "[listen]\nmixed = [\"127.0.0.1:5\"]\n[control]\nmetrics = \"127.0.0.1:5\"\n",
            DiagnosticCode::Clash,
            4,
            11,
            "taken by listen.mixed",
        ),
        (
            "[listen]\nallow_clients = [\"10.0.0.0/8\"]\nmixed = [\"0.0.0.0:1\", \"127.0.0.1:1\"]\n",
            DiagnosticCode::Clash,
            3,
            23,
            "taken by listen.mixed",
        ),
    ]);
    assert!(
        found(
            "[listen]\nmixed = [\"127.0.0.1:0\", \"127.0.0.1:0\", \"[::1]:1\", \"127.0.0.1:1\"]\n"
        )
        .is_empty()
    );
}

#[test]
fn an_exposed_listener_needs_users_or_networks() {
    check_alone(&[
        (
            "[listen]\nmixed = [\"0.0.0.0:7280\"]\n",
            DiagnosticCode::Exposed,
            2,
            10,
            "add users or allow_clients",
        ),
        (
            "[listen]\nsocks = [\"[::]:7280\"]\nallow_clients = []\n",
            DiagnosticCode::Exposed,
            2,
            10,
            "add users or allow_clients",
        ),
        (
            "[listen]\nhttp = [\"127.0.0.1:1\", \"192.168.1.5:2\"]\n",
            DiagnosticCode::Exposed,
            2,
            24,
            "192.168.1.5:2",
        ),
        (
            "[listen]\npac = \"192.168.1.5:2\"\n",
            DiagnosticCode::Exposed,
            2,
            7,
            "192.168.1.5:2",
        ),
    ]);
    for guarded in [
        "users = [{ name = \"a\", password = { env = \"X\" } }]",
        "allow_clients = [\"10.0.0.0/8\"]",
    ] {
        assert!(
            found(&format!(
                "[listen]\nmixed = [\"0.0.0.0:7280\"]\n{guarded}\n"
            ))
            .is_empty()
        );
    }
}

#[test]
fn a_file_that_names_a_listener_has_no_other() {
    let config = Config::parse("[listen]\nsocks = [\"127.0.0.1:1\"]\n", Path::new("/"))
        .unwrap()
        .config;
    assert!(config.listen.mixed.is_empty() && config.listen.pac.is_none());
}

#[test]
fn sites_are_checked_whole() {
    let site = |rest: &str| {
        format!(
            "[[site]]\nname = \"s\"\nlisten = [\"127.0.0.1:8080\"]\nhosts = [\"a.test\"]\n{rest}\n[[site.backend]]\nurl = \"http://127.0.0.1:1\"\n"
        )
    };
    assert!(found(&site("")).is_empty());
    assert!(found(&site("cache = true")).is_empty());
    let warned = found(&site("tls = { acme = \"https://acme.test/directory\" }"));
    assert_eq!(
        (warned.len(), warned[0].code, warned[0].column),
        (1, DiagnosticCode::NotServed, 16),
        "{warned:#?}"
    );
    for (rest, line, column) in [
        ("hash_on = \"cookie:\"", 5, 11),
        ("balance = \"least\"", 5, 11),
        ("tls = { cert = \"c.pem\" }", 5, 7),
        ("tls = { acme = \"nowhere\" }", 5, 16),
        ("limit = { burst = -1 }", 5, 19),
        ("allow = [\"everybody\"]", 5, 10),
        ("health = { path = \"healthz\" }", 5, 19),
        ("health = { path = \"/a\\r\\nX: y\" }", 5, 19),
        ("health = { path = \"/\u{e4}\" }", 5, 19),
        ("route = [{ path = \"/\", backends = [] }]", 5, 35),
        ("[[site.backend]]\nurl = \"http://127.0.0.1:1/path\"", 6, 7),
        ("[[site.backend]]\nurl = \"socks5://127.0.0.1:1\"", 6, 7),
        (
            "[[site.backend]]\nurl = \"http://127.0.0.1:2\"\nweight = 1001",
            7,
            10,
        ),
    ] {
        let errors: Vec<Diagnostic> = found(&site(rest))
            .into_iter()
            .filter(|d| d.severity == Severity::Error)
            .collect();
        assert_eq!(errors.len(), 1, "{rest}: {errors:#?}");
        assert_eq!(
            (errors[0].line, errors[0].column),
            (line, column),
            "{rest}: {:#?}",
            errors[0]
        );
    }
    let route = "[[site.route]]\npath = \"/a\"\nbackends = [\"http://127.0.0.1:2\"]\n";
    for (rest, named) in [
        (
            "[[site.backend]]\nurl = \"http://127.0.0.1:1\"",
            "the backend \"http://127.0.0.1:1\"",
        ),
        (&*route.repeat(2), "the route \"/a\""),
    ] {
        let errors = found(&site(rest));
        assert_eq!(errors.len(), 1, "{errors:#?}");
        assert_eq!(errors[0].code, DiagnosticCode::Duplicate);
        assert!(errors[0].cause.contains(named), "{errors:#?}");
    }
    let twice = site("") + &site("").replace("name = \"s\"", "name = \"t\"");
    assert!(
        found(&twice)
            .iter()
            .any(|d| d.code == DiagnosticCode::Clash && d.line == 8),
        "{:#?}",
        found(&twice)
    );
    let mixed = site("tls = { cert = \"c.pem\", key = \"k.pem\" }")
        + &site("")
            .replace("name = \"s\"", "name = \"t\"")
            .replace("a.test", "b.test");
    assert!(
        found(&mixed)
            .iter()
            .any(|d| d.code == DiagnosticCode::Clash && d.cause.contains("TLS")),
        "{:#?}",
        found(&mixed)
    );
    let two_hosts = site("")
        + &site("")
            .replace("name = \"s\"", "name = \"t\"")
            .replace("a.test", "b.test");
    assert!(
        found(&two_hosts)
            .iter()
            .all(|d| d.severity == Severity::Warning)
    );
}

#[test]
fn a_rule_that_can_never_match_gives_a_warning() {
    check_alone(&[(
        "[[rule]]\nuse = \"direct\"\n[[rule]]\nuse = \"block\"\n",
        DiagnosticCode::Unreached,
        3,
        1,
        "the one on line 1 matches everything",
    )]);
}

#[test]
fn a_rule_for_a_user_that_nothing_defines_is_refused() {
    let text = "[listen]\nusers = [{ name = \"bob\", password = { env = \"B\" } }]\n\
         [[rule]]\nuse = \"block\"\nmatch = { user = [\"bop\"] }\n";
    let found = found(text);
    let [only] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(
        (only.severity, only.code, only.line),
        (Severity::Error, DiagnosticCode::Undefined, 5)
    );
    assert!(
        only.help.as_ref().is_some_and(|help| help.contains("bob")),
        "{only:?}"
    );
}
