//! The Secret Service seen from outside: what it tells a client that opens nothing, so that nobody is asked for a
//! password.

use std::collections::HashMap;

use privet_config::{KeyringError, KeyringStatus};
use zbus::blocking::{Connection, Proxy};
use zbus::zvariant::OwnedObjectPath;

use super::SERVICE;

const NAME: &str = "org.freedesktop.secrets";
const PATH: &str = "/org/freedesktop/secrets";

/// Blocks for as long as the service takes.
pub(super) fn at(names: &[String]) -> Result<KeyringStatus, KeyringError> {
    let bus = Connection::session().map_err(|_| KeyringError::NoService)?;
    let interface = "org.freedesktop.Secret.Service";
    let service = Proxy::new(&bus, NAME, PATH, interface).map_err(|_| KeyringError::NoService)?;
    let default: OwnedObjectPath = service
        .call("ReadAlias", &("default",))
        .map_err(|_| KeyringError::NoService)?;
    let kept = names.iter().map(|name| has(&service, name).map(Some));
    Ok(KeyringStatus {
        kept: kept.collect::<Result<_, _>>()?,
        locked: is_locked(&bus, &default)?,
    })
}

/// Attributes are no secret to the service: it finds a locked entry too.
fn has(service: &Proxy<'_>, name: &str) -> Result<bool, KeyringError> {
    let wanted = HashMap::from([("service", SERVICE), ("username", name)]);
    let (open, locked): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) = service
        .call("SearchItems", &(wanted,))
        .map_err(|error| KeyringError::Failed(error.to_string()))?;
    Ok(!open.is_empty() || !locked.is_empty())
}

/// The collection that new entries go to; where there is none yet ("/"), nothing is locked.
fn is_locked(bus: &Connection, collection: &OwnedObjectPath) -> Result<bool, KeyringError> {
    if collection.as_str() == "/" {
        return Ok(false);
    }
    let interface = "org.freedesktop.Secret.Collection";
    Proxy::new(bus, NAME, collection.as_str(), interface)
        .and_then(|proxy| proxy.get_property("Locked"))
        .map_err(|error| KeyringError::Failed(error.to_string()))
}
