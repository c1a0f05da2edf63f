//! Warnings about `[inspect]` and `[scan]` that need more than the file itself.

use privet_config::{Config, Diagnostic, DiagnosticCode, Severity};
use privet_scan::yara::Rules;

/// A warning for every file of rules that scanning cannot use, and where inspection or scanning is on and does nothing. Blocking:
/// reads and compiles the rules.
pub fn content_warnings(config: &Config) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let scan = &config.scan;
    if scan.enabled {
        let (_, faults) = Rules::load(&scan.rules);
        found.extend(faults.iter().map(|fault| {
            let help = "rules of that file stop nothing until it is fixed";
            warning(DiagnosticCode::File, format!("[scan] rules: {fault}"), help)
        }));
        if scan.rules.is_empty() && scan.clamd.is_none() && scan.icap.is_none() {
            found.push(warning(
                DiagnosticCode::Missing,
                "[scan] is enabled without a scanner: `on_error` decides about every body"
                    .to_owned(),
                "name files in `rules`, or a scanner in `clamd` or `icap`",
            ));
        }
    }
    let inspect = &config.inspect;
    let asks = |rule: &privet_config::Rule| rule.inspect == Some(true);
    if inspect.enabled && inspect.hosts.is_empty() && !config.rules.iter().any(asks) {
        found.push(warning(
            DiagnosticCode::Missing,
            "[inspect] is enabled and inspects nothing: no host is named".to_owned(),
            "name hosts in `hosts`, such as \"example.com\" or \"*.example.com\"",
        ));
    }
    found
}

fn warning(code: DiagnosticCode, cause: String, help: &str) -> Diagnostic {
    Diagnostic::without_place(Severity::Warning, code, cause, help.to_owned())
}
