//! The system's resolver (`getaddrinfo`), on blocking threads and a few at a time: the names of upstreams have threads of
//! their own, so that clients' names do not keep an upstream from being found.

use std::net::{IpAddr, ToSocketAddrs};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::answer::{ResolveError, ResolveResult};
use super::slots::LookupSlots;

/// `getaddrinfo` blocks its thread without a limit; no more than this many run at once for clients.
pub(super) static SLOTS: LazyLock<LookupSlots> = LazyLock::new(|| LookupSlots::new(64));
/// And no more than this many for the names of upstreams.
static FOR_UPSTREAMS: Semaphore = Semaphore::const_new(8);
/// And no more than this many for the names of sites' backends.
static FOR_ENDPOINTS: Semaphore = Semaphore::const_new(8);
/// Addresses of one answer that are used.
pub(super) const MAX_ADDRESSES: usize = 32;
/// How long the name of an upstream or of a backend waits for a free thread.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a caller waits for the answer. The thread may take longer, and counts as running until it returns.
const TIMEOUT: Duration = Duration::from_secs(10);
/// `getaddrinfo` reports no TTL. After this time the system, which may cache too, is asked again.
const POSITIVE_TTL: Duration = Duration::from_secs(30);
const NEGATIVE_TTL: Duration = Duration::from_secs(5);

/// The right to look up the name of an upstream; `None`: no thread became free in time.
pub(super) async fn upstream_slot() -> Option<SemaphorePermit<'static>> {
    slot_of(&FOR_UPSTREAMS).await
}

/// The same for the name of a site's backend.
pub(super) async fn endpoint_slot() -> Option<SemaphorePermit<'static>> {
    slot_of(&FOR_ENDPOINTS).await
}

async fn slot_of(slots: &'static Semaphore) -> Option<SemaphorePermit<'static>> {
    timeout(QUEUE_TIMEOUT, slots.acquire()).await.ok()?.ok()
}

/// Looks up a name. `slot` is released when the system has answered.
pub(super) async fn lookup<S: Send + 'static>(
    slot: S,
    host: Arc<str>,
) -> (ResolveResult, Duration) {
    let answer = timeout(TIMEOUT, getaddrinfo(slot, host.clone()))
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
async fn getaddrinfo<S: Send + 'static>(slot: S, host: Arc<str>) -> ResolveResult {
    let name = host.clone();
    let answer = tokio::task::spawn_blocking(move || {
        let answer = (&*name, 0).to_socket_addrs();
        drop(slot);
        answer
    });
    match answer.await {
        Ok(Ok(found)) => {
            let mut addresses: Vec<IpAddr> = Vec::new();
            for address in found {
                if addresses.len() == MAX_ADDRESSES {
                    break;
                }
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
