//! Tables. Unknown keys are reported when a table is opened, missing ones when they are required.

use std::ops::Range;

use toml::de::DeTable;

use super::{Value, quoted};
use crate::diagnose::{DiagnosticCode, Severity};
use crate::findings::Findings;
use crate::keys::Section;
use crate::nearest::suggestion;

/// A table whose keys have been checked against its section.
#[derive(Clone)]
pub(crate) struct Table<'a> {
    map: &'a DeTable<'a>,
    span: Range<usize>,
    section: &'static Section,
    findings: &'a Findings<'a>,
}

impl<'a> Table<'a> {
    /// Reports each key that the section does not know.
    pub fn checked(
        map: &'a DeTable<'a>,
        span: Range<usize>,
        section: &'static Section,
        findings: &'a Findings<'a>,
    ) -> Self {
        for (key, value) in map
            .iter()
            .filter(|(key, _)| !section.keys.contains(&&**key.get_ref()))
        {
            let help = suggestion(key.get_ref(), section.keys, "known here are");
            let cause = format!("unknown key {}", quoted(key.get_ref()));
            findings.add(
                Severity::Error,
                DiagnosticCode::UnknownKey,
                key.span(),
                cause,
                help,
            );
            if section.keys.contains(&"password") {
                // The key may be a mistyped "password".
                findings.redact(value.span());
            }
        }
        Self {
            map,
            span,
            section,
            findings,
        }
    }

    pub fn get(&self, key: &'static str) -> Option<Value<'a>> {
        debug_assert!(
            self.section.keys.contains(&key),
            "{key} is not a key of the section"
        );
        self.map.get(key).map(|node| Value {
            node,
            key,
            findings: self.findings,
        })
    }

    /// As [`Table::get`]; a missing key is reported at the table's head.
    pub fn require(&self, key: &'static str) -> Option<Value<'a>> {
        let value = self.get(key);
        if value.is_none() {
            self.refuse(
                DiagnosticCode::Missing,
                format!("\"{key}\" is missing"),
                format!("add {key} = … here"),
            );
        }
        value
    }

    pub fn refuse(&self, code: DiagnosticCode, cause: impl Into<String>, help: impl Into<String>) {
        self.findings.add(
            Severity::Error,
            code,
            self.span.clone(),
            cause.into(),
            Some(help.into()),
        );
    }

    pub fn warn(&self, code: DiagnosticCode, cause: impl Into<String>, help: impl Into<String>) {
        self.findings.add(
            Severity::Warning,
            code,
            self.span.clone(),
            cause.into(),
            Some(help.into()),
        );
    }

    /// The tables of an array of tables; empty where the key is absent.
    pub fn tables(
        &self,
        key: &'static str,
        section: &'static Section,
    ) -> Vec<(Value<'a>, Table<'a>)> {
        let items = self.get(key).map(|value| value.items()).unwrap_or_default();
        items
            .into_iter()
            .filter_map(|item| Some((item, item.table(section)?)))
            .collect()
    }

    /// The key's entries, each read by `read`; entries that fail are left out.
    pub fn list<T>(&self, key: &'static str, read: impl Fn(&Value<'a>) -> Option<T>) -> Vec<T> {
        self.get(key)
            .map(|value| value.items().iter().filter_map(read).collect())
            .unwrap_or_default()
    }

    pub fn boolean(&self, key: &'static str, default: bool) -> bool {
        self.get(key)
            .and_then(|value| value.boolean())
            .unwrap_or(default)
    }
}
