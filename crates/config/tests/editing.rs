//! Edits change one value and leave comments and order as they are.

use std::path::Path;

use privet_config::*;
use serde_json::{Value as Json, json};

const CONTRACT: &str = include_str!("contract.toml");

/// The removed and the added lines.
fn difference(old: &str, new: &str) -> (Vec<String>, Vec<String>) {
    let mut gone: Vec<&str> = old.lines().collect();
    let mut come = Vec::new();
    for line in new.lines() {
        match gone.iter().position(|l| *l == line) {
            Some(i) => drop(gone.remove(i)),
            None => come.push(line.to_owned()),
        }
    }
    (gone.into_iter().map(str::to_owned).collect(), come)
}

fn edited(text: &str, edit: impl FnOnce(&mut Document)) -> String {
    let mut document = Document::parse(text).unwrap();
    edit(&mut document);
    document.text()
}

fn merged(text: &str, patch: Json) -> String {
    edited(text, |document| document.merge(&patch).unwrap())
}

fn parsed(text: &str) -> Json {
    to_json(
        &Config::parse(text, Path::new("/base"))
            .unwrap_or_else(|e| panic!("{e}\n{text}"))
            .config,
    )
}

#[test]
fn one_value_changed_is_one_line_changed() {
    let cases: Vec<(Json, &str)> = vec![
        (
            json!({ "mode": "office" }),
            "mode = \"office\"                    # \"off\"",
        ),
        (
            json!({ "listen": { "limits": { "idle_timeout": "2h" } } }),
            "idle_timeout = \"2h\"",
        ),
        (
            json!({ "modes": { "office": { "filter": false } } }),
            "filter = false",
        ),
        (
            json!({ "listen": { "pac": "" } }),
            "pac   = \"\"       # GET",
        ),
        (
            json!({ "listen": { "mixed": ["127.0.0.1:7280", "[::1]:7280"] } }),
            "mixed = [\"127.0.0.1:7280\", \"[::1]:7280\"]           # SOCKS4",
        ),
        (json!({ "filter": { "deny": [] } }), "deny = []"),
        (
            json!({ "cache": { "disk": 0 } }),
            "disk = 0                        # \"0\" = memory",
        ),
    ];
    for (patch, starts) in cases {
        let text = merged(CONTRACT, patch.clone());
        let (gone, come) = difference(CONTRACT, &text);
        assert_eq!(
            (gone.len(), come.len()),
            (1, 1),
            "{patch}: {gone:?} {come:?}"
        );
        let squeezed = |s: &str| s.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            squeezed(&come[0]).starts_with(&squeezed(starts)),
            "{patch}: {come:?}"
        );
    }
}

#[test]
fn a_key_set_to_null_is_removed() {
    let text = merged(
        CONTRACT,
        json!({ "upstream": [] , "modes": null, "group": null, "mode": null }),
    );
    assert!(
        !text.contains("[modes.office]")
            && !text.contains("mode = \"standard\"")
            && !text.contains("[[group]]")
    );
    assert_eq!(parsed(&text)["mode"], "standard");
}

#[test]
fn a_patch_with_the_current_values_changes_nothing() {
    let same = json!({
        "mode": "standard",
        "listen": { "limits": { "idle_timeout": "60m" } },
        "cache": { "memory": 67_108_864 },
        "group": [{ "name": "auto", "policy": "failover", "members": ["office", "tor"],
                    "check": { "url": "http://127.0.0.1:8000/", "interval": "30s", "timeout": "5000ms" } }],
    });
    for text in [
        CONTRACT.to_owned(),
        CONTRACT.replace('\n', "\r\n"),
        format!("\u{feff}{CONTRACT}"),
    ] {
        assert_eq!(merged(&text, same.clone()), text);
    }
}

#[test]
fn line_ends_stay_as_the_file_has_them() {
    let text = merged(
        &CONTRACT.replace('\n', "\r\n"),
        json!({ "mode": "off", "rule": [] }),
    );
    assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
}

