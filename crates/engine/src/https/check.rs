//! What `privet check` reports of the certificates of the `https` listeners and of the sites.

use std::time::SystemTime;

use privet_config::{Config, Diagnostic, DiagnosticCode, Severity};

use super::CertificateUse;
use super::load::read;

/// An error for files that cannot be used, and a warning for each thing that should be looked at. A certificate that Privet
/// makes itself is not made. Blocking: reads the files.
pub fn certificate_findings(config: &Config) -> Vec<Diagnostic> {
    let mut all = listener_findings(config);
    let of_sites = privet_sites::certificate_findings(config);
    all.extend(of_sites.into_iter().map(|(is_error, cause, fix)| {
        let severity = match is_error {
            true => Severity::Error,
            false => Severity::Warning,
        };
        diagnostic("[[site]] tls", severity, cause, fix)
    }));
    all
}

fn listener_findings(config: &Config) -> Vec<Diagnostic> {
    match read(config, &CertificateUse::Check) {
        Ok(None) => Vec::new(),
        Ok(Some(https)) => {
            let warnings = https.server.warnings(SystemTime::now()).into_iter();
            let warning =
                |warning: privet_tls::CertificateWarning| (warning.to_string(), warning.fix());
            warnings
                .map(warning)
                .map(|(cause, fix)| {
                    diagnostic("[listen] tls", Severity::Warning, cause, fix.to_owned())
                })
                .collect()
        }
        Err(error) => vec![diagnostic(
            "[listen] tls",
            Severity::Error,
            error.text,
            error.fix,
        )],
    }
}

fn diagnostic(setting: &str, severity: Severity, cause: String, help: String) -> Diagnostic {
    Diagnostic::without_place(
        severity,
        DiagnosticCode::File,
        format!("{setting}: {cause}"),
        help,
    )
}
