//! Every kind of mistake is refused with its exact line and column and the fix.

use std::path::Path;

use privet_config::*;

fn found(text: &str) -> Vec<Diagnostic> {
    match Config::parse(text, Path::new("/base")) {
        Ok(loaded) => loaded.warnings,
        Err(found) => found.list,
    }
}

/// Text, code, line, column, part of the message. It is the only finding of that code.
type Case = (&'static str, DiagnosticCode, usize, usize, &'static str);

fn check(cases: &[Case]) {
    for (text, code, line, column, says) in cases {
        let all = found(text);
        let of_code: Vec<&Diagnostic> = all.iter().filter(|d| d.code == *code).collect();
        let [one] = of_code.as_slice() else {
            panic!("not one {code:?} but {all:#?} in:\n{text}")
        };
        assert_eq!(
            (one.line, one.column),
            (*line, *column),
            "place of {one:#?} in:\n{text}"
        );
        let message = format!(
            "{} — {}",
            one.cause,
            one.help.as_deref().unwrap_or_default()
        );
        assert!(
            message.contains(says),
            "\"{message}\" does not say \"{says}\""
        );
    }
}

/// As [`check`], and the finding is the only one of the whole text.
fn check_alone(cases: &[Case]) {
    check(cases);
    for (text, ..) in cases {
        assert_eq!(found(text).len(), 1, "{:#?}", found(text));
    }
}

const UP: &str = "[[upstream]]\nname = \"tor\"\nurl = \"socks5://127.0.0.1:9050\"\n";

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one() {
    check_alone(&[
        (
            "listn = 1\n",
            DiagnosticCode::UnknownKey,
            1,
            1,
            "unknown key \"listn\" — did you mean \"listen\"?",
        ),
        (
            "[listen]\nmixd = []\n",
            DiagnosticCode::UnknownKey,
            2,
            1,
            "did you mean \"mixed\"?",
        ),
        (
            "[listen.limits]\n  conections = 5\n",
            DiagnosticCode::UnknownKey,
            2,
            3,
            "did you mean \"connections\"?",
        ),
        (
            "[modes.x]\nkillswitch = false\n",
            DiagnosticCode::UnknownKey,
            2,
            1,
            "did you mean \"kill_switch\"?",
        ),
        (
            "[[rule]]\nmatch = { prot = [80] }\nuse = \"block\"\n",
            DiagnosticCode::UnknownKey,
            2,
            11,
            "did you mean",
        ),
        (
            "[cache]\nmemroy = \"1MiB\"\n",
            DiagnosticCode::UnknownKey,
            2,
            1,
            "did you mean \"memory\"?",
        ),
        (
            "[log]\nzzzzzz = 1\n",
            DiagnosticCode::UnknownKey,
            2,
            1,
            "known here are \"level\", \"format\", \"connections\"",
        ),
        (
            "listen = { users = [{ name = \"a\", password = { evn = \"X\", env = \"Y\" } }] }\n",
            DiagnosticCode::UnknownKey,
            1,
            48,
            "did you mean \"env\"?",
        ),
    ]);
}

#[test]
fn a_value_of_the_wrong_type_is_refused() {
    check_alone(&[
        (
            "mode = 5\n",
            DiagnosticCode::WrongType,
            1,
            8,
            "\"mode\" takes a string, not an integer",
        ),
        (
            "listen = []\n",
            DiagnosticCode::WrongType,
            1,
            10,
            "\"listen\" takes a table, not an array",
        ),
        (
            "[listen]\nsocks = \"127.0.0.1:1\"\n",
            DiagnosticCode::WrongType,
            2,
            9,
            "takes an array, not a string",
        ),
        (
            "[cache]\nenabled = \"yes\"\n",
            DiagnosticCode::WrongType,
            2,
            11,
            "true or false",
        ),
        (
            "[listen]\nlimits = { connections = \"many\" }\n",
            DiagnosticCode::WrongType,
            2,
            26,
            "a whole number",
        ),
        (
            "[listen.limits]\nidle_timeout = 30\n",
            DiagnosticCode::WrongType,
            2,
            16,
            "write \"500ms\", \"10s\"",
        ),
        (
            "rule = [5]\n",
            DiagnosticCode::WrongType,
            1,
            9,
            "takes a table",
        ),
        (
            "[[rule]]\nuse = \"block\"\nuntil = true\n",
            DiagnosticCode::WrongType,
            3,
            9,
            "a date with a time",
        ),
    ]);
}

