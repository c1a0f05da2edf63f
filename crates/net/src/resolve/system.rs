//! The system's resolver (`getaddrinfo`), on blocking threads and a few at a time.

use std::net::{IpAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::answer::{ResolveError, ResolveResult};

/// `getaddrinfo` blocks its thread without a limit; no more than this many run at once.
const MAX_IN_FLIGHT: usize = 32;
static IN_FLIGHT: Semaphore = Semaphore::const_new(MAX_IN_FLIGHT);
/// How long a caller waits. The thread may take longer, and counts as running until it returns.
const TIMEOUT: Duration = Duration::from_secs(10);
/// `getaddrinfo` reports no TTL. After this time the system, which may cache too, is asked again.
const POSITIVE_TTL: Duration = Duration::from_secs(30);
const NEGATIVE_TTL: Duration = Duration::from_secs(5);

pub(super) async fn lookup(host: Arc<str>) -> (ResolveResult, Duration) {
    let answer = tokio::time::timeout(TIMEOUT, getaddrinfo(host.clone()))
        .await
        .unwrap_or(Err(ResolveError::NoAnswer(host)));
    let ttl = match answer {
        Ok(_) => POSITIVE_TTL,
        Err(_) => NEGATIVE_TTL,
    };
    (answer, ttl)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the one place that asks the system"
)]
async fn getaddrinfo(host: Arc<str>) -> ResolveResult {
    let Ok(permit) = IN_FLIGHT.acquire().await else {
        return Err(ResolveError::NoAnswer(host));
    };
    let name = host.clone();
    let answer = tokio::task::spawn_blocking(move || {
        let answer = (&*name, 0).to_socket_addrs();
        drop(permit);
        answer
    });
    match answer.await {
        Ok(Ok(found)) => {
            let mut addresses: Vec<IpAddr> = Vec::new();
            for address in found {
                if !addresses.contains(&address.ip()) {
                    addresses.push(address.ip());
                }
            }
            match addresses.is_empty() {
                true => Err(ResolveError::NotFound(host)),
                false => Ok(addresses.into()),
            }
        }
        Ok(Err(error)) if is_temporary(&error) => Err(ResolveError::NoAnswer(host)),
        Ok(Err(_)) => Err(ResolveError::NotFound(host)),
        Err(_) => Err(ResolveError::NoAnswer(host)),
    }
}

/// EAI_AGAIN. The standard library passes on its text only (the C locale's, as this program sets no other).
fn is_temporary(error: &std::io::Error) -> bool {
    error.raw_os_error().is_some() || error.to_string().contains("Temporary failure")
}
