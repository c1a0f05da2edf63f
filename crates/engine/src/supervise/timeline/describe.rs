//! Describes the differences between two configurations. Pure; takes them as [`privet_config::to_json`] writes them.

use serde_json::{Map, Value};

use super::detail::ChangeDetail;

/// Maximum number of details of one change.
const MAX_DETAILS: usize = 12;

static NULL: Value = Value::Null;

/// The differences, or that only the text was changed.
pub(crate) fn describe(before: &Value, after: &Value) -> Vec<ChangeDetail> {
    let mut details = mode(before, after);
    details.extend(rules(list(before, "rule"), list(after, "rule")));
    for (section, kind) in [
        ("upstream", "upstream"),
        ("group", "group"),
        ("site", "site"),
    ] {
        details.extend(named(kind, list(before, section), list(after, section)));
    }
    details.extend(filter(&before["filter"], &after["filter"]));
    details.extend(modes(&before["modes"], &after["modes"]));
    details.extend(sections(before, after));
    if details.is_empty() {
        details.push(ChangeDetail::new("text", []));
    }
    if details.len() > MAX_DETAILS {
        let more = details.len() - (MAX_DETAILS - 1);
        details.truncate(MAX_DETAILS - 1);
        details.push(ChangeDetail::new("more", [("count", more.to_string())]));
    }
    details
}

fn list<'a>(of: &'a Value, key: &str) -> &'a [Value] {
    of[key].as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn mode(before: &Value, after: &Value) -> Vec<ChangeDetail> {
    let (from, to) = (text(&before["mode"]), text(&after["mode"]));
    match from == to {
        true => Vec::new(),
        false => vec![ChangeDetail::new("mode", [("from", from), ("to", to)])],
    }
}

/// One added, removed, moved or changed rule; several at once are only counted.
fn rules(before: &[Value], after: &[Value]) -> Vec<ChangeDetail> {
    if before == after {
        return Vec::new();
    }
    let head = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let rest = before.len().min(after.len()) - head;
    let tail = before.iter().rev().zip(after.iter().rev()).take(rest);
    let tail = tail.take_while(|(a, b)| a == b).count();
    let removed = before.get(head..before.len() - tail).unwrap_or_default();
    let added = after.get(head..after.len() - tail).unwrap_or_default();
    let number = (head + 1).to_string();
    vec![match (removed, added) {
        ([], [one]) => rule_detail("rule-added", one, [("number", number)]),
        ([one], []) => rule_detail("rule-removed", one, [("number", number)]),
        ([_], [one]) => rule_detail("rule-changed", one, [("number", number)]),
        _ => match moved(removed, added) {
            Some((from, to, one)) => rule_detail(
                "rule-moved",
                one,
                [
                    ("from", (head + from + 1).to_string()),
                    ("to", (head + to + 1).to_string()),
                ],
            ),
            None => ChangeDetail::new("rules-changed", [("count", after.len().to_string())]),
        },
    }]
}

/// Positions and value of the one rule that moved while the others kept their order.
fn moved<'a>(removed: &'a [Value], added: &[Value]) -> Option<(usize, usize, &'a Value)> {
    let ((first, rest), (last, before)) = (removed.split_first()?, removed.split_last()?);
    let end = removed.len() - 1;
    if removed.len() != added.len() {
        return None;
    }
    if added.last() == Some(first) && added.get(..end) == Some(rest) {
        return Some((0, end, first));
    }
    (added.first() == Some(last) && added.get(1..) == Some(before)).then_some((end, 0, last))
}

/// A detail with the action and the match of a rule.
pub(crate) fn rule_detail<const N: usize>(
    kind: &str,
    rule: &Value,
    more: [(&str, String); N],
) -> ChangeDetail {
    let mut what = ChangeDetail::new(kind, more);
    let of_match = ChangeDetail::new(
        "",
        [
            ("use", text(&rule["use"])),
            ("match", matched(&rule["match"])),
        ],
    );
    what.values.extend(of_match.values);
    what
}

