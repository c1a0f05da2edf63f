//! Requests that do not belong to the connection they came on (RFC 9110, section 15.5.20).

use super::{Handshake, ServerTls};
use crate::names::CertificateName;

impl ServerTls {
    /// Whether a request for `host` (the authority without its port) is to be answered by 421: no certificate is served for
    /// it, the one that was shown is not valid for it, or its name demands something else of clients than the name of the
    /// handshake did. The name of the handshake itself is never misdirected.
    pub fn is_misdirected(&self, handshake: &Handshake, host: &str) -> bool {
        let Ok(host) = host.parse::<CertificateName>() else {
            return true;
        };
        let is_of_handshake = match (&host, &handshake.name) {
            (CertificateName::Host(host), Some(name)) => host == name,
            (CertificateName::Address(address), None) => *address == handshake.local.to_canonical(),
            _ => false,
        };
        if is_of_handshake {
            return false;
        }
        let table = self.table.load();
        let is_served = table
            .find(&host)
            .is_some_and(|entry| entry.source.demands == handshake.demands);
        let names = &handshake.certificate_names;
        !is_served || !names.iter().any(|name| name.covers(&host))
    }
}