#[test]
fn a_bad_value_is_refused_with_what_is_allowed() {
    check_alone(&[
        (
            "[log]\nformat = \"jsno\"\n",
            DiagnosticCode::BadValue,
            2,
            10,
            "did you mean \"json\"?",
        ),
        (
            "[log]\nlevel = \"inof\"\n",
            DiagnosticCode::BadValue,
            2,
            9,
            "did you mean \"info\"?",
        ),
        (
            "[log]\nconnections = \"memroy\"\n",
            DiagnosticCode::BadValue,
            2,
            15,
            "did you mean \"memory\"?",
        ),
        (
            "[log]\nconnections = \"1s\"\n",
            DiagnosticCode::BadValue,
            2,
            15,
            "allowed are 1m to 3650d",
        ),
        (
            "[cache]\nmemory = \"64 Mb of it\"\n",
            DiagnosticCode::BadValue,
            2,
            10,
            "is not a size",
        ),
        (
            "[cache]\nmemory = -1\n",
            DiagnosticCode::BadValue,
            2,
            10,
            "out of range",
        ),
        (
            "[listen.limits]\nidle_timeout = \"1x\"\n",
            DiagnosticCode::BadValue,
            2,
            16,
            "is not a duration",
        ),
        (
            "[listen.limits]\nhandshake_timeout = \"0s\"\n",
            DiagnosticCode::BadValue,
            2,
            21,
            "allowed are 100ms to 10m",
        ),
        (
            "[listen.limits]\nconnections = 0\n",
            DiagnosticCode::BadValue,
            2,
            15,
            "allowed are 1 to 1000000",
        ),
        (
            "[listen.limits]\nconnections = 1000001\n",
            DiagnosticCode::BadValue,
            2,
            15,
            "allowed are 1 to 1000000",
        ),
        (
            "[listen]\nmixed = [\"127.0.0.1:1\", \"localhost:2\"]\n",
            DiagnosticCode::BadValue,
            2,
            25,
            "not an IP address with a port",
        ),
        (
            "[listen]\nmixed = [\"127.0.0.1:70000\"]\n",
            DiagnosticCode::BadValue,
            2,
            10,
            "not an IP address with a port",
        ),
        (
            "[listen]\nallow_clients = [\"10.0.0.0/33\"]\n",
            DiagnosticCode::BadValue,
            2,
            18,
            "is not a network",
        ),
        (
            "[modes.x]\nheaders = \"none\"\n",
            DiagnosticCode::BadValue,
            2,
            11,
            "allowed are \"untouched\", \"reduced\", \"minimal\"",
        ),
        (
            "[modes.x]\ndns = \"8.8.8.8\"\n",
            DiagnosticCode::BadValue,
            2,
            7,
            "tls://HOST",
        ),
        (
            "[modes.x]\ndns = \"tls://a:0\"\n",
            DiagnosticCode::BadValue,
            2,
            7,
            "no way to resolve",
        ),
        (
            "[[rule]]\nuse = \"block\"\nmatch = { port = [0] }\n",
            DiagnosticCode::BadValue,
            3,
            19,
            "allowed are 1 to 65535",
        ),
        (
            "[[rule]]\nuse = \"block\"\nmatch = { port = [\"90-80\"] }\n",
            DiagnosticCode::BadValue,
            3,
            19,
            "\"8000-8100\"",
        ),
        (
            "[[rule]]\nuse = \"block\"\nmatch = { domain_regex = ['(a'] }\n",
            DiagnosticCode::BadValue,
            3,
            27,
            "bad regular expression: unclosed group",
        ),
        (
            "[[rule]]\nuse = \"block\"\nmatch = { ip = [\"10.0.0\"] }\n",
            DiagnosticCode::BadValue,
            3,
            17,
            "is not a network",
        ),
        (
            "[[rule]]\nuse = \"block\"\nmatch = { protocol = [\"sock5\"] }\n",
            DiagnosticCode::BadValue,
            3,
            23,
            "did you mean \"socks5\"?",
        ),
        (
            "[[rule]]\nuse = \"block\"\nmatch = { domain = [\"*.a\"] }\n",
            DiagnosticCode::BadValue,
            3,
            21,
            "use domain_suffix",
        ),
        (
            "[[rule]]\nuse = \"block\"\nmatch = { domain = [\"10.0.0.1\"] }\n",
            DiagnosticCode::BadValue,
            3,
            21,
            "\"ip\"",
        ),
        (
            "[[rule]]\nuse = \"block\"\nuntil = 2026-12-31T18:00:00\n",
            DiagnosticCode::BadValue,
            3,
            9,
            "with an offset",
        ),
        (
            "[filter]\ndeny = [\"http://a/\"]\n",
            DiagnosticCode::BadValue,
            2,
            9,
            "is not a domain name",
        ),
        (
            "[[filter.list]]\nname = \"a\"\nsource = \"ftp://h/x\"\n",
            DiagnosticCode::BadValue,
            3,
            10,
            "http or https URL",
        ),
        (
            "[[filter.list]]\nname = \"a\"\nsource = \"x\"\nrefresh = \"1s\"\n",
            DiagnosticCode::BadValue,
            4,
            11,
            "allowed are 1m to 365d",
        ),
        (
            "[scan]\nclamd = \"127.0.0.1:3310\"\n",
            DiagnosticCode::BadValue,
            2,
            9,
            "tcp:127.0.0.1:3310",
        ),
        (
            "[control]\nhttp = \"7282\"\n",
            DiagnosticCode::BadValue,
            2,
            8,
            "not an IP address",
        ),
    ]);
}

