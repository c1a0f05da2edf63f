//! Connects to the first hop of a chain: the only socket that is opened, and the only name that is resolved, without
//! a permit. A hop that is configured by name has to be resolved here, also with a kill switch.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::connect::{connect_first, sentence};
use crate::entry_address::EntryAddress;
use crate::resolve::EntryResolver;
use crate::{DialError, DialErrorKind, OwnListeners};

/// Connects to the hop. Also returns how long its name took to resolve, if it has one.
pub(crate) async fn connect(
    entry: &EntryAddress,
    own_listeners: &OwnListeners,
    resolver: &EntryResolver,
) -> Result<(TcpStream, Option<Duration>), DialError> {
    let (addresses, dns) = match entry.literal {
        Some(ip) => (vec![ip], None),
        None => {
            let started = Instant::now();
            let addresses = resolver.addresses(entry).await.map_err(|failure| {
                let text = format!("upstream {}: {failure}", entry.name);
                DialError::at(&entry.name, DialErrorKind::UpstreamDown, text)
            })?;
            (addresses.to_vec(), Some(started.elapsed()))
        }
    };
    let sockets: Vec<SocketAddr> = addresses
        .iter()
        .map(|ip| SocketAddr::new(ip.to_canonical(), entry.port))
        .collect();
    if sockets.iter().any(|socket| own_listeners.contains(*socket)) {
        let text = format!("upstream {} is Privet itself", entry.name);
        return Err(DialError::at(&entry.name, DialErrorKind::Loop, text));
    }
    let stream = connect_first(&sockets)
        .await
        .map_err(|kind| unreachable_hop(entry, kind))?;
    Ok((stream, dns))
}

fn unreachable_hop(entry: &EntryAddress, kind: DialErrorKind) -> DialError {
    let text = format!("upstream {} ({entry}) {}", entry.name, sentence(kind));
    let kind = match kind {
        DialErrorKind::Exhausted => kind,
        _ => DialErrorKind::UpstreamDown,
    };
    DialError::at(&entry.name, kind, text)
}
