//! The clients of each thread whose next request is awaited: unfinished handshakes, half heads, idle kept-alive connections.
//! Where connections or file descriptors run out they give way, the one that waits longest first.
//!
//! A client stays on the thread that accepted it, so that its entry needs no lock.

use std::cell::RefCell;
use std::net::SocketAddr;

use tokio::task::AbortHandle;

use crate::accept::listener::ListenerKind;

thread_local! {
    static CLIENTS: RefCell<Clients> = const { RefCell::new(Clients::new()) };
}

/// No entry.
const NONE: u32 = u32::MAX;

/// A client that gave way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClosedClient {
    pub(crate) peer: SocketAddr,
    pub(crate) listener: ListenerKind,
}

/// A client's entry; it ends on drop.
pub(crate) struct WaitingClient(ClientEntry);

/// Which entry of this thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClientEntry(u32);

impl WaitingClient {
    /// A client that was just accepted.
    pub(crate) fn new(client: ClosedClient) -> Self {
        Self(CLIENTS.with_borrow_mut(|clients| clients.add(client)))
    }

    pub(crate) fn entry(&self) -> ClientEntry {
        self.0
    }
}

impl Drop for WaitingClient {
    fn drop(&mut self) {
        // The table may be gone when its thread ends.
        let _ = CLIENTS.try_with(|clients| {
            if let Ok(mut clients) = clients.try_borrow_mut() {
                clients.remove(self.0);
            }
        });
    }
}

impl ClientEntry {
    /// For what is no client's connection.
    pub(crate) const ABSENT: Self = Self(NONE);

    /// The task that serves it: it is ended where the client has to give way.
    pub(crate) fn set_task(self, task: AbortHandle) {
        CLIENTS.with_borrow_mut(|clients| {
            if let Some(entry) = clients.get_mut(self) {
                entry.task = Some(task);
            }
        });
    }

    /// Its next request is awaited.
    pub(crate) fn waits(self) {
        CLIENTS.with_borrow_mut(|clients| clients.append(self));
    }

    /// The first bytes of its request have arrived.
    pub(crate) fn begins(self) {
        CLIENTS.with_borrow_mut(|clients| {
            if let Some(entry) = clients.get_mut(self) {
                entry.has_begun = true;
            }
        });
    }

    /// Its request has arrived.
    pub(crate) fn is_served(self) {
        CLIENTS.with_borrow_mut(|clients| clients.unlink(self));
    }
}

/// Ends up to `most` of this thread's waiting clients. Their sockets close when their tasks are polled next. Returns the first
/// of them.
pub(crate) fn close_longest_waiting(most: usize) -> Option<ClosedClient> {
    let mut first = None;
    for _ in 0..most {
        let Some((client, task)) = CLIENTS.with_borrow_mut(Clients::take_first) else {
            break;
        };
        task.abort();
        first.get_or_insert(client);
    }
    first
}

/// Ends this thread's waiting clients of whose request nothing has arrived.
pub(crate) fn close_idle_clients() {
    for task in CLIENTS.with_borrow_mut(Clients::take_idle) {
        task.abort();
    }
}

struct WaitingEntry {
    client: ClosedClient,
    /// `None`: not set yet, or ended.
    task: Option<AbortHandle>,
    waits: bool,
    /// A part of the request that it waits with has arrived.
    has_begun: bool,
    previous: u32,
    next: u32,
}

/// Entries, of which the waiting ones are a doubly linked list, longest waiting first.
struct Clients {
    entries: Vec<Option<WaitingEntry>>,
    free: Vec<u32>,
    first: u32,
    last: u32,
}

