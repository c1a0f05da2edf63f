//! Makes a snapshot the current one, and starts listeners.

use std::sync::Arc;

use privet_config::Config;
use privet_config::unix_time::now_ms;
use tokio_util::sync::CancellationToken;

use crate::accept::distribute::Distributor;
use crate::accept::listener::{self, BoundListener, ListenerKindCell};
use crate::accept::{ServedListener, accept, serve_accepted};
use crate::snapshot::Snapshot;
use crate::supervise::configuration::assemble::assemble;
use crate::supervise::connection_log;
use crate::supervise::supervisor::Supervisor;

impl Supervisor {
    /// Makes `snapshot` the current one; see [`Shared::activate`](crate::shared::Shared::activate).
    pub(crate) fn activate(&mut self, snapshot: Snapshot, select_mode: Option<String>) -> usize {
        self.hit_counts.adopt(&snapshot.policy, now_ms());
        self.shared.activate(snapshot, select_mode)
    }

    /// Activates the current configuration with the lists as they are now.
    pub(crate) async fn apply_lists(&mut self) {
        let config = self.shared.snapshot.load().config.clone();
        let (modes, mut lists) = (self.shared.modes(), std::mem::take(&mut self.lists));
        let secrets = self.known_secrets();
        let inputs = self.inputs(config, &modes, &mut lists, self.own_listeners(), secrets);
        self.lists = lists;
        match assemble(inputs).await {
            Ok(snapshot) => {
                self.activate(snapshot, None);
                self.start_health_checks();
                self.shared.problems.clear("lists");
            }
            Err(error) => self.shared.problems.raise(
                "lists",
                format!("the new lists are not active: {error}"),
                "correct the cause and reload",
            ),
        }
    }

    /// Applies `[log]` to the connection log. Deletes what it may no longer hold, which can take long.
    pub(super) async fn update_connection_log(&self, config: &Config) {
        let settings = connection_log::settings(&self.options.data_dir, config);
        let connection_log = self.shared.connection_log.clone();
        let task = tokio::task::spawn_blocking(move || connection_log.reconfigure(settings));
        if let Err(error) = task.await {
            tracing::error!("reconfiguring the connection log panicked: {error}");
        }
    }

    /// Fits the connection limit to the file descriptors there are, and has each thread free some when another one has none.
    pub(crate) async fn watch_descriptors(&self) {
        if let Some((open, most)) = privet_system::limits::open_files() {
            self.shared.connection_limit.fit_descriptors(open, most);
        }
        for thread in 0..self.workers.count() {
            let task = self.shared.clone().make_room_when_asked();
            self.workers.run_on(thread, task).await;
            let task = self.shared.clone().close_idle_at_stop();
            self.workers.run_on(thread, task).await;
        }
    }

    /// Has every data-plane thread accept on its share of the bound sockets.
    pub(crate) async fn start_listeners(&mut self, bound: Vec<BoundListener>) {
        for BoundListener {
            name,
            address,
            adopted,
            sockets,
        } in bound
        {
            let kind = Arc::new(ListenerKindCell::new(name.0));
            let stop = CancellationToken::new();
            let listener = ServedListener {
                kind: kind.clone(),
                configured: name.1,
                address,
            };
            let mut distributor = match sockets.len() {
                1 => self.distributor(&listener).await,
                _ => Distributor::default(),
            };
            for (thread, socket) in sockets.into_iter().enumerate() {
                let distributor = std::mem::take(&mut distributor);
                let shared = self.shared.clone();
                let task = accept(socket, listener.clone(), distributor, shared, stop.clone());
                self.workers.run_on(thread, task).await;
            }
            let running = listener::Running {
                kind,
                address,
                stop,
                adopted,
            };
            self.listeners.insert(name.1, running);
        }
        self.shared
            .listening
            .store(Arc::new(listener::states(&self.listeners)));
    }

    /// Has the threads beside the first serve what that accepts on the only socket of a listener.
    async fn distributor(&self, listener: &ServedListener) -> Distributor {
        let mut distributor = Distributor::default();
        for thread in 1..self.workers.count() {
            let accepted = distributor.add_thread();
            let task = serve_accepted(accepted, listener.clone(), self.shared.clone());
            self.workers.run_on(thread, task).await;
        }
        distributor
    }
}
