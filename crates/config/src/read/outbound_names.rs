//! The names of upstreams and groups, collected first so that every reference can be checked.

use crate::diagnose::{DiagnosticCode, Severity};
use crate::nearest::suggestion;
use crate::tree::{Table, Value, quoted};

/// Words that a rule or a mode may have instead of a name.
pub(super) const RESERVED: [&str; 3] = ["direct", "block", "ask"];
/// The longest name of an upstream, group, mode, list or site, in bytes.
pub(super) const MAX_NAME: usize = 64;

#[derive(Default)]
pub(super) struct OutboundNames<'a> {
    upstreams: Vec<&'a str>,
    groups: Vec<&'a str>,
}

impl<'a> OutboundNames<'a> {
    /// All names, also of invalid entries: a reference to one of them is no second problem.
    pub fn collect(top: &Table<'a>) -> Self {
        let mut outbounds = Self::default();
        for (key, groups) in [("upstream", false), ("group", true)] {
            for value in top.get(key).map(|v| v.peek_items()).unwrap_or_default() {
                let Some(name) = value.peek_get("name") else {
                    continue;
                };
                let Some(text) = name.peek_str() else {
                    continue;
                };
                outbounds.check_free(&name, text);
                if groups {
                    outbounds.groups.push(text)
                } else {
                    outbounds.upstreams.push(text)
                }
            }
        }
        outbounds
    }

    pub fn is_empty(&self) -> bool {
        self.upstreams.is_empty() && self.groups.is_empty()
    }

    fn check_free(&self, name: &Value<'a>, text: &str) {
        if RESERVED.contains(&text) || is_reserved_route(text) {
            let cause = format!("{} is reserved", quoted(text));
            name.refuse(DiagnosticCode::Duplicate, cause, "choose another name");
        } else if self.upstreams.contains(&text) || self.groups.contains(&text) {
            let cause = format!("the name {} is taken", quoted(text));
            name.refuse(
                DiagnosticCode::Duplicate,
                cause,
                "upstreams and groups share one set of names: choose another",
            );
        }
    }

    /// A reference to an upstream or a group; `extra` are other words that are allowed.
    pub fn outbound(&self, value: &Value<'_>, extra: &[&str]) -> Option<String> {
        let text = value.string()?;
        if self.upstreams.contains(&text) || self.groups.contains(&text) {
            return Some(text.to_owned());
        }
        let all: Vec<&str> = self
            .upstreams
            .iter()
            .chain(&self.groups)
            .chain(extra)
            .copied()
            .collect();
        let cause = format!("{} names no upstream or group", quoted(text));
        value.report(
            Severity::Error,
            DiagnosticCode::Undefined,
            cause,
            suggestion(text, &all, "defined are"),
        );
        None
    }

    /// A reference to an upstream, where a group is not allowed.
    pub fn upstream(&self, value: &Value<'_>) -> Option<String> {
        let text = value.string()?;
        if self.upstreams.contains(&text) {
            return Some(text.to_owned());
        }
        if self.groups.contains(&text) {
            let cause = format!(
                "{} is a group; \"{}\" takes upstreams",
                quoted(text),
                value.key
            );
            value.report(
                Severity::Error,
                DiagnosticCode::BadValue,
                cause,
                suggestion(text, &self.upstreams, "upstreams are"),
            );
            return None;
        }
        let cause = format!("{} names no upstream", quoted(text));
        let help = suggestion(text, &self.upstreams, "defined are")
            .or_else(|| Some("add an [[upstream]] with that name".to_owned()));
        value.report(Severity::Error, DiagnosticCode::Undefined, cause, help);
        None
    }
}

/// Labels under which connections without an upstream are recorded: an upstream of that name would be counted among them.
fn is_reserved_route(text: &str) -> bool {
    text == "cache" || text.starts_with("direct (")
}

/// The name of an entry: printable, 1 to [`MAX_NAME`] bytes. Empty where it is missing or invalid, which was reported.
pub(super) fn name_of(table: &Table<'_>) -> String {
    let Some(value) = table.require("name") else {
        return String::new();
    };
    let Some(text) = value.filled() else {
        return String::new();
    };
    if text.len() > MAX_NAME {
        value.refuse(
            DiagnosticCode::BadValue,
            "the name is too long",
            format!("allowed are 1 to {MAX_NAME} bytes"),
        );
    }
    text.to_owned()
}

/// Reports each name that an earlier entry has.
pub(super) fn refuse_duplicates(names: &[(Value<'_>, String)], kind: &str) {
    for (i, (value, name)) in names.iter().enumerate() {
        if !name.is_empty() && names.iter().take(i).any(|(_, earlier)| earlier == name) {
            let cause = format!("a {kind} named {} is there already", quoted(name));
            value.refuse(DiagnosticCode::Duplicate, cause, "choose another name");
        }
    }
}