impl Clients {
    const fn new() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            first: NONE,
            last: NONE,
        }
    }

    fn get_mut(&mut self, at: ClientEntry) -> Option<&mut WaitingEntry> {
        self.entries.get_mut(at.0 as usize)?.as_mut()
    }

    fn add(&mut self, client: ClosedClient) -> ClientEntry {
        let entry = Some(WaitingEntry {
            client,
            task: None,
            waits: false,
            has_begun: false,
            previous: NONE,
            next: NONE,
        });
        let at = match self.free.pop() {
            Some(at) => {
                if let Some(place) = self.entries.get_mut(at as usize) {
                    *place = entry;
                }
                at
            }
            None => {
                self.entries.push(entry);
                self.entries.len() as u32 - 1
            }
        };
        self.append(ClientEntry(at));
        ClientEntry(at)
    }

    fn remove(&mut self, at: ClientEntry) {
        self.unlink(at);
        if let Some(place) = self.entries.get_mut(at.0 as usize)
            && place.take().is_some()
        {
            self.free.push(at.0);
        }
        // Frees the memory of a burst.
        if self.free.len() == self.entries.len() && self.entries.capacity() > 1024 {
            *self = Self::new();
        }
    }

    fn append(&mut self, at: ClientEntry) {
        let last = self.last;
        let Some(entry) = self.get_mut(at).filter(|entry| !entry.waits) else {
            return;
        };
        entry.waits = true;
        entry.has_begun = false;
        entry.previous = last;
        entry.next = NONE;
        match self.get_mut(ClientEntry(last)) {
            Some(before) => before.next = at.0,
            None => self.first = at.0,
        }
        self.last = at.0;
    }

    fn unlink(&mut self, at: ClientEntry) {
        let Some(entry) = self.get_mut(at).filter(|entry| entry.waits) else {
            return;
        };
        entry.waits = false;
        let (previous, next) = (entry.previous, entry.next);
        match self.get_mut(ClientEntry(previous)) {
            Some(before) => before.next = next,
            None => self.first = next,
        }
        match self.get_mut(ClientEntry(next)) {
            Some(after) => after.previous = previous,
            None => self.last = previous,
        }
    }

    /// Takes the tasks of waiting clients of whose request nothing has arrived.
    fn take_idle(&mut self) -> Vec<AbortHandle> {
        let entries = self.entries.iter_mut().flatten();
        let idle = entries.filter(|entry| entry.waits && !entry.has_begun);
        idle.filter_map(|entry| entry.task.take()).collect()
    }

    /// Takes the client that waits longest out of the list.
    fn take_first(&mut self) -> Option<(ClosedClient, AbortHandle)> {
        loop {
            let at = ClientEntry(self.first);
            let entry = self.get_mut(at)?;
            let (client, task) = (entry.client, entry.task.take());
            self.unlink(at);
            if let Some(task) = task {
                return Some((client, task));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinHandle;

    use super::*;

    fn client(port: u16) -> ClosedClient {
        ClosedClient {
            peer: SocketAddr::from(([127, 0, 0, 1], port)),
            listener: ListenerKind::Mixed,
        }
    }

    /// Clients with a task that never ends.
    fn waiting_clients(count: u16) -> (Vec<WaitingClient>, Vec<JoinHandle<()>>) {
        let one = |port| {
            let task = tokio::spawn(std::future::pending::<()>());
            let entry = WaitingClient::new(client(port));
            entry.entry().set_task(task.abort_handle());
            (entry, task)
        };
        (0..count).map(one).unzip()
    }

    #[tokio::test]
    async fn the_longest_waiting_client_is_closed_first_and_a_served_one_is_not() {
        let (entries, tasks) = waiting_clients(5);
        entries[0].entry().is_served();
        entries[2].entry().is_served();
        // Waits anew, behind the others.
        entries[0].entry().waits();
        entries[0].entry().waits();
        let closed: Vec<_> = std::iter::from_fn(|| close_longest_waiting(1)).collect();
        let ports: Vec<u16> = closed.iter().map(|closed| closed.peer.port()).collect();
        assert_eq!(ports, [1, 3, 4, 0]);
        for (number, task) in tasks.into_iter().enumerate() {
            match number {
                2 => assert!(!task.is_finished()),
                _ => assert!(task.await.is_err_and(|error| error.is_cancelled())),
            }
        }
    }

    #[tokio::test]
    async fn a_client_is_idle_until_a_part_of_its_request_arrives() {
        let (entries, tasks) = waiting_clients(4);
        entries[0].entry().begins();
        entries[1].entry().is_served();
        entries[2].entry().begins();
        entries[2].entry().is_served();
        // Its next request is another one.
        entries[2].entry().waits();
        close_idle_clients();
        close_idle_clients();
        for (number, task) in tasks.into_iter().enumerate() {
            match number {
                0 | 1 => assert!(!task.is_finished(), "{number}"),
                _ => assert!(task.await.is_err_and(|error| error.is_cancelled())),
            }
        }
    }

    #[tokio::test]
    async fn an_entry_that_ended_is_used_again() {
        let task = tokio::spawn(std::future::pending::<()>()).abort_handle();
        for port in 0..100 {
            let entry = WaitingClient::new(client(port));
            entry.entry().set_task(task.clone());
            assert_eq!(entry.entry(), ClientEntry(0));
        }
        assert_eq!(close_longest_waiting(1), None);
    }

    #[tokio::test]
    async fn any_order_of_changes_keeps_the_list_whole() {
        let task = tokio::spawn(std::future::pending::<()>()).abort_handle();
        let mut entries: Vec<WaitingClient> = Vec::new();
        let mut state = 7_u64;
        for _ in 0..20_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let pick = (state >> 33) as usize;
            match (pick % 4, entries.is_empty()) {
                (0, _) | (_, true) => {
                    let entry = WaitingClient::new(client(0));
                    entry.entry().set_task(task.clone());
                    entries.push(entry);
                }
                (1, _) => drop(entries.swap_remove(pick / 4 % entries.len())),
                (2, _) => entries[pick / 4 % entries.len()].entry().is_served(),
                _ => entries[pick / 4 % entries.len()].entry().waits(),
            }
        }
        entries.iter().for_each(|entry| entry.entry().is_served());
        assert_eq!(close_longest_waiting(1), None);
        entries.iter().rev().for_each(|entry| entry.entry().waits());
        let closed = std::iter::from_fn(|| close_longest_waiting(1));
        assert_eq!(closed.count(), entries.len());
    }
}
