//! Runs the icon: polls the engine, updates the view, carries out clicks.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use privet_api::Client;
use privet_api::connections::{ConnectionsQuery, RowState};
use privet_api::now_ms;
use privet_api::status::Status;
use privet_system::clipboard;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

#[cfg(not(all(unix, not(target_os = "macos"))))]
use crate::no_panel::start;
#[cfg(all(unix, not(target_os = "macos")))]
use crate::status_notifier::start;

use crate::action::perform;
use crate::menu;
use crate::panel::{EVENT_QUEUE, Panel, PanelError, PanelEvent};
use crate::view::{Action, BlockedHost, MenuEntry, PAUSE_MODE, PauseLength, TrayInputs, TrayView};

/// How often the view is refreshed when neither the engine nor the user changes anything: for problems and the system proxy.
const REFRESH_INTERVAL: Duration = Duration::from_secs(15);
/// Menus that are opened within this time share one refresh.
const MENU_REFRESH_INTERVAL: Duration = Duration::from_millis(500);
/// How long to wait for a session bus before the next try.
const BUS_RETRY_INTERVAL: Duration = Duration::from_secs(30);
/// Maximum of routes in the menu; the window has all.
const MAX_OUTBOUNDS: usize = 24;
/// Maximum of blocked hosts in the menu.
const MAX_BLOCKED_HOSTS: usize = 8;
/// Blocked connections that are read to find them.
const BLOCKED_ROWS: u32 = 40;

struct TrayState {
    client: Client,
    /// The arguments that name this engine's paths to the window.
    places: Vec<OsString>,
    /// Notified when the engine's state changes.
    changed: Arc<Notify>,
    can_copy: bool,
    /// The mode before a pause without an end.
    paused_from: Option<String>,
    /// Why the last click failed.
    failure: Option<String>,
    outbounds: Vec<String>,
    blocked: Vec<BlockedHost>,
    blocked_total: u64,
}

/// Shows the icon and its menu until "Quit" is clicked or the future is dropped. A desktop without a panel is logged once.
/// `places` are the arguments that name this engine's paths to the window; `changed` is notified when the engine's state changes.
pub async fn run(client: Client, places: Vec<OsString>, changed: Arc<Notify>) {
    let can_copy = clipboard::is_available();
    let mut state = TrayState {
        client,
        places,
        changed,
        can_copy,
        paused_from: None,
        failure: None,
        outbounds: Vec::new(),
        blocked: Vec::new(),
        blocked_total: 0,
    };
    let mut logged = false;
    loop {
        let (events, clicks) = mpsc::channel(EVENT_QUEUE);
        state.read_outbounds().await;
        let view = state.refresh().await;
        let first = view.clone();
        let started = tokio::task::spawn_blocking(move || start(first, events)).await;
        match started {
            Ok(Ok(panel)) => {
                if state.serve(panel, view, clicks, &mut logged).await {
                    return;
                }
            }
            Ok(Err(error)) => log_once(&mut logged, &error),
            Err(error) => tracing::warn!("the icon failed: {error}"),
        }
        tokio::time::sleep(BUS_RETRY_INTERVAL).await;
    }
}

fn log_once(logged: &mut bool, error: &PanelError) {
    if !std::mem::replace(logged, true) {
        tracing::info!("no icon is shown: {error}; use the window or `privet status`");
    }
}

