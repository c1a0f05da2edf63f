//! The system's resolver, `getaddrinfo`, off the runtime's threads and a few at a time.

use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::Failure;

/// `getaddrinfo` blocks a thread for as long as it likes; no more than this many at once.
const MAX_IN_FLIGHT: usize = 32;
static IN_FLIGHT: Semaphore = Semaphore::const_new(MAX_IN_FLIGHT);
/// How long a caller waits; the thread may stay longer, and counts as in flight until it is back.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn lookup(host: Arc<str>) -> Result<Arc<[IpAddr]>, Failure> {
    tokio::time::timeout(TIMEOUT, ask(host.clone()))
        .await
        .unwrap_or(Err(Failure::NoAnswer(host)))
}

async fn ask(host: Arc<str>) -> Result<Arc<[IpAddr]>, Failure> {
    let Ok(permit) = IN_FLIGHT.acquire().await else {
        return Err(Failure::NoAnswer(host));
    };
    let name = host.clone();
    let answer = tokio::task::spawn_blocking(move || {
        let answer = (&*name, 0).to_socket_addrs();
        drop(permit);
        answer
    })
    .await;
    match answer {
        Ok(Ok(found)) => {
            let mut addresses: Vec<IpAddr> = Vec::new();
            for address in found {
                if !addresses.contains(&address.ip()) {
                    addresses.push(address.ip());
                }
            }
            if addresses.is_empty() {
                Err(Failure::NotFound(host))
            } else {
                Ok(addresses.into())
            }
        }
        Ok(Err(error)) if is_temporary(&error) => Err(Failure::NoAnswer(host)),
        Ok(Err(_)) => Err(Failure::NotFound(host)),
        Err(_) => Err(Failure::NoAnswer(host)),
    }
}

/// EAI_AGAIN, which the standard library hands on by its text alone (the C locale's, as this program sets no other).
fn is_temporary(error: &std::io::Error) -> bool {
    error.raw_os_error().is_some() || error.to_string().contains("Temporary failure")
}
