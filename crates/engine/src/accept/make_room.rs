//! Makes room where connections or file descriptors run out, and says so once.

use std::sync::Arc;
use std::time::Duration;

use privet_gateway::RefusedClient;
use privet_policy::{Listener, Protocol};

use crate::accept::listener::ListenerKind;
use crate::accept::waiting_clients::{ClosedClient, close_idle_clients, close_longest_waiting};
use crate::gateway::EngineGateway;
use crate::shared::Shared;

/// The key of the problem.
const ABOUT: &str = "listen.limits";
/// The same for the limit of each client.
const ABOUT_CLIENT: &str = "listen.limits.connections_per_client";
/// Idle connections to servers that are closed at once.
const IDLE_AT_ONCE: usize = 8;
/// Clients that give way at once where descriptors run out: one descriptor is for the new client, one for its destination.
const CLIENTS_AT_ONCE: usize = 2;
/// How long a client may be idle while the engine stops.
const IDLE_AT_STOP: Duration = Duration::from_millis(50);
/// Attempts to take the place of a client that gave way: another thread may be quicker.
const OWN_ATTEMPTS: usize = 8;

/// What ran out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shortage {
    /// So many connections are open, as many as allowed.
    Connections(usize),
    /// File descriptors.
    Descriptors,
}

impl Shared {
    /// Room for one more connection where the limit was reached: `take` finds it. Clients that wait for a request give way.
    pub(crate) async fn make_room<T>(
        self: &Arc<Self>,
        most: usize,
        mut take: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        let mut closed = close_longest_waiting(1);
        self.report_shortage(Shortage::Connections(most), closed);
        for _ in 0..OWN_ATTEMPTS {
            if closed.is_none() {
                break;
            }
            // The task that was ended lets go of its connection.
            tokio::task::yield_now().await;
            if let Some(taken) = take() {
                return Some(taken);
            }
            closed = close_longest_waiting(1);
        }
        self.pressure.ask_others(take).await
    }

    /// Frees descriptors where none are left, of idle connections first; `false`: there was nothing to free.
    pub(crate) async fn free_descriptors(self: &Arc<Self>) -> bool {
        if close_idle() {
            self.report_shortage(Shortage::Descriptors, None);
            return true;
        }
        if self.pressure.others_close_idle().await {
            return true;
        }
        let closed = close_longest_waiting(CLIENTS_AT_ONCE);
        self.report_shortage(Shortage::Descriptors, closed);
        if closed.is_some() {
            // The tasks that were ended let go of their connections.
            tokio::task::yield_now().await;
        } else {
            self.pressure.asked_for_clients.notify_waiters();
        }
        closed.is_some()
    }

    /// Makes room on this thread whenever another one asks for it. Never completes.
    pub(crate) async fn make_room_when_asked(self: Arc<Self>) {
        let answering = self.pressure.answering();
        loop {
            let gave = tokio::select! {
                () = self.pressure.asked_for_clients.notified() => close_longest_waiting(1).is_some(),
                () = self.pressure.asked_for_idle.notified() => close_idle(),
            };
            answering.answer(gave);
        }
    }

    /// Once the engine stops: closes this thread's clients between two requests, and those that get there later. Never
    /// completes.
    pub(crate) async fn close_idle_at_stop(self: Arc<Self>) {
        self.stopping.cancelled().await;
        loop {
            // First, so that an HTTP/2 connection sends its GOAWAY before.
            tokio::time::sleep(IDLE_AT_STOP).await;
            close_idle_clients();
        }
    }

    /// Raises the problem and records the client that was closed, both at the first event only.
    fn report_shortage(self: &Arc<Self>, shortage: Shortage, closed: Option<ClosedClient>) {
        if !self.pressure.note() {
            return;
        }
        let (what, fix) = match shortage {
            Shortage::Connections(most) if self.connection_limit.is_of_descriptors(most) => (
                format!("{most} connections are open, as many as the limit of open files allows"),
                "raise the limit of open files (ulimit -n, or LimitNOFILE= in the unit)",
            ),
            Shortage::Connections(most) => (
                format!("{most} connections are open, as many as listen.limits.connections allows"),
                "raise [listen.limits] connections",
            ),
            Shortage::Descriptors => (
                "no file descriptor is left".to_owned(),
                "raise the limit of open files (ulimit -n, or LimitNOFILE= in the unit)",
            ),
        };
        let text = format!(
            "{what}: clients that wait longest with their request are closed for new ones; where there are none, new ones are refused"
        );
        self.problems.raise(ABOUT, text, fix);
        if let Some(closed) = closed {
            let fault = format!("closed to make room before its request was complete: {what}");
            record(self, closed, fault);
        }
    }

    /// Raises the problem that a client has as many connections as allowed, once while it holds.
    pub(crate) fn report_client_limit(&self, who: String, most: usize) {
        tracing::debug!(
            who,
            "refused: the client has as many connections as allowed"
        );
        if self.client_pressure.note() {
            let text = format!(
                "{who} has {most} connections open, as many as listen.limits.connections_per_client allows: further ones are closed"
            );
            let fix = "raise [listen.limits] connections_per_client, or find out why the client needs so many";
            self.problems.raise(ABOUT_CLIENT, text, fix);
        }
    }

    /// Closes the problems once nothing has run out for a while.
    pub(crate) fn end_shortage(&self) {
        if self.pressure.ends() {
            self.problems.clear(ABOUT);
            tracing::info!("there is room for new connections again");
        }
        if self.client_pressure.ends() {
            self.problems.clear(ABOUT_CLIENT);
        }
    }
}

/// Closes what this thread holds in reserve; `false`: that was nothing.
fn close_idle() -> bool {
    privet_http::close_idle_origins(IDLE_AT_ONCE) + privet_net::relay::close_spare_pipes() > 0
}

fn record(shared: &Arc<Shared>, client: ClosedClient, fault: String) {
    let (listener, protocol) = match client.listener {
        ListenerKind::Http => (Listener::Http, Protocol::Http),
        ListenerKind::Https => (Listener::Https, Protocol::Http),
        ListenerKind::Site => (Listener::Site, Protocol::Http),
        ListenerKind::Socks => (Listener::Socks, Protocol::Socks5),
        ListenerKind::Mixed => (Listener::Mixed, Protocol::Http),
        ListenerKind::Pac => return,
    };
    let refused = RefusedClient {
        listener,
        peer: client.peer,
        local: client.peer,
        protocol,
        user: None,
    };
    refused.record(&EngineGateway::for_engine(shared.clone()), fault);
}
