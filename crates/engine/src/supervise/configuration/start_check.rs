//! Finds what would keep an engine from starting with a configuration, without opening a socket or prompting for a keyring.

use std::sync::Arc;

use privet_config::{
    Config, Diagnostic, DiagnosticCode, Keyring, KeyringError, Secret, Severity, place_files,
};
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
        Err(error) => return vec![diagnostic(error.to_string())],
    };
    certificates.retain(|found| found.severity == Severity::Error);
    place_files(&mut certificates, &config, text);
    if !certificates.is_empty() {
        return certificates;
    }
    let keyring = PromptlessKeyring(keyring);
    let (of, places) = (config.clone(), text.to_owned());
    let read = tokio::task::spawn_blocking(move || {
        let cache = KeyringCache::read(&of, &KeyringCache::default(), &keyring);
        (missing_secrets(&of, &cache, &places), cache)
    });
    let (missing, secrets) = match read.await {
        Ok(read) => read,
        Err(error) => return vec![diagnostic(error.to_string())],
    };
    if !missing.is_empty() {
        return missing;
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
    let mut found = vec![diagnostic(error.to_string())];
    place_files(&mut found, &config, text);
    found
}

/// Each secret that cannot be read, and why.
fn missing_secrets(config: &Config, keyring: &dyn Keyring, text: &str) -> Vec<Diagnostic> {
    let failed = config.secrets().filter_map(|(whose, secret)| {
        let error = secret.reveal(keyring).err()?;
        let mut found = diagnostic(format!("the password of {whose}: {error}"));
        match secret {
            Secret::Env(name) | Secret::Keyring(name) => found.place_at_value(text, name),
            Secret::File(path) => found.place_at_path(text, path),
            Secret::Plain(_) => {}
        }
        Some(found)
    });
    failed.collect()
}

fn diagnostic(cause: String) -> Diagnostic {
    let (severity, code) = (Severity::Error, DiagnosticCode::BadValue);
    Diagnostic {
        help: None,
        ..Diagnostic::without_place(severity, code, cause, String::new())
    }
}

/// Says whether an entry is there, without reading it: reading may prompt for the keyring's password.
struct PromptlessKeyring(Arc<dyn Keyring + Send + Sync>);

impl Keyring for PromptlessKeyring {
    fn read(&self, name: &str) -> Result<SecretString, KeyringError> {
        let status = self.0.status(&[name.to_owned()])?;
        match status.stored.first() {
            Some(Some(false)) => Err(KeyringError::NoEntry),
            // Not the secret: nothing dials with it.
            _ => Ok(SecretString::from("present")),
        }
    }
}
