//! Unknown keys, types and values.

use privet_config::*;

use crate::support::{Case, UP, check_alone, found};

const UNKNOWN_KEYS: &[Case] = &[
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
];

#[test]
fn an_unknown_key_is_refused_with_the_nearest_one() {
    check_alone(UNKNOWN_KEYS);
}

const WRONG_TYPES: &[Case] = &[
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
        "takes an array, not a string — write it in brackets: [\"…\"]",
    ),
    (
        "[upstream]\nname = \"tor\"\n",
        DiagnosticCode::WrongType,
        1,
        1,
        "takes an array, not a table — write its heading in double brackets: [[…]]",
    ),
    (
        "[cache]\nmemory = 1.5\n",
        DiagnosticCode::WrongType,
        2,
        10,
        "\"memory\" takes a size — write",
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
];

#[test]
fn a_value_of_the_wrong_type_is_refused() {
    check_alone(WRONG_TYPES);
}

const BAD_VALUES: &[Case] = &[
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
];

#[test]
fn a_bad_value_is_refused_with_what_is_allowed() {
    check_alone(BAD_VALUES);
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
