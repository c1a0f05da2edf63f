//! A rule that can never match is a warning, as the reader of the file gives it.

use std::time::SystemTime;

use privet_config::{Config, Diagnostic, DiagnosticCode, Severity};
use privet_policy::{ShadowedRule, shadowed_rules};

/// A warning for each rule of the file that earlier ones leave nothing.
pub fn shadow_warnings(config: &Config) -> Vec<Diagnostic> {
    // What does not compile is refused with its own reason.
    let found = shadowed_rules(config, SystemTime::now()).unwrap_or_default();
    found.iter().map(warning).collect()
}

pub(crate) fn warning(shadow: &ShadowedRule) -> Diagnostic {
    let by: Vec<String> = shadow
        .by
        .iter()
        .map(|(number, line)| format!("rule {number} (line {line})"))
        .collect();
    let (verb, take) = match by.len() {
        1 => ("takes", "it"),
        _ => ("take", "them"),
    };
    Diagnostic {
        line: shadow.line,
        column: 1,
        width: 1,
        severity: Severity::Warning,
        code: DiagnosticCode::Unreached,
        cause: format!(
            "rule {} can never match: {} {verb} all that it speaks of",
            shadow.number,
            by.join(", ")
        ),
        help: Some(format!("move it before {take}, or take it out")),
        source: String::new(),
        mark: 0,
    }
}