#[test]
fn entries_keep_their_comments_when_another_changes() {
    let text = "# first\n[[upstream]]\nname = \"a\" # the a\nurl = \"socks5://h:1\"\n\n# second\n[[upstream]]\nname = \"b\"\nurl = \"socks5://h:2\"\n";
    let swapped = merged(
        text,
        json!({ "upstream": [
        { "name": "b", "url": "socks5://h:3" },
        { "name": "a", "url": "socks5://h:1" },
    ] }),
    );
    assert!(
        swapped.find("name = \"b\"") < swapped.find("name = \"a\""),
        "{swapped}"
    );
    assert!(
        swapped.contains("# second\n[[upstream]]\nname = \"b\"\nurl = \"socks5://h:3\""),
        "{swapped}"
    );
    assert!(
        swapped.contains("# first\n[[upstream]]\nname = \"a\" # the a\n"),
        "{swapped}"
    );
}

#[test]
fn sites_are_moved_with_their_tables() {
    let site = |name: &str, port: u16| {
        format!(
            "[[site]]\nname = \"{name}\"\nlisten = [\"127.0.0.1:{port}\"]\nhosts = [\"h\"]\n\n[[site.backend]]\nurl = \"http://{name}:1\"\nweight = 1\n\n[site.health]\npath = \"/{name}\"\n\n"
        )
    };
    let text = format!("{}{}[log]\nlevel = \"info\"\n", site("a", 1), site("b", 2));
    let mut sites = parsed(&text)["site"].as_array().unwrap().clone();
    sites.reverse();
    let moved = merged(&text, json!({ "site": sites }));
    assert_eq!(parsed(&moved)["site"], Json::Array(sites));
    assert!(moved.trim_end().ends_with("level = \"info\""), "{moved}");
}

#[test]
fn a_rule_is_added_moved_and_removed_without_changing_others() {
    let rule = json!({ "match": { "domain": ["new.test"] }, "use": "block" });
    for at in 0..3 {
        let text = edited(CONTRACT, |d| d.add_rule(at, &rule).unwrap());
        let (gone, come) = difference(CONTRACT, &text);
        assert!(gone.is_empty(), "{gone:?}");
        assert_eq!(come.len(), 4, "{come:?}");
        assert_eq!(parsed(&text)["rule"][at], rule);
        let back = edited(&text, |d| d.remove_rule(at).unwrap());
        assert_eq!(back, CONTRACT);
    }
    let moved = edited(CONTRACT, |d| d.move_rule(1, 0).unwrap());
    assert_eq!(parsed(&moved)["rule"][0]["use"], "block");
    assert_eq!(edited(CONTRACT, |d| d.move_rule(1, 1).unwrap()), CONTRACT);
    let mut document = Document::parse(CONTRACT).unwrap();
    assert_eq!(
        document.remove_rule(2),
        Err(EditError::NoSuchRule {
            number: 3,
            count: 2
        })
    );
}

#[test]
fn the_comment_over_a_section_survives_its_first_entry() {
    let text = edited(CONTRACT, |d| d.remove_rule(0).unwrap());
    let (gone, _) = difference(CONTRACT, &text);
    assert!(text.contains("# First match wins;"), "{gone:?}");
}

#[test]
fn an_array_over_several_lines_keeps_its_lines() {
    let text = "[filter]\ndeny = [\n  \"a.test\", # why\n  \"b.test\",\n]\n";
    let added = merged(
        text,
        json!({ "filter": { "deny": ["a.test", "b.test", "c.test"] } }),
    );
    assert_eq!(
        parsed(&added)["filter"]["deny"],
        json!(["a.test", "b.test", "c.test"])
    );
    assert!(
        added.contains("\"a.test\", # why\n  \"b.test\",\n  \"c.test\""),
        "{added}"
    );
    let removed = merged(text, json!({ "filter": { "deny": ["a.test"] } }));
    assert!(removed.contains("\"a.test\", # why\n"), "{removed}");
}

#[test]
fn named_entries_are_added_switched_and_removed() {
    let tor = json!({ "name": "tor", "url": "socks5://127.0.0.1:9150" });
    let text = edited(CONTRACT, |d| d.put_entry("upstream", &tor).unwrap());
    assert_eq!(
        parsed(&text)["upstream"][1]["url"],
        "socks5://127.0.0.1:9150"
    );
    let off = edited(CONTRACT, |d| d.enable_list("local ads", false).unwrap());
    assert_eq!(difference(CONTRACT, &off).1, ["enabled = false"]);
    let gone = edited(CONTRACT, |d| {
        d.remove_entry("filter.list", "local ads").unwrap()
    });
    assert_eq!(parsed(&gone)["filter"]["list"], json!([]));
    let mut document = Document::parse(CONTRACT).unwrap();
    assert!(matches!(
        document.remove_entry("upstream", "x"),
        Err(EditError::NoSuchEntry { .. })
    ));
}

