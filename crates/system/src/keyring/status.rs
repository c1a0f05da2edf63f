//! Queries the Secret Service without unlocking a collection, so that no password prompt appears.

use std::collections::HashMap;

use privet_config::{KeyringError, KeyringStatus};
use zbus::blocking::{Connection, Proxy};
use zbus::zvariant::OwnedObjectPath;

const NAME: &str = "org.freedesktop.secrets";
const PATH: &str = "/org/freedesktop/secrets";

/// Blocks until the service answers.
pub(super) fn read(service_name: &str, names: &[String]) -> Result<KeyringStatus, KeyringError> {
    let bus = Connection::session().map_err(|_| KeyringError::NoService)?;
    let interface = "org.freedesktop.Secret.Service";
    let service = Proxy::new(&bus, NAME, PATH, interface).map_err(|_| KeyringError::NoService)?;
    let default: OwnedObjectPath = service
        .call("ReadAlias", &("default",))
        .map_err(|_| KeyringError::NoService)?;
    let stored = names
        .iter()
        .map(|name| has(&service, service_name, name).map(Some));
    Ok(KeyringStatus {
        stored: stored.collect::<Result<_, _>>()?,
        locked: is_locked(&bus, &default)?,
    })
}

/// The service finds locked entries too: attributes are not encrypted.
fn has(service: &Proxy<'_>, service_name: &str, name: &str) -> Result<bool, KeyringError> {
    let wanted = HashMap::from([("service", service_name), ("username", name)]);
    let (open, locked): (Vec<OwnedObjectPath>, Vec<OwnedObjectPath>) = service
        .call("SearchItems", &(wanted,))
        .map_err(|error| KeyringError::Failed(error.to_string()))?;
    Ok(!open.is_empty() || !locked.is_empty())
}

/// Whether the collection for new entries is locked; `false` where there is none yet ("/").
fn is_locked(bus: &Connection, collection: &OwnedObjectPath) -> Result<bool, KeyringError> {
    if collection.as_str() == "/" {
        return Ok(false);
    }
    let interface = "org.freedesktop.Secret.Collection";
    Proxy::new(bus, NAME, collection.as_str(), interface)
        .and_then(|proxy| proxy.get_property("Locked"))
        .map_err(|error| KeyringError::Failed(error.to_string()))
}
