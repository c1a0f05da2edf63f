//! Properties of every text, value and change.

use std::path::Path;
use std::time::Duration;

use privet_config::*;
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

const CONTRACT: &str = include_str!("contract.toml");

fn raw(text: &str) -> Json {
    serde_json::to_value(
        toml::from_str::<toml::Value>(text).unwrap_or_else(|e| panic!("{e}\n{text}")),
    )
    .unwrap()
}

/// A literal implementation of RFC 7396 section 2.
fn reference_merge(target: &mut Json, patch: &Json) {
    let Some(patch) = patch.as_object() else {
        return *target = patch.clone();
    };
    if !target.is_object() {
        *target = json!({});
    }
    let target = target.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            target.remove(key);
        } else {
            reference_merge(target.entry(key).or_insert(Json::Null), value);
        }
    }
}

/// TOML has no way to write an array of tables without tables: it is absent then, and so is a table of nothing else.
fn without_empty(json: &Json) -> Json {
    match json {
        Json::Object(entries) => {
            let kept = entries
                .iter()
                .map(|(key, value)| (key.clone(), without_empty(value)));
            Json::Object(
                kept.filter(|(_, v)| *v != json!([]) && *v != json!({}))
                    .collect::<Map<_, _>>(),
            )
        }
        Json::Array(entries) => Json::Array(entries.iter().map(without_empty).collect()),
        other => other.clone(),
    }
}

/// The lines of the contract, some left out, doubled, cut or swapped: texts that look like configurations.
fn mangled() -> impl Strategy<Value = String> {
    let line = (
        0..CONTRACT.lines().count(),
        0usize..80,
        any::<bool>(),
        "[ -~]{0,3}",
    )
        .prop_map(|(i, cut, whole, noise)| {
            let line = CONTRACT.lines().nth(i).unwrap_or_default();
            let cut: String = line.chars().take(cut).collect();
            if whole { line.to_owned() } else { cut + &noise }
        });
    prop::collection::vec(line, 0..40).prop_map(|lines| lines.join("\n"))
}

fn name() -> impl Strategy<Value = String> {
    "[a-z]{1,6}"
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{1,12}", "[äöü→\"'\\\\#]{1,4}"]
        .prop_filter("printable", |s| !s.trim().is_empty())
}

fn secret() -> impl Strategy<Value = Json> {
    prop_oneof![
        word().prop_map(|w| json!({ "keyring": w })),
        "[A-Z_]{1,8}".prop_map(|w| json!({ "env": w })),
        name().prop_map(|w| json!({ "file": w })),
    ]
}

fn duration_text() -> impl Strategy<Value = String> {
    (100u64..3_600_000).prop_map(|ms| format_duration(Duration::from_millis(ms)))
}

fn rule() -> impl Strategy<Value = Json> {
    let matcher = (
        prop::collection::vec("[a-z]{1,5}\\.test", 0..3),
        prop::collection::vec(1u16.., 0..3),
        prop::collection::vec(word(), 0..2),
        prop::collection::vec((any::<[u8; 4]>(), 0u8..=32), 0..2),
    )
        .prop_map(|(domain, port, app, ip)| {
            let ip: Vec<String> = ip
                .iter()
                .map(|([a, b, c, d], bits)| format!("{a}.{b}.{c}.{d}/{bits}"))
                .collect();
            json!({ "domain_suffix": domain, "port": port, "app": app, "ip": ip })
        });
    let until = prop::option::of(
        (0u64..4_000_000_000)
            .prop_map(|s| format_timestamp(std::time::UNIX_EPOCH + Duration::from_secs(s))),
    );
    (
        matcher,
        prop_oneof![Just("direct"), Just("block"), Just("up")],
        until,
    )
        .prop_map(|(matcher, then, until)| {
            let mut rule = json!({ "match": matcher, "use": then });
            if let Some(until) = until {
                rule["until"] = json!(until);
            }
            rule
        })
}

