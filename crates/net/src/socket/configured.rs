//! Connects to a configured endpoint. No permit is needed, since nothing but the configuration can name one.

use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpStream;

use super::connect::{connect_first, sentence};
use crate::endpoint::Endpoint;
use crate::{DialError, DialErrorKind, OwnListeners};

/// Connects to the first of the endpoint's addresses that answers.
///
/// # Errors
/// `Loop` where one of them is one of Privet's own listeners, and why none answered.
pub(crate) async fn connect(
    endpoint: &Endpoint,
    addresses: &[IpAddr],
    own_listeners: &OwnListeners,
) -> Result<TcpStream, DialError> {
    let url = endpoint.url();
    let of = |ip: &IpAddr| SocketAddr::new(ip.to_canonical(), url.port());
    let sockets: smallvec::SmallVec<[SocketAddr; 4]> = addresses.iter().map(of).collect();
    if sockets.iter().any(|socket| own_listeners.contains(*socket)) {
        let text = format!("{url} is Privet itself");
        return Err(DialError::here(DialErrorKind::Loop, text));
    }
    let connected = connect_first(&sockets).await;
    connected.map_err(|kind| DialError::here(kind, format!("{url} {}", sentence(kind))))
}
