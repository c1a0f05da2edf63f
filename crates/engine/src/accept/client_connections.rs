//! `listen.limits.connections_per_client`: counts the open connections of each client. Nothing is counted where there is no limit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use privet_net::ClientKey;

/// Open connections by client.
#[derive(Default)]
pub(crate) struct ClientConnections(Mutex<HashMap<ClientKey, usize>>);

/// One open connection of a client; released on drop.
pub(crate) struct ClientSlot {
    connections: Arc<ClientConnections>,
    client: ClientKey,
}

impl ClientSlot {
    /// `None` while `most` connections of the client are open.
    pub(crate) fn take(
        connections: &Arc<ClientConnections>,
        client: ClientKey,
        most: usize,
    ) -> Option<Self> {
        let mut open = connections.lock();
        let count = open.entry(client).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        drop(open);
        Some(Self {
            connections: connections.clone(),
            client,
        })
    }
}

impl Drop for ClientSlot {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

impl ClientConnections {
    fn lock(&self) -> MutexGuard<'_, HashMap<ClientKey, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_own_count_and_none_is_kept_of_one_that_left() {
        let connections = Arc::new(ClientConnections::default());
        let client = |last| ClientKey::of_address(std::net::IpAddr::from([192, 0, 2, last]));
        let take = |last| ClientSlot::take(&connections, client(last), 2);
        let held = [take(1), take(1)];
        assert!(held.iter().all(Option::is_some));
        assert!(take(1).is_none());
        assert!(take(2).is_some());
        drop(held);
        assert!(connections.lock().is_empty());
        assert!(take(1).is_some());
    }
}
