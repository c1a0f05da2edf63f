//! The scanner of a configuration.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use privet_config::{Config, ScanErrorAction, ScanHold};
use privet_net::{EndpointDialer, OwnListeners};
use privet_scan::{Scanner, Settings, yara};

use crate::endpoint::connector;

/// The scanner that the configuration wants. `spool`: the folder of bodies for which there is no memory. One that judges the same is kept. Blocks while rules are read.
///
/// # Errors
/// A scanner's address cannot be used, as a sentence.
pub(crate) fn build(
    config: &Config,
    own: &[SocketAddr],
    spool: Option<&Path>,
    previous: Option<&Arc<Scanner>>,
) -> Result<Option<Arc<Scanner>>, String> {
    let scan = &config.scan;
    if !scan.enabled {
        return Ok(None);
    }
    let key = {
        let mut hasher = DefaultHasher::new();
        format!("{scan:?} {own:?}").hash(&mut hasher);
        yara::fingerprint(&scan.rules).hash(&mut hasher);
        hasher.finish()
    };
    if let Some(same) = previous.filter(|scanner| scanner.key() == key) {
        return Ok(Some(same.clone()));
    }
    let dialer = EndpointDialer::new(OwnListeners::new(own.iter().copied()), None);
    let connector = |at| connector(at, None, &dialer);
    let icap = match &scan.icap {
        Some(at) => Some((connector(at)?, at.text.clone())),
        None => None,
    };
    let settings = Settings {
        key,
        rules: scan.rules.clone(),
        clamd: scan.clamd.as_ref().map(connector).transpose()?,
        icap,
        max_body: scan.max_body,
        holds_all: scan.hold == ScanHold::All,
        memory: scan.memory,
        spool: spool.map(|folder| (folder.to_owned(), scan.spool)),
        block_oversize: scan.oversize == ScanErrorAction::Block,
        block_on_error: scan.on_error == ScanErrorAction::Block,
        block_unscannable: scan.unscannable == ScanErrorAction::Block,
    };
    let previous = previous.map(|scanner| &**scanner);
    Ok(Some(Arc::new(Scanner::new(settings, previous))))
}
