//! Connects to a target directly. Needs the policy's permit.

use std::net::{IpAddr, SocketAddr};

use privet_policy::{DirectPermit, Target};
use smallvec::SmallVec;
use tokio::net::TcpStream;

use super::connect::{connect_first, sentence};
use crate::{DialError, DialErrorKind, OwnListeners};

/// Connects to the first of the target's addresses that answers.
///
/// # Errors
/// `Loop` where any address is one of Privet's own listeners, `OwnNetwork` where any is in the gateway's own network and the
/// permit leaves that out: a name that mixes them with others is an attack.
pub(crate) async fn connect(
    permit: &DirectPermit,
    own_listeners: &OwnListeners,
    target: &Target,
    addresses: &[IpAddr],
) -> Result<TcpStream, DialError> {
    let sockets: SmallVec<[SocketAddr; 4]> = addresses
        .iter()
        .map(|ip| SocketAddr::new(ip.to_canonical(), target.port))
        .collect();
    if sockets.iter().any(|socket| own_listeners.contains(*socket)) {
        return Err(DialError::here(
            DialErrorKind::Loop,
            format!("{target} is Privet itself"),
        ));
    }
    own_listeners.check_permit(permit, target, addresses.iter().copied())?;
    connect_first(&sockets)
        .await
        .map_err(|kind| DialError::here(kind, format!("{target} {}", sentence(kind))))
}