#[test]
fn an_upstreams_url_is_checked() {
    let cases: &[(&str, &str)] = &[
        ("127.0.0.1:1080", "no scheme"),
        ("socks6://h:1", "did you mean \"socks4\"?"),
        ("socks5h://h:1", "write socks5"),
        ("socks5://", "host or port"),
        ("socks5://h:0", "host or port"),
        ("socks5://h:65536", "host or port"),
        ("socks5://h:+80", "host or port"),
        ("socks5://h:80/path", "host or port"),
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
fn names_and_passwords_have_the_length_that_socks_allows() {
    let long = "x".repeat(256);
    let user =
        format!("[listen]\nusers = [{{ name = \"{long}\", password = {{ env = \"X\" }} }}]\n");
    let all = found(&user);
    assert_eq!((all.len(), all[0].line, all[0].column), (1, 2, 19));
    assert!(all[0].cause.contains("256 bytes"));
    let upstream = format!("{UP}username = \"{long}\"\n");
    assert_eq!(
        (found(&upstream)[0].line, found(&upstream)[0].column),
        (4, 12)
    );
    let fits = format!("{UP}username = \"{}\"\n", &long[1..]);
    assert!(found(&fits).is_empty());
}

#[test]
fn a_missing_key_is_named_at_the_tables_head() {
    check_alone(&[
        (
            "[[upstream]]\nurl = \"socks5://h\"\n",
            DiagnosticCode::Missing,
            1,
            1,
            "\"name\" is missing",
        ),
        (
            "# x\n  [[group]]\nname = \"g\"\n",
            DiagnosticCode::Missing,
            2,
            3,
            "\"members\" is missing",
        ),
        (
            "rule = [{ match = {} }]\n",
            DiagnosticCode::Missing,
            1,
            9,
            "\"use\" is missing",
        ),
    ]);
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

#[test]
fn sites_are_checked_whole() {
    let site = |rest: &str| {
        format!(
            "[[site]]\nname = \"s\"\nlisten = [\"127.0.0.1:8080\"]\nhosts = [\"a.test\"]\n{rest}\n[[site.backend]]\nurl = \"http://127.0.0.1:1\"\n"
        )
    };
    assert!(found(&site("")).is_empty());
    for (rest, column) in [
        ("cache = true", 9),
        ("tls = { acme = \"https://acme.test/directory\" }", 7),
    ] {
        let warned = found(&site(rest));
        assert_eq!(
            (warned.len(), warned[0].code, warned[0].column),
            (1, DiagnosticCode::NotServed, column),
            "{rest}: {warned:#?}"
        );
    }
    for (rest, line, column) in [
        ("hash_on = \"cookie:\"", 5, 11),
        ("balance = \"least\"", 5, 11),
        ("tls = { cert = \"c.pem\" }", 5, 7),
        ("tls = { acme = \"nowhere\" }", 5, 16),
        ("limit = { burst = -1 }", 5, 19),
        ("allow = [\"everybody\"]", 5, 10),
        ("health = { path = \"healthz\" }", 5, 19),
        ("route = [{ path = \"/\", backends = [] }]", 5, 35),
        ("[[site.backend]]\nurl = \"http://127.0.0.1:1/path\"", 6, 7),
        ("[[site.backend]]\nurl = \"socks5://127.0.0.1:1\"", 6, 7),
        (
            "[[site.backend]]\nurl = \"http://127.0.0.1:1\"\nweight = 1001",
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
    let twice = site("") + &site("").replace("name = \"s\"", "name = \"t\"");
    assert!(
        found(&twice)
            .iter()
            .any(|d| d.code == DiagnosticCode::Clash && d.line == 8),
        "{:#?}",
        found(&twice)
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
fn unsupported_settings_are_reported() {
    check_alone(&[
        (
            "[inspect]\nenabled = true\n",
            DiagnosticCode::NotServed,
            2,
            11,
            "not served by this version yet",
        ),
        (
            "[scan]\nenabled = true\n",
            DiagnosticCode::NotServed,
            2,
            11,
            "not served by this version yet",
        ),
    ]);
}

#[test]
fn a_rule_that_can_never_match_gives_a_warning() {
    check_alone(&[
        (
            "[[rule]]\nuse = \"direct\"\n[[rule]]\nuse = \"block\"\n",
            DiagnosticCode::Unreached,
            3,
            1,
            "the one on line 1 matches everything",
        ),
        (
            "[[rule]]\nuse = \"block\"\nmatch = { user = [\"bob\"] }\n",
            DiagnosticCode::Unreached,
            3,
            19,
            "no user is named \"bob\"",
        ),
    ]);
}

#[test]
fn text_that_is_not_toml_is_refused_where_it_breaks() {
    check(&[
        ("mode = \n", DiagnosticCode::Syntax, 1, 8, ""),
        ("[listen\nmixed = []\n", DiagnosticCode::Syntax, 1, 8, ""),
        (
            "mode = \"a\"\nmode = \"b\"\n",
            DiagnosticCode::Syntax,
            2,
            1,
            "duplicate key",
        ),
    ]);
    let all = found("mode = \n[listen]\nmixd = []\n[cache]\nmemory = \"x\"\n[oops\n");
    let codes: Vec<DiagnosticCode> = all.iter().map(|d| d.code).collect();
    assert_eq!(
        codes,
        [
            DiagnosticCode::Syntax,
            DiagnosticCode::UnknownKey,
            DiagnosticCode::BadValue,
            DiagnosticCode::Syntax
        ],
        "{all:#?}"
    );
}

#[test]
fn all_problems_are_reported_at_once_in_the_order_of_the_text() {
    let text = "mode = \"strct\"\nlistn = 1\n[cache]\nmemory = \"x\"\n[[rule]]\nuse = \"nowhere\"\n[log]\nlevel = 5\n";
    let lines: Vec<usize> = found(text).iter().map(|d| d.line).collect();
    assert_eq!(lines, [1, 2, 4, 6, 8]);
}

#[test]
fn columns_count_characters() {
    check_alone(&[(
        "[[rule]]\nmatch = { domain = [\"ärger.example\", 5] }\nuse = \"block\"\n",
        DiagnosticCode::WrongType,
        2,
        38,
        "",
    )]);
}

#[test]
fn a_diagnostic_is_printed_with_its_line_and_a_caret() {
    let text = "# head\nmode = \"standard\"\n\n  listn = 1 # behind\n";
    let found = Config::parse(text, Path::new("/")).unwrap_err();
    let expected = "privet.toml:4:3: unknown key \"listn\" — did you mean \"listen\"?\n  4 |   listn = 1 # behind\n    |   ^^^^^";
    assert_eq!(found.to_string(), expected);
}

#[test]
fn a_long_line_is_clipped_around_the_position() {
    let hosts = "\"host.example\", ".repeat(400);
    let text = format!("[filter]\ndeny = [{hosts}5, {hosts}]\n");
    let one = &found(&text)[0];
    assert!(one.source.chars().count() < 200);
    assert_eq!(one.source.chars().nth(one.mark), Some('5'));
}

#[test]
fn a_file_that_cannot_be_read_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let here = Config::load(folder.path()).unwrap_err();
    assert!(
        here.to_string()
            .starts_with(&format!("{}: cannot be read", folder.path().display()))
    );
    let path = folder.path().join("x.toml");
    std::fs::write(&path, b"a = 1\n\xff").unwrap();
    assert!(
        Config::load(&path)
            .unwrap_err()
            .to_string()
            .contains("not UTF-8 text (line 2)")
    );
    std::fs::write(&path, "mode = 1").unwrap();
    assert!(
        Config::load(&path)
            .unwrap_err()
            .to_string()
            .starts_with(&format!("{}:1:8: ", path.display()))
    );
}
