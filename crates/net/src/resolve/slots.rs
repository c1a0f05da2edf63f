//! How many look-ups run at once, and for whom. A client may have as many running as there are free slots: one client alone
//! gets half of them, and one that comes later always finds some. What has to wait, waits in its client's own queue.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::{ClientKey, LookupClient};

/// How long a look-up waits for a slot.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(20);

pub(super) struct LookupSlots(Mutex<State>);

struct State {
    free: usize,
    /// Clients with something running or waiting.
    clients: HashMap<ClientKey, Share>,
}

#[derive(Default)]
struct Share {
    running: usize,
    waiting: VecDeque<oneshot::Sender<LookupSlot>>,
}

/// The right to run one look-up; it ends on drop.
pub(super) struct LookupSlot {
    slots: &'static LookupSlots,
    /// `None`: it was never handed out.
    client: Option<ClientKey>,
}

impl LookupSlots {
    pub(super) fn new(most: usize) -> Self {
        Self(Mutex::new(State {
            free: most,
            clients: HashMap::new(),
        }))
    }

    /// `None`: no slot became free in time.
    pub(super) async fn acquire(&'static self, client: &dyn LookupClient) -> Option<LookupSlot> {
        if let Some(slot) = self.try_acquire(client.key()) {
            return Some(slot);
        }
        let queued = async {
            let key = client.settled_key().await;
            match self.enqueue(key) {
                Ok(slot) => Some(slot),
                Err(turn) => turn.await.ok(),
            }
        };
        timeout(QUEUE_TIMEOUT, queued).await.ok().flatten()
    }

    fn try_acquire(&'static self, client: ClientKey) -> Option<LookupSlot> {
        let mut state = self.lock();
        let is_first = state
            .clients
            .get(&client)
            .is_none_or(|share| share.waiting.is_empty());
        (is_first && state.may_run(client)).then(|| state.start(self, client))
    }

    fn enqueue(
        &'static self,
        client: ClientKey,
    ) -> Result<LookupSlot, oneshot::Receiver<LookupSlot>> {
        let mut state = self.lock();
        let share = state.clients.entry(client).or_default();
        if share.waiting.is_empty() && state.may_run(client) {
            return Ok(state.start(self, client));
        }
        let (sender, turn) = oneshot::channel();
        let share = state.clients.entry(client).or_default();
        share.waiting.push_back(sender);
        Err(turn)
    }

    fn release(&'static self, client: ClientKey) {
        let mut state = self.lock();
        state.stop(client);
        while let Some((next, sender)) = state.next_waiting() {
            let slot = state.start(self, next);
            if let Err(mut unused) = sender.send(slot) {
                // Its look-up was given up.
                unused.client = None;
                state.stop(next);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn may_run(&self, client: ClientKey) -> bool {
        let running = self.clients.get(&client).map_or(0, |share| share.running);
        running < self.free
    }

    fn start(&mut self, slots: &'static LookupSlots, client: ClientKey) -> LookupSlot {
        self.free -= 1;
        self.clients.entry(client).or_default().running += 1;
        LookupSlot {
            slots,
            client: Some(client),
        }
    }

    fn stop(&mut self, client: ClientKey) {
        self.free += 1;
        if let Some(share) = self.clients.get_mut(&client) {
            share.running -= 1;
            if share.running == 0 && share.waiting.is_empty() {
                self.clients.remove(&client);
            }
        }
    }

    /// The look-up that may start now: of the client that has the fewest running.
    fn next_waiting(&mut self) -> Option<(ClientKey, oneshot::Sender<LookupSlot>)> {
        let waiting = self
            .clients
            .iter()
            .filter(|(_, share)| !share.waiting.is_empty());
        let (client, share) = waiting.min_by_key(|(_, share)| share.running)?;
        let client = *client;
        if share.running >= self.free {
            return None;
        }
        let sender = self.clients.get_mut(&client)?.waiting.pop_front()?;
        Some((client, sender))
    }
}

impl Drop for LookupSlot {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            self.slots.release(client);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    fn slots(most: usize) -> &'static LookupSlots {
        Box::leak(Box::new(LookupSlots::new(most)))
    }

    fn client(last: u8) -> ClientKey {
        ClientKey::of_address(IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)))
    }

    #[tokio::test]
    async fn one_client_gets_half_and_another_always_finds_a_slot() {
        let slots = slots(8);
        let (greedy, other) = (client(1), client(2));
        let held: Vec<_> = (0..).map_while(|_| slots.try_acquire(greedy)).collect();
        assert_eq!(held.len(), 4);
        let waiting: Vec<_> = (0..40)
            .map(|_| tokio::spawn(async move { slots.acquire(&greedy).await }))
            .collect();
        tokio::task::yield_now().await;
        assert!(slots.try_acquire(other).is_some());
        assert!(waiting.iter().all(|task| !task.is_finished()));
    }

    #[tokio::test]
    async fn what_waits_gets_its_turn_and_what_was_given_up_takes_none() {
        let slots = slots(2);
        let client = client(1);
        let held = slots.try_acquire(client).expect("one is free");
        let mut given_up = Box::pin(slots.acquire(&client));
        assert!(futures_util::poll!(&mut given_up).is_pending());
        let mut waiting = Box::pin(slots.acquire(&client));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(given_up);
        drop(held);
        let slot = waiting.await.expect("its turn");
        assert!(slots.try_acquire(client).is_none());
        drop(slot);
        assert_eq!(slots.lock().free, 2);
        assert!(slots.lock().clients.is_empty());
    }

    #[tokio::test]
    async fn a_turn_that_nobody_takes_goes_on_to_the_next() {
        let slots = slots(2);
        let client = client(1);
        let held = slots.try_acquire(client).expect("one is free");
        let mut first = Box::pin(slots.acquire(&client));
        assert!(futures_util::poll!(&mut first).is_pending());
        // The slot is on its way to the first when that is given up.
        drop(held);
        drop(first);
        assert!(slots.try_acquire(client).is_some());
    }
}
