//! How many handshakes run at a time, on all threads together: of all clients, and of each.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, SemaphorePermit};

/// One client has at most this part of all slots.
const SHARE: usize = 8;

pub(super) struct HandshakeLimit {
    all: Semaphore,
    /// The slots of each client that has one or waits for one.
    clients: Mutex<HashMap<ClientNetwork, Arc<Semaphore>>>,
    each: usize,
}

/// An IPv4 address, or the /64 network of an IPv6 one, since one household has all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct ClientNetwork(IpAddr);

impl ClientNetwork {
    fn of(client: IpAddr) -> Self {
        Self(match client.to_canonical() {
            IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) >> 64 << 64).into()),
            ip => ip,
        })
    }
}

/// One running handshake; released on drop.
pub(super) struct HandshakeSlot<'a> {
    _of_all: SemaphorePermit<'a>,
    _of_client: ClientSlot<'a>,
}

struct ClientSlot<'a> {
    handshake_limit: &'a HandshakeLimit,
    client: ClientNetwork,
    /// `None` only while it is dropped.
    own: Option<Arc<Semaphore>>,
    taken: bool,
}

impl HandshakeLimit {
    pub(super) fn new(most: usize) -> Self {
        let most = most.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            all: Semaphore::new(most),
            clients: Mutex::default(),
            each: most.div_ceil(SHARE),
        }
    }

    /// Waits for a slot. A client that has its share waits for its own handshakes and delays no other client.
    pub(super) async fn take(&self, client: IpAddr) -> Option<HandshakeSlot<'_>> {
        let client = ClientNetwork::of(client);
        let own = self
            .lock()
            .entry(client)
            .or_insert_with(|| Arc::new(Semaphore::new(self.each)))
            .clone();
        let mut turn = ClientSlot {
            handshake_limit: self,
            client,
            own: Some(own.clone()),
            taken: false,
        };
        // Given back by `ClientSlot`, which outlives a borrow of the semaphore. It is never closed.
        own.acquire().await.ok()?.forget();
        turn.taken = true;
        drop(own);
        let of_all = self.all.acquire().await.ok()?;
        Some(HandshakeSlot {
            _of_all: of_all,
            _of_client: turn,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClientNetwork, Arc<Semaphore>>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ClientSlot<'_> {
    fn drop(&mut self) {
        let Some(own) = self.own.take() else {
            return;
        };
        if self.taken {
            own.add_permits(1);
        }
        let mut clients = self.handshake_limit.lock();
        drop(own);
        // Others of the same client hold a reference each.
        if clients
            .get(&self.client)
            .is_some_and(|own| Arc::strong_count(own) == 1)
        {
            clients.remove(&self.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn client(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[tokio::test]
    async fn a_client_that_has_its_share_waits_and_others_do_not() {
        let handshake_limit = HandshakeLimit::new(16);
        let first = handshake_limit.take(client(1)).await;
        let second = handshake_limit.take(client(1)).await;
        let third =
            tokio::time::timeout(Duration::from_millis(20), handshake_limit.take(client(1)));
        assert!(third.await.is_err());
        for other in 2..=8 {
            assert!(handshake_limit.take(client(other)).await.is_some());
        }
        drop(first);
        assert!(handshake_limit.take(client(1)).await.is_some());
        drop(second);
        assert!(handshake_limit.lock().is_empty());
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        let of = |text: &str| ClientNetwork::of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
