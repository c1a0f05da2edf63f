//! Warnings about rules that can never match.

use std::time::SystemTime;

use privet_config::{Config, Diagnostic, DiagnosticCode, Severity};
use privet_policy::{ShadowedRule, shadowed_rules};

/// A warning for each rule whose connections are all matched by earlier rules.
pub fn shadow_warnings(config: &Config) -> Vec<Diagnostic> {
    // A configuration that does not compile is refused elsewhere.
    let found = shadowed_rules(config, SystemTime::now()).unwrap_or_default();
    found.iter().map(warning).collect()
}

pub(crate) fn warning(shadow: &ShadowedRule) -> Diagnostic {
    let by: Vec<String> = shadow
        .by
        .iter()
        .map(|(number, line)| format!("rule {number} (line {line})"))
        .collect();
    let (verb, these) = match by.len() {
        1 => ("matches", "it"),
        _ => ("match", "them"),
    };
    Diagnostic {
        line: shadow.line,
        column: 1,
        width: 1,
        severity: Severity::Warning,
        code: DiagnosticCode::Unreached,
        cause: format!(
            "rule {} can never match: {} {verb} all of it first",
            shadow.number,
            by.join(", ")
        ),
        help: Some(format!("move it before {these}, or remove it")),
        source: String::new(),
        mark: 0,
    }
}
