//! Clients that are programs of this machine.

use std::net::SocketAddr;

use privet_system::PROGRAMS_SUPPORTED;
use privet_system::process::Connection;

/// Whether a client is a program of this machine that can be found.
pub(crate) fn is_on_this_machine(peer: SocketAddr, local: SocketAddr) -> bool {
    let connection = Connection {
        client: peer,
        local,
    };
    PROGRAMS_SUPPORTED && connection.is_on_this_machine()
}
