//! One thing that was changed: a kind and its values for translations, and an English sentence.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest value, in characters; longer ones are truncated.
const MAX_VALUE: usize = 200;

/// One thing that was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeDetail {
    /// "rule-added", "mode", "list-off", …
    pub kind: String,
    /// Values of the placeholders in the sentence, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
}

impl ChangeDetail {
    /// A detail with its values, each truncated to 200 characters.
    pub fn new<const N: usize>(kind: &str, values: [(&str, String); N]) -> Self {
        let truncated = |value: String| match value.char_indices().nth(MAX_VALUE) {
            Some((end, _)) => format!("{}…", value.get(..end).unwrap_or_default()),
            None => value,
        };
        Self {
            kind: kind.to_owned(),
            values: values
                .into_iter()
                .map(|(name, value)| (name.to_owned(), truncated(value)))
                .collect(),
        }
    }

    /// Says that a removed rule was removed because it had expired.
    pub(crate) fn mark_expired(&mut self) {
        if self.kind == "rule-removed" {
            self.kind = "rule-expired".to_owned();
        }
    }

    fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }
}

/// English sentences by kind.
const SENTENCES: [(&str, &str); 52] = [
    ("mode", "the mode {to} was chosen instead of {from}"),
    ("pause", "{mode} until {until}"),
    ("resume", "the pause in {mode} was ended"),
    ("rule-added", "rule {number} was added: {use} {match}"),
    ("rule-removed", "rule {number} was removed: {use} {match}"),
    (
        "rule-expired",
        "rule {number} had expired and was removed: {use} {match}",
    ),
    ("rule-changed", "rule {number} was changed: {use} {match}"),
    ("rule-moved", "rule {from} became rule {to}: {use} {match}"),
    ("rules-changed", "the rules were changed: {count} stand now"),
    (
        "once-added",
        "a rule for the next connection was made: {use} {match}",
    ),
    (
        "once-removed",
        "a rule for the next connection was taken away: {use} {match}",
    ),
    (
        "until-quit-added",
        "a rule until Privet ends was made: {use} {match}",
    ),
    (
        "until-quit-removed",
        "a rule until Privet ends was taken away: {use} {match}",
    ),
    ("upstream-added", "upstream {name} was added"),
    ("upstream-removed", "upstream {name} was removed"),
    ("upstream-changed", "upstream {name} was changed"),
    ("group-added", "group {name} was added"),
    ("group-removed", "group {name} was removed"),
    ("group-changed", "group {name} was changed"),
    ("site-added", "site {name} was added"),
    ("site-removed", "site {name} was removed"),
    ("site-changed", "site {name} was changed"),
    (
        "backend-draining",
        "backend {name} of site {site} gets no new requests",
    ),
    (
        "backend-in-use",
        "backend {name} of site {site} is in use again",
    ),
    (
        "backend-weight",
        "backend {name} of site {site} has the weight {weight}",
    ),
    (
        "backend-weight-reset",
        "backend {name} of site {site} has the weight of the configuration again",
    ),
    ("list-added", "list {name} was added"),
    ("list-removed", "list {name} was removed"),
    ("list-changed", "list {name} was changed"),
    ("list-on", "list {name} was turned on"),
    ("list-off", "list {name} was turned off"),
    (
        "list-accepted",
        "the held update of list {name} was accepted",
    ),
    ("list-kept", "the held update of list {name} was refused"),
    ("list-rolled-back", "list {name} went back a version"),
    ("list-resumed", "list {name} takes updates again"),
    ("user-added", "user {name} was added"),
    ("user-removed", "user {name} was removed"),
    ("user-changed", "user {name} was changed"),
    ("allow-added", "{name} is always allowed"),
    ("allow-removed", "{name} is not always allowed any more"),
    ("deny-added", "{name} is always blocked"),
    ("deny-removed", "{name} is not always blocked any more"),
    ("mode-edited", "the mode {name} was changed"),
    ("section", "[{name}] was changed"),
    ("text", "the file was written, and means the same"),
    ("text-invalid", "the file was written, and is not valid"),
    ("system-proxy-on", "the system proxy was turned on"),
    ("system-proxy-off", "the system proxy was turned off"),
    (
        "system-proxy-repaired",
        "a dead system proxy was turned off",
    ),
    ("usage-wiped", "the history and totals were deleted"),
    (
        "usage-wiped-range",
        "the history and totals from {from} to {to} were deleted",
    ),
    ("more", "and {count} more"),
];

impl fmt::Display for ChangeDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sentence = SENTENCES.iter().find(|(kind, _)| *kind == self.kind);
        let Some((_, sentence)) = sentence else {
            return f.write_str(&self.kind);
        };
        let mut rest = *sentence;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            f.write_str(before)?;
            f.write_str(self.value(name))?;
            rest = after;
        }
        f.write_str(rest)
    }
}

/// Every kind.
#[cfg(test)]
pub(super) fn kinds() -> impl Iterator<Item = &'static str> {
    SENTENCES.iter().map(|(kind, _)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_a_sentence() {
        let what = ChangeDetail::new("mode", [("from", "off".into()), ("to", "a{b}".into())]);
        assert_eq!(what.to_string(), "the mode a{b} was chosen instead of off");
        assert_eq!(ChangeDetail::new("later", []).to_string(), "later");
    }

    #[test]
    fn every_kind_has_a_message_in_the_page() {
        let words = include_str!("../../../../../ui/src/messages/en.json");
        for kind in kinds() {
            assert!(words.contains(&format!("\"changed.{kind}\":")), "{kind}");
        }
    }

    #[test]
    fn a_long_value_is_truncated_between_characters() {
        let what = ChangeDetail::new("section", [("name", "ü".repeat(1000))]);
        assert_eq!(what.value("name").chars().count(), MAX_VALUE + 1);
    }
}