/// Whole configurations that are right, in the file's vocabulary.
fn configuration() -> impl Strategy<Value = Json> {
    let users = prop::collection::btree_map("[a-z]{1,8}", secret(), 0..3).prop_map(|users| {
        users
            .into_iter()
            .map(|(name, password)| json!({ "name": name, "password": password }))
            .collect::<Vec<_>>()
    });
    let upstream = (word(), secret(), prop_oneof![Just("none"), Just("host"), Just("app")], 1u16..).prop_map(
        |(username, password, isolate, port)| {
            json!({ "name": "up", "url": format!("socks5://[::1]:{port}"), "username": username.replace(':', ";"), "password": password, "isolate": isolate })
        },
    );
    let mode = (any::<bool>(), any::<bool>(), prop_oneof![Just("untouched"), Just("reduced"), Just("minimal")]).prop_map(
        |(filter, kill_switch, headers)| json!({ "filter": filter, "kill_switch": kill_switch, "headers": headers }),
    );
    let log = prop_oneof![
        Just("none".to_owned()),
        Just("memory".to_owned()),
        (1u32..3000).prop_map(|d| format!("{d}d"))
    ];
    (
        users,
        upstream,
        prop::collection::vec(rule(), 0..5),
        mode,
        duration_text(),
        0u64..1 << 40,
        log,
        name(),
    )
        .prop_map(
            |(users, upstream, rules, mode, idle, memory, connections, site)| {
                json!({
                    "mode": "own",
                    "modes": { "own": mode },
                    "listen": { "users": users, "limits": { "idle_timeout": idle } },
                    "upstream": [upstream],
                    "rule": rules,
                    "cache": { "memory": memory },
                    "log": { "connections": connections },
                    "site": [{ "name": site, "listen": ["127.0.0.1:8080"], "hosts": ["*.a.test"],
                               "backend": [{ "url": "http://127.0.0.1:9001" }], "health": {} }],
                })
            },
        )
}

/// Changes of the contract's file, sensible or not.
fn patch() -> impl Strategy<Value = Json> {
    let scalar = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i32>().prop_map(|n| json!(n)),
        word().prop_map(Json::String),
    ];
    let key = prop_oneof![
        Just("mode"),
        Just("listen"),
        Just("mixed"),
        Just("users"),
        Just("limits"),
        Just("modes"),
        Just("office"),
        Just("filter"),
        Just("deny"),
        Just("list"),
        Just("upstream"),
        Just("name"),
        Just("site"),
        Just("backend"),
        Just("health"),
        Just("rule"),
        Just("match"),
        Just("new"),
    ];
    let value = scalar.prop_recursive(4, 24, 4, move |inner| {
        // A null inside an array cannot be written in TOML.
        let inside = inner
            .clone()
            .prop_map(|v| without_null(&v))
            .prop_filter("no null", |v| !v.is_null());
        prop_oneof![
            prop::collection::vec(inside, 0..4).prop_map(Json::Array),
            prop::collection::btree_map(key.clone(), inner, 0..4).prop_map(|m| Json::Object(
                m.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
            )),
        ]
    });
    value.prop_filter("an object", Json::is_object)
}

