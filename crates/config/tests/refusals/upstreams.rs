//! Upstreams, their secrets, and names that refer to them.

use std::path::Path;

use privet_config::*;

use crate::support::{UP, check_alone, found};

#[test]
fn an_upstreams_url_is_checked() {
    let cases: &[(&str, &str)] = &[
        ("127.0.0.1:1080", "no scheme"),
        ("socks6://h:1", "did you mean \"socks5\"?"),
        ("socks://h:1", "did you mean \"socks5\"?"),
        ("socks5h://h:1", "write socks5"),
        ("socks5://", "host or port"),
        ("socks5://h:0", "host or port"),
        ("socks5://h:65536", "host or port"),
        ("socks5://h:+80", "host or port"),
        ("socks5://h:80/path", "has no path"),
        ("socks5://[::1", "host or port"),
        ("socks5://a b:80", "host or port"),
    ];
    for (url, says) in cases {
        let text = format!("[[upstream]]\nname = \"a\"\nurl = \"{url}\"\n");
        let all = found(&text);
        assert_eq!(
            (all.len(), all[0].line, all[0].column),
            (1, 3, 7),
            "{url}: {all:#?}"
        );
        let message = format!(
            "{} — {}",
            all[0].cause,
            all[0].help.as_deref().unwrap_or_default()
        );
        assert!(message.contains(says), "{url}: {message}");
    }
}

#[test]
fn an_upstreams_url_without_a_port_has_its_schemes_usual_one() {
    for (url, host, port) in [
        ("socks4://Proxy.Example", "proxy.example", 1080),
        ("socks5://[::1]/", "::1", 1080),
        ("http://10.0.0.1", "10.0.0.1", 80),
        ("http://10.0.0.1:3128", "10.0.0.1", 3128),
        ("https://bücher.example", "xn--bcher-kva.example", 443),
    ] {
        let text = format!("[[upstream]]\nname = \"a\"\nurl = \"{url}\"\n");
        let upstream = Config::parse(&text, Path::new("/"))
            .unwrap()
            .config
            .upstreams
            .remove(0);
        assert_eq!(
            (upstream.host.as_str(), upstream.port),
            (host, port),
            "{url}"
        );
    }
}

#[test]
fn a_login_in_an_upstreams_url_is_accepted_with_a_warning() {
    let text = "[[upstream]]\nname = \"a\"\nurl = \"socks5://bob:p%40ss@h:1\"\n";
    let loaded = Config::parse(text, Path::new("/")).unwrap();
    let upstream = &loaded.config.upstreams[0];
    assert_eq!(upstream.username.as_deref(), Some("bob"));
    let revealed = upstream
        .password
        .as_ref()
        .unwrap()
        .reveal(&NoKeyring)
        .unwrap();
    assert_eq!(secrecy::ExposeSecret::expose_secret(&revealed), "p@ss");
    assert_eq!(loaded.warnings[0].code, DiagnosticCode::PlainSecret);
}

#[test]
fn a_name_that_nothing_defines_is_refused_with_the_nearest_one() {
    check_alone(
        &[
            (
                "mode = \"strct\"\n",
                DiagnosticCode::Undefined,
                1,
                8,
                "\"strct\" names no mode — did you mean \"strict\"?",
            ),
            (
                "mode = \"office\"\n[modes.offce]\n",
                DiagnosticCode::Undefined,
                1,
                8,
                "did you mean \"offce\"?",
            ),
            (
                "[[rule]]\nuse = \"blok\"\n",
                DiagnosticCode::Undefined,
                2,
                7,
                "did you mean \"block\"?",
            ),
            (
                "[modes.x]\nroute = \"direkt\"\n",
                DiagnosticCode::Undefined,
                2,
                9,
                "did you mean \"direct\"?",
            ),
            (
                "[[group]]\nname = \"g\"\nmembers = [\"tro\"]\n[[upstream]]\nname = \"tor\"\nurl = \"socks5://h\"\n",
                DiagnosticCode::Undefined,
                3,
                12,
                "did you mean \"tor\"?",
            ),
            (
                "[[upstream]]\nname = \"tor\"\nurl = \"socks5://h\"\nvia = \"tro\"\n",
                DiagnosticCode::Undefined,
                4,
                7,
                "did you mean \"tor\"?",
            ),
            (
                "[[group]]\nname = \"g\"\nmembers = [\"x\"]\n",
                DiagnosticCode::Undefined,
                3,
                12,
                "did you mean",
            ),
        ][..6],
    );
    check_alone(&[(
        "[[group]]\nname = \"g\"\nmembers = [\"x\"]\n",
        DiagnosticCode::Undefined,
        3,
        12,
        "add an [[upstream]]",
    )]);
}