impl TrayState {
    /// Serves one panel, which shows `shown`. `true` where "Quit" was clicked, `false` where the panel is gone.
    async fn serve(
        &mut self,
        mut panel: Box<dyn Panel>,
        mut shown: TrayView,
        mut events: mpsc::Receiver<PanelEvent>,
        logged: &mut bool,
    ) -> bool {
        let mut refreshed = Instant::now();
        loop {
            let event = tokio::select! {
                event = events.recv() => match event {
                    Some(event) => event,
                    None => return false,
                },
                () = self.changed.notified() => PanelEvent::RefreshDue,
                () = tokio::time::sleep_until(refreshed + REFRESH_INTERVAL) => PanelEvent::RefreshDue,
            };
            let by_user = !matches!(event, PanelEvent::RefreshDue);
            match event {
                PanelEvent::Click(Action::Quit) => return true,
                PanelEvent::Click(action) => self.click(&action).await,
                PanelEvent::MenuOpened if refreshed.elapsed() < MENU_REFRESH_INTERVAL => continue,
                PanelEvent::MenuOpened | PanelEvent::PanelBack | PanelEvent::RefreshDue => {}
                PanelEvent::PanelGone => {
                    if !std::mem::replace(logged, true) {
                        tracing::info!(
                            "no panel of this desktop shows icons yet; use the window or `privet status`"
                        );
                    }
                    continue;
                }
            }
            if by_user {
                self.read_outbounds().await;
            }
            let view = self.refresh().await;
            refreshed = Instant::now();
            if panel.is_gone() {
                return false;
            }
            // An unchanged view wakes no other thread.
            if view == shown {
                continue;
            }
            shown.clone_from(&view);
            let showing = tokio::task::spawn_blocking(move || {
                panel.show(&view);
                panel
            });
            panel = match showing.await {
                Ok(panel) if !panel.is_gone() => panel,
                _ => return false,
            };
        }
    }

    async fn click(&mut self, action: &Action) {
        let mode = match action {
            Action::Pause(PauseLength::UntilRestart) => {
                self.client.status().await.ok().map(|status| status.mode)
            }
            _ => None,
        };
        match perform(&self.client, &self.places, action).await {
            Ok(()) => self.failure = None,
            Err(error) => {
                tracing::warn!("a click in the tray failed: {error}");
                self.failure = Some(error.to_string());
                return;
            }
        }
        match action {
            Action::Pause(PauseLength::UntilRestart) => {
                let before = mode.map(|mode| mode.then.unwrap_or(mode.name));
                self.paused_from = before.filter(|name| name != PAUSE_MODE);
            }
            Action::Pause(PauseLength::For(_)) | Action::SetMode(_) => self.paused_from = None,
            _ => {}
        }
    }

    async fn refresh(&mut self) -> TrayView {
        let status = match self.client.status().await {
            Ok(status) => status,
            Err(error) => return menu::without_engine(&error.to_string()),
        };
        self.read_blocked(&status).await;
        let mut view = menu::view(&TrayInputs {
            status: &status,
            outbounds: &self.outbounds,
            blocked: &self.blocked,
            paused_from: self.paused_from.as_deref(),
            can_copy: self.can_copy,
            now_ms: now_ms(),
        });
        if let Some(failure) = &self.failure {
            view.menu.insert(0, MenuEntry::Label(failure.clone()));
        }
        view
    }

    /// Called for an open menu only: the icon itself does not show them.
    async fn read_outbounds(&mut self) {
        if let Ok(outbounds) = self.client.upstreams().await {
            let groups = outbounds.groups.into_iter().map(|group| group.name);
            let upstreams = outbounds
                .upstreams
                .into_iter()
                .map(|upstream| upstream.name);
            self.outbounds = groups.chain(upstreams).take(MAX_OUTBOUNDS).collect();
        }
    }

    /// Reads blocked hosts where more connections were blocked since the last call.
    async fn read_blocked(&mut self, status: &Status) {
        if status.totals.blocked == self.blocked_total {
            return;
        }
        let query = ConnectionsQuery {
            state: RowState::Blocked,
            limit: BLOCKED_ROWS,
            ..ConnectionsQuery::default()
        };
        let Ok(page) = self.client.connections(&query).await else {
            return;
        };
        self.blocked_total = status.totals.blocked;
        self.blocked.clear();
        for row in page.rows {
            if self.blocked.len() < MAX_BLOCKED_HOSTS
                && !self.blocked.iter().any(|known| known.host == row.host)
            {
                self.blocked.push(BlockedHost {
                    host: row.host,
                    app: row.app,
                });
            }
        }
    }
}
