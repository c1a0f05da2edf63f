//! Finds what would keep an engine from starting with a configuration, without opening a socket or prompting for a keyring.

use std::sync::Arc;

use privet_config::{Config, Diagnostic, DiagnosticCode, Keyring, KeyringError, Secret, Severity};
use privet_policy::RuleHitCounters;
use secrecy::SecretString;

use crate::https::{CertificateUse, certificate_findings};
use crate::supervise::configuration::assemble::{Inputs, assemble};
use crate::supervise::configuration::secrets::KeyringCache;

/// Every certificate that cannot be used, else every secret that cannot be read, else the first other error of the start;
/// empty: an engine starts, as far as its ports are free. `text` is the file's, for the places.
pub async fn start_errors(
    config: Arc<Config>,
    text: &str,
    keyring: Arc<dyn Keyring + Send + Sync>,
) -> Vec<Diagnostic> {
    let of = config.clone();
    let certificates = tokio::task::spawn_blocking(move || certificate_findings(&of));
    let mut certificates = match certificates.await {
        Ok(found) => found,
        Err(error) => return vec![diagnostic(text, None, error.to_string())],
    };
    certificates.retain(|found| found.severity == Severity::Error);
    if !certificates.is_empty() {
        return certificates;
    }
    let keyring = PromptlessKeyring(keyring);
    let of = config.clone();
    let read = tokio::task::spawn_blocking(move || {
        let cache = KeyringCache::read(&of, &KeyringCache::default(), &keyring);
        (missing_secrets(&of, &cache), cache)
    });
    let (missing, secrets) = match read.await {
        Ok(read) => read,
        Err(error) => return vec![diagnostic(text, None, error.to_string())],
    };
    if !missing.is_empty() {
        let located = missing.into_iter();
        return located
            .map(|(name, cause)| diagnostic(text, Some(&name), cause))
            .collect();
    }
    let inputs = Inputs {
        mode: config.mode.clone(),
        lists: Vec::new(),
        list_texts: Default::default(),
        temporary: Vec::new(),
        hit_counters: RuleHitCounters::default(),
        own: Vec::new(),
        secrets,
        certificates: CertificateUse::Check,
        keyring: None,
        cache_folder: None,
        generation: 1,
        previous: None,
        config: config.clone(),
    };
    let Err(error) = assemble(inputs).await else {
        return Vec::new();
    };
    let unreadable = config.upstreams.iter().find_map(|upstream| {
        let ca = upstream.ca.as_ref().filter(|path| !path.is_file())?;
        Some(ca.file_name()?.to_string_lossy().into_owned())
    });
    vec![diagnostic(text, unreadable.as_deref(), error.to_string())]
}

/// The name of each secret that cannot be read, and why.
fn missing_secrets(config: &Config, keyring: &dyn Keyring) -> Vec<(String, String)> {
    let failed = config.secrets().filter_map(|(whose, secret)| {
        let error = secret.reveal(keyring).err()?;
        let name = match secret {
            Secret::Env(name) | Secret::Keyring(name) => name.clone(),
            Secret::File(path) => path.file_name()?.to_string_lossy().into_owned(),
            Secret::Plain(_) => String::new(),
        };
        Some((name, format!("the password of {whose}: {error}")))
    });
    failed.collect()
}

/// An error at the first line that names `name` in quotes or at the end of a path.
fn diagnostic(text: &str, name: Option<&str>, cause: String) -> Diagnostic {
    let name = name.filter(|name| !name.is_empty());
    let found = name.and_then(|name| {
        let quoted = format!("{name}\"");
        let (line, column) = text.lines().enumerate().find_map(|(number, line)| {
            let code = line.split('#').next()?;
            let at = code.find(&quoted)?;
            Some((number, code.get(..at)?.chars().count()))
        })?;
        Some((line, column, name.chars().count()))
    });
    let (line, column, width) = found.unwrap_or_default();
    Diagnostic {
        line: found.map_or(0, |_| line + 1),
        column: found.map_or(0, |_| column + 1),
        width: width.max(1),
        severity: Severity::Error,
        code: DiagnosticCode::BadValue,
        cause,
        help: None,
        source: found.map_or_else(String::new, |_| {
            let shown = privet_config::redact(text);
            shown.lines().nth(line).unwrap_or_default().to_owned()
        }),
        mark: column,
    }
}

/// Says whether an entry is there, without reading it: reading may prompt for the keyring's password.
struct PromptlessKeyring(Arc<dyn Keyring + Send + Sync>);

impl Keyring for PromptlessKeyring {
    fn read(&self, name: &str) -> Result<SecretString, KeyringError> {
        let status = self.0.status(&[name.to_owned()])?;
        match status.kept.first() {
            Some(Some(false)) => Err(KeyringError::NoEntry),
            // Not the secret: nothing dials with it.
            _ => Ok(SecretString::from("present")),
        }
    }
}