fn matched(keys: &Value) -> String {
    let entry = |value: &Value| {
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    };
    let keys = keys.as_object().into_iter().flatten();
    let parts: Vec<String> = keys
        .map(|(key, entries)| {
            let entries = entries.as_array().map_or(&[][..], Vec::as_slice);
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("{key} {}", entries.join(", "))
        })
        .collect();
    parts.join("; ")
}

/// Differences of entries that have a name.
fn named(kind: &str, before: &[Value], after: &[Value]) -> Vec<ChangeDetail> {
    let find =
        |all: &'_ [Value], name: &Value| all.iter().find(|one| one["name"] == *name).cloned();
    let details = |what: &str, one: &Value| {
        ChangeDetail::new(&format!("{kind}-{what}"), [("name", text(&one["name"]))])
    };
    let removed = before
        .iter()
        .filter(|one| find(after, &one["name"]).is_none());
    let mut all: Vec<ChangeDetail> = removed.map(|one| details("removed", one)).collect();
    for one in after {
        match find(before, &one["name"]) {
            None => all.push(details("added", one)),
            Some(old) if old != *one => all.push(details(switched(&old, one), one)),
            Some(_) => {}
        }
    }
    if all.is_empty() && before != after {
        all.push(ChangeDetail::new("section", [("name", kind.to_owned())]));
    }
    all
}

/// "on" or "off" if only `enabled` was changed, else "changed".
fn switched(old: &Value, new: &Value) -> &'static str {
    let without = |value: &Value| {
        let mut object = value.as_object().cloned().unwrap_or_default();
        object.remove("enabled");
        object
    };
    match new["enabled"].as_bool() {
        Some(on) if old["enabled"] != new["enabled"] && without(old) == without(new) => {
            if on {
                "on"
            } else {
                "off"
            }
        }
        _ => "changed",
    }
}

fn filter(before: &Value, after: &Value) -> Vec<ChangeDetail> {
    let mut details = Vec::new();
    for key in ["allow", "deny"] {
        let (old, new) = (list(before, key), list(after, key));
        let added = new
            .iter()
            .filter(|one| !old.contains(one))
            .map(|one| ("added", one));
        let removed = old
            .iter()
            .filter(|one| !new.contains(one))
            .map(|one| ("removed", one));
        let of = |(what, one): (&str, &Value)| {
            ChangeDetail::new(&format!("{key}-{what}"), [("name", text(one))])
        };
        details.extend(added.chain(removed).map(of));
    }
    details.extend(named("list", list(before, "list"), list(after, "list")));
    details
}

fn modes(before: &Value, after: &Value) -> Vec<ChangeDetail> {
    let of =
        |value: &Value| -> Map<String, Value> { value.as_object().cloned().unwrap_or_default() };
    let (old, new) = (of(before), of(after));
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| ChangeDetail::new("mode-edited", [("name", name.clone())]))
        .collect()
}