fn without_null(json: &Json) -> Json {
    match json {
        Json::Object(entries) => Json::Object(
            entries
                .iter()
                .filter(|(_, v)| !v.is_null())
                .map(|(k, v)| (k.clone(), without_null(v)))
                .collect(),
        ),
        Json::Array(entries) => Json::Array(entries.iter().map(without_null).collect()),
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![any::<String>(), "[\\[\\]{}=\",.a-z\n#]{0,60}", mangled()]) {
        match Config::parse(&text, Path::new("/")) {
            Ok(loaded) => prop_assert!(loaded.warnings.iter().all(|d| d.severity == Severity::Warning)),
            Err(found) => {
                prop_assert!(found.errors().count() > 0);
                let lines = text.strip_prefix('\u{feff}').unwrap_or(&text).split('\n').count();
                for d in &found.list {
                    prop_assert!((1..=lines).contains(&d.line) && d.column >= 1 && d.width >= 1, "{d:?}");
                    prop_assert!(d.mark <= d.source.chars().count(), "{d:?}");
                }
                prop_assert!(!found.to_string().is_empty());
            }
        }
    }

    #[test]
    fn a_configuration_survives_conversion_to_json_and_back(wanted in configuration()) {
        let mut first = Document::parse("").unwrap();
        first.merge(&wanted).unwrap();
        let read = |text: &str| Config::parse(text, Path::new("/base")).map(|l| to_json(&l.config)).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let printed = read(&first.text());
        let mut again = Document::parse("").unwrap();
        again.replace(&printed).unwrap();
        prop_assert_eq!(read(&again.text()), printed.clone());
        // Also over a file with other values.
        let mut over = Document::parse(CONTRACT).unwrap();
        over.replace(&printed).unwrap();
        prop_assert_eq!(read(&over.text()), printed);
    }

    #[test]
    fn a_merge_follows_rfc_7396(patch in patch()) {
        let mut document = Document::parse(CONTRACT).unwrap();
        document.merge(&patch).unwrap();
        let mut expected = raw(CONTRACT);
        reference_merge(&mut expected, &patch);
        prop_assert_eq!(without_empty(&raw(&document.text())), without_empty(&expected));
    }

    #[test]
    fn an_empty_patch_changes_no_byte(text in prop_oneof![mangled(), Just(CONTRACT.to_owned()), Just(CONTRACT.replace('\n', "\r\n"))]) {
        if let Ok(mut document) = Document::parse(&text) {
            document.merge(&json!({})).unwrap();
            prop_assert_eq!(document.text(), text);
        }
    }

    #[test]
    fn a_patch_is_idempotent(patch in patch()) {
        let mut document = Document::parse(CONTRACT).unwrap();
        document.merge(&patch).unwrap();
        let once = document.text();
        let mut again = Document::parse(&once).unwrap();
        again.merge(&patch).unwrap();
        prop_assert_eq!(without_empty(&raw(&again.text())), without_empty(&raw(&once)));
    }

    #[test]
    fn entries_of_a_written_array_can_be_chosen_and_shuffled(
        order in prop::collection::vec(0usize..6, 0..6),
        layout in prop_oneof![
            Just("[\"a0\", # zero\n  \"a1\", \"a2\", # two\n  # own\n  \"a3\"\n]"),
            Just("[\n  # own\n  \"a0\",\n  \"a1\", # one\n  \"a2\",\n\n  \"a3\", # three\n]"),
            Just("[\"a0\",\"a1\" , \"a2\", \"a3\"]"),
            Just("[ \"a0\" # zero\n , \"a1\" # one\n , \"a2\", \"a3\" # three\n ]"),
        ],
    ) {
        let wanted: Vec<String> = order.iter().map(|i| format!("a{i}")).collect();
        let text = format!("[filter]\ndeny = {layout} # behind\nallow = []\n");
        let mut document = Document::parse(&text).unwrap();
        document.merge(&json!({ "filter": { "deny": wanted } })).unwrap();
        prop_assert_eq!(&raw(&document.text())["filter"]["deny"], &json!(wanted));
        prop_assert!(document.text().contains("# behind\nallow = []\n"));
    }

    #[test]
    fn a_duration_is_read_back_as_it_is_written(ms in any::<u64>()) {
        let duration = Duration::from_millis(ms);
        prop_assert_eq!(parse_duration(&format_duration(duration)), Some(duration));
    }

    #[test]
    fn a_size_is_read_back_as_it_is_written(bytes in any::<u64>(), shift in 0u32..64) {
        let bytes = bytes >> shift << shift;
        prop_assert_eq!(parse_size(&format_size(bytes)), Some(bytes));
    }

    #[test]
    fn any_text_is_a_duration_a_size_or_neither(text in "[0-9a-zA-Z ]{0,24}") {
        if let Some(duration) = parse_duration(&text) {
            prop_assert_eq!(parse_duration(&format_duration(duration)), Some(duration));
        }
        if let Some(bytes) = parse_size(&text) {
            prop_assert_eq!(parse_size(&format_size(bytes)), Some(bytes));
        }
    }

    #[test]
    fn a_normal_domain_is_its_own_normal_form(text in prop_oneof![any::<String>(), "[a-zA-Z.äß-]{0,20}"]) {
        if let Some(name) = normal_domain(&text) {
            prop_assert_eq!(normal_domain(&name), Some(name.clone()));
            prop_assert!(name.is_ascii() && !name.starts_with('.') && !name.ends_with('.'));
        }
    }
}