#[test]
fn a_broken_upstream_is_defined_all_the_same() {
    let text = "mode = \"m\"\n[modes.m]\nroute = \"a\"\n[[upstream]]\nname = \"a\"\nurl = \"nonsense\"\n[[rule]]\nuse = \"a\"\n";
    check_alone(&[(text, DiagnosticCode::BadValue, 6, 7, "no scheme")]);
}

#[test]
fn a_circle_is_named() {
    let hop = |name: &str, via: &str| {
        format!("[[upstream]]\nname = \"{name}\"\nurl = \"socks5://h\"\nvia = \"{via}\"\n")
    };
    let text = hop("a", "b") + &hop("b", "c") + &hop("c", "a");
    let all = found(&text);
    assert_eq!(all.len(), 1);
    assert_eq!(
        (all[0].code, all[0].line, all[0].column),
        (DiagnosticCode::Circle, 4, 7)
    );
    assert_eq!(all[0].cause, "\"via\" goes in a circle: a → b → c → a");

    let itself = found(&hop("a", "a"));
    assert_eq!(itself[0].cause, "\"via\" goes in a circle: a → a");

    let two = hop("x", "a") + &hop("a", "b") + &hop("b", "a") + &hop("c", "c");
    let causes: Vec<String> = found(&two).into_iter().map(|d| d.cause).collect();
    assert_eq!(
        causes,
        [
            "\"via\" goes in a circle: a → b → a",
            "\"via\" goes in a circle: c → c"
        ]
    );
}

#[test]
fn names_are_unique() {
    let again = "[[upstream]]\nname = \"tor\"\nurl = \"socks5://h\"\n";
    let upstreams: String = format!("{UP}{again}");
    let group = format!("{UP}[[group]]\nname = \"tor\"\nmembers = [\"tor\"]\n");
    let reserved = UP.replace("tor", "direct");
    let booked = ["cache", "direct (x)"].map(|name| UP.replace("tor", name));
    let [cache, way_out] = booked;
    let member = format!("{UP}[[group]]\nname = \"g\"\nmembers = [\"tor\", \"tor\"]\n");
    for (text, line, column, says) in [
        (upstreams, 5, 8, "the name \"tor\" is taken"),
        (group, 5, 8, "share one set of names"),
        (reserved, 2, 8, "\"direct\" is reserved"),
        (cache, 2, 8, "\"cache\" is reserved"),
        (way_out, 2, 8, "\"direct (x)\" is reserved"),
        (member, 6, 19, "a member already"),
        ("[listen]\nusers = [{ name = \"a\", password = { env = \"X\" } }, { name = \"a\", password = { env = \"X\" } }]\n".to_owned(), 2, 61, "a user named \"a\""),
        ("[[filter.list]]\nname = \"l\"\nsource = \"x\"\n[[filter.list]]\nname = \"l\"\nsource = \"y\"\n".to_owned(), 5, 8, "a list named \"l\""),
    ] {
        let all = found(&text);
        assert_eq!(all.len(), 1, "{all:#?}");
        assert_eq!((all[0].code, all[0].line, all[0].column), (DiagnosticCode::Duplicate, line, column), "{:#?}", all[0]);
        assert!(format!("{} {:?}", all[0].cause, all[0].help).contains(says), "{:#?}", all[0]);
    }
}

#[test]
fn a_secrets_reference_has_one_source() {
    let user =
        |password: &str| format!("[listen]\nusers = [{{ name = \"a\", password = {password} }}]\n");
    for (password, code, column) in [
        ("{}", DiagnosticCode::BadValue, 35),
        (
            "{ env = \"A\", file = \"b\" }",
            DiagnosticCode::BadValue,
            35,
        ),
        ("{ plain = true }", DiagnosticCode::BadValue, 35),
        ("{ env = \"\" }", DiagnosticCode::BadValue, 43),
        ("{ env = \"A=B\" }", DiagnosticCode::BadValue, 43),
        ("5", DiagnosticCode::WrongType, 35),
        ("\"\"", DiagnosticCode::BadValue, 35),
    ] {
        let all = found(&user(password));
        assert_eq!(
            (all.len(), all[0].code, all[0].column),
            (1, code, column),
            "{password}: {all:#?}"
        );
    }
}