/// Sections without a description of their own, by name.
fn sections(before: &Value, after: &Value) -> Vec<ChangeDetail> {
    const DESCRIBED: [&str; 7] = [
        "mode", "modes", "rule", "upstream", "group", "site", "filter",
    ];
    let keys = after.as_object().into_iter().flat_map(Map::keys);
    let differ = keys.filter(|key| {
        !DESCRIBED.contains(&key.as_str()) && before[key.as_str()] != after[key.as_str()]
    });
    let mut details = Vec::new();
    for key in differ {
        let (old, new) = (
            before.get(key).unwrap_or(&NULL),
            after.get(key).unwrap_or(&NULL),
        );
        let users = match key.as_str() {
            "listen" => named("user", list(old, "users"), list(new, "users")),
            _ => Vec::new(),
        };
        let only_users = !users.is_empty() && {
            let mut same = old.clone();
            if let (Some(object), Some(users)) = (same.as_object_mut(), new.get("users")) {
                object.insert("users".to_owned(), users.clone());
            }
            same == *new
        };
        details.extend(users);
        if !only_users {
            details.push(ChangeDetail::new("section", [("name", key.clone())]));
        }
    }
    details
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use privet_config::{Config, to_json};

    use super::*;

    const ONE: &str = "[[rule]]\nmatch = { domain = [\"a.test\"] }\nuse = \"block\"\n";
    const TWO: &str = "[[rule]]\nmatch = { port = [443], app = [\"curl\"] }\nuse = \"direct\"\n";
    const THREE: &str = "[[rule]]\nmatch = { ip = [\"10.0.0.0/8\"] }\nuse = \"direct\"\n";

    fn json(text: &str) -> Value {
        to_json(&Config::parse(text, Path::new("/")).unwrap().config)
    }

    fn described(before: &str, after: &str) -> Vec<String> {
        let described = describe(&json(before), &json(after));
        for what in &described {
            assert!(
                super::super::detail::kinds().any(|kind| kind == what.kind),
                "{what:?}"
            );
        }
        described.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_change_of_a_rule_is_described() {
        let all = format!("{ONE}{TWO}{THREE}");
        for (before, after, sentence) in [
            ("", ONE, "rule 1 was added: block domain a.test"),
            (
                &all,
                &format!("{ONE}{THREE}"),
                "rule 2 was removed: direct app curl; port 443",
            ),
            (
                &all,
                &format!("{TWO}{THREE}{ONE}"),
                "rule 1 became rule 3: block domain a.test",
            ),
            (
                &all,
                &format!("{THREE}{ONE}{TWO}"),
                "rule 3 became rule 1: direct ip 10.0.0.0/8",
            ),
            (
                ONE,
                &ONE.replace("block", "direct"),
                "rule 1 was changed: direct domain a.test",
            ),
            (&all, "", "the rules were changed: 0 stand now"),
        ] {
            assert_eq!(described(before, after), [sentence]);
        }
    }

    #[test]
    fn every_other_change_is_described() {
        let list = "[[filter.list]]\nname = \"ads\"\nsource = \"ads.txt\"\n";
        for (before, after, sentence) in [
            (
                "mode = \"off\"\n",
                "mode = \"strict\"\n",
                "the mode strict was chosen instead of off",
            ),
            (
                "",
                "[[upstream]]\nname = \"tor\"\nurl = \"socks5://127.0.0.1:9050\"\n",
                "upstream tor was added",
            ),
            (
                list,
                &format!("{list}enabled = false\n"),
                "list ads was turned off",
            ),
            (
                list,
                &format!("{list}refresh = \"2d\"\n"),
                "list ads was changed",
            ),
            (
                "",
                "[filter]\ndeny = [\"x.test\"]\n",
                "x.test is always blocked",
            ),
            (
                "[filter]\nallow = [\"x.test\"]\n",
                "",
                "x.test is not always allowed any more",
            ),
            (
                "",
                "[modes.strict]\nfilter = false\n",
                "the mode strict was changed",
            ),
            ("", "[listen]\npac = \"\"\n", "[listen] was changed"),
            (
                "",
                "[[listen.users]]\nname = \"a\"\npassword = { env = \"A\" }\n",
                "user a was added",
            ),
            (
                "",
                "# only a note\n",
                "the file was written, and means the same",
            ),
        ] {
            assert_eq!(described(before, after), [sentence], "{after}");
        }
    }

    #[test]
    fn many_changes_at_once_are_summarised() {
        let many: String = (0..40).map(|n| format!("\"a{n}.test\",")).collect();
        let described = described("", &format!("[filter]\ndeny = [{many}]\n"));
        assert_eq!(described.len(), MAX_DETAILS);
        assert_eq!(described.last().unwrap(), "and 29 more");
    }
}