#[test]
fn new_tables_have_the_documented_style() {
    let text = edited("# mine\nmode = \"m\"\n", |document| {
        document
            .merge(&json!({
                "modes": { "m": { "dns": "upstream", "route": "tor" } },
                "upstream": [{ "url": "socks5://h:1", "name": "tor", "password": { "env": "X" }, "username": "u" }],
                "listen": { "limits": { "connections": 5 }, "users": [{ "name": "a", "password": { "keyring": "k" } }] },
                "rule": [{ "use": "block", "match": { "domain": ["a.test"], "port": [80, "90-99"] } }],
            }))
            .unwrap();
    });
    let expected = r#"# mine
mode = "m"

[listen]
users = [{ name = "a", password = { keyring = "k" } }]

[listen.limits]
connections = 5

[modes.m]
route = "tor"
dns = "upstream"

[[upstream]]
name = "tor"
url = "socks5://h:1"
username = "u"
password = { env = "X" }

[[rule]]
match = { domain = ["a.test"], port = [80, "90-99"] }
use = "block"
"#;
    assert_eq!(text, expected);
}

#[test]
fn a_secret_in_the_file_is_kept_by_a_placeholder() {
    let text = "[[upstream]]\nname = \"a\"\nurl = \"socks5://h:1\"\nusername = \"u\"\npassword = \"hush\" # mine\n";
    let patch = json!({ "upstream": [{ "name": "a", "url": "socks5://h:2", "username": "u", "password": { "plain": true } }] });
    let after = merged(text, patch);
    assert!(
        after.contains("password = \"hush\" # mine") && after.contains("h:2"),
        "{after}"
    );
    let mut document = Document::parse("").unwrap();
    let lost =
        document.merge(&json!({ "upstream": [{ "name": "a", "password": { "plain": true } }] }));
    assert_eq!(
        lost,
        Err(EditError::NoPlainSecret("upstream.password".to_owned()))
    );
}

#[test]
fn values_that_toml_cannot_express_are_refused() {
    let mut document = Document::parse("").unwrap();
    assert_eq!(document.merge(&json!(5)), Err(EditError::NotAnObject));
    assert!(matches!(
        document.merge(&json!({ "rule": [null] })),
        Err(EditError::NotExpressible(_))
    ));
    assert!(matches!(
        document.merge(&json!({ "x": u64::MAX })),
        Err(EditError::NotExpressible(_))
    ));
}

#[test]
fn a_replaced_file_has_exactly_the_requested_values() {
    let whole = parsed(CONTRACT);
    let text = edited(
        "# kept\nmode = \"off\" # why\n[cache]\nenabled = false # off\n",
        |d| d.replace(&whole).unwrap(),
    );
    assert_eq!(parsed(&text), whole);
    assert!(
        text.contains("mode = \"standard\" # why") && text.contains("enabled = true # off"),
        "{text}"
    );
}

#[test]
fn a_long_list_is_edited_in_place() {
    let domains: Vec<String> = (0..20_000).map(|i| format!("\"d{i}.test\"")).collect();
    let text = format!("[filter]\ndeny = [\n  {},\n]\n", domains.join(",\n  "));
    let mut names: Vec<String> = (0..20_000).map(|i| format!("d{i}.test")).collect();
    let same = json!({ "filter": { "deny": names } });
    names.push("new.test".to_owned());
    let added = merged(&text, json!({ "filter": { "deny": names } }));
    assert_eq!(difference_of_sorted(&text, &added), 1);
    let removed = merged(&added, same);
    assert_eq!(removed, text);
}

/// How many lines longer the second text is, all others being the same.
fn difference_of_sorted(old: &str, new: &str) -> usize {
    let old: std::collections::HashSet<&str> = old.lines().collect();
    new.lines().filter(|line| !old.contains(line)).count()
}
