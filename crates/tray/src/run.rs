//! The icon's life: look at the engine, show, heed clicks.

use std::ffi::OsString;
use std::time::Duration;

use privet_connection_log::RowState;
use privet_control::Client;
use privet_control::calls::connections::WindowQuery;
use privet_control::calls::status::Status;
use privet_control::logs::now_ms;
use privet_system::clipboard;
use tokio::sync::mpsc;
use tokio::time::Instant;

#[cfg(all(unix, not(target_os = "macos")))]
use crate::notifier::start;
#[cfg(not(all(unix, not(target_os = "macos"))))]
use crate::nowhere::start;

use crate::act::act;
use crate::view::{self, Action, Blocked, PAUSE, Seen, View};
use crate::{Event, Panel, PanelError, WAITING};

/// How old what is shown may be while nobody looks.
const LOOK: Duration = Duration::from_secs(5);
/// A look takes part of a millisecond; menus that are opened in a row share it.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// A session bus may come after us, once or never.
const BUS_AGAIN: Duration = Duration::from_secs(30);
/// Ways out in the menu; the window has all.
const OUTLETS: usize = 24;
/// Blocked hosts in the menu, and rows that are read to find so many.
const HOSTS: usize = 8;
const ROWS: u32 = 40;

struct Door {
    client: Client,
    /// The words that name this engine's places to the window.
    places: Vec<OsString>,
    can_copy: bool,
    /// The mode before a pause without an end.
    paused_from: Option<String>,
    /// What the last click came to, until the next look.
    failed: Option<String>,
    outlets: Vec<String>,
    blocked: Vec<Blocked>,
    blocked_total: u64,
}

/// Shows the icon and heeds its menu, until "Quit" is clicked or the future is dropped. Never fails: a desktop without a
/// panel is said once in the log. `places` are the words that name this engine's places to the window.
pub async fn run(client: Client, places: Vec<OsString>) {
    let can_copy = clipboard::program().is_some();
    let mut door = Door {
        client,
        places,
        can_copy,
        paused_from: None,
        failed: None,
        outlets: Vec::new(),
        blocked: Vec::new(),
        blocked_total: 0,
    };
    let mut said = false;
    loop {
        let (events, mail) = mpsc::channel(WAITING);
        door.look_at_outlets().await;
        let view = door.look().await;
        let started = tokio::task::spawn_blocking(move || start(view, events)).await;
        match started {
            Ok(Ok(panel)) => {
                if door.serve(panel, mail, &mut said).await {
                    return;
                }
            }
            Ok(Err(error)) => say_once(&mut said, &error),
            Err(error) => tracing::warn!("the icon broke off: {error}"),
        }
        tokio::time::sleep(BUS_AGAIN).await;
    }
}

fn say_once(said: &mut bool, error: &PanelError) {
    if !std::mem::replace(said, true) {
        tracing::info!("no icon is shown: {error}; the window and `privet status` stay the way in");
    }
}

impl Door {
    /// Whether "Quit" was clicked; else the panel is gone.
    async fn serve(
        &mut self,
        mut panel: Box<dyn Panel>,
        mut mail: mpsc::Receiver<Event>,
        said: &mut bool,
    ) -> bool {
        let mut looked = Instant::now();
        loop {
            let event = tokio::select! {
                event = mail.recv() => match event {
                    Some(event) => event,
                    None => return false,
                },
                () = tokio::time::sleep_until(looked + LOOK) => Event::Due,
            };
            let seen = !matches!(event, Event::Due);
            match event {
                Event::Click(Action::Quit) => return true,
                Event::Click(action) => self.click(&action).await,
                Event::Looked if looked.elapsed() < LOOK_AGAIN => continue,
                Event::Looked | Event::Panel | Event::Due => {}
                Event::NoPanel => {
                    if !std::mem::replace(said, true) {
                        tracing::info!(
                            "no panel of this desktop shows icons yet; the window and `privet status` stay the way in"
                        );
                    }
                    continue;
                }
            }
            if seen {
                self.look_at_outlets().await;
            }
            let view = self.look().await;
            looked = Instant::now();
            let shown = tokio::task::spawn_blocking(move || {
                panel.show(&view);
                panel
            });
            panel = match shown.await {
                Ok(panel) if !panel.is_gone() => panel,
                _ => return false,
            };
        }
    }

    async fn click(&mut self, action: &Action) {
        let mode = match action {
            Action::Pause(None) => self.client.status().await.ok().map(|status| status.mode),
            _ => None,
        };
        match act(&self.client, &self.places, action).await {
            Ok(()) => self.failed = None,
            Err(error) => {
                tracing::warn!("a click in the tray came to nothing: {error}");
                self.failed = Some(error.to_string());
                return;
            }
        }
        match action {
            Action::Pause(None) => {
                let before = mode.map(|mode| mode.then.unwrap_or(mode.name));
                self.paused_from = before.filter(|name| name != PAUSE);
            }
            Action::Pause(Some(_)) | Action::Mode(_) => self.paused_from = None,
            _ => {}
        }
    }

    async fn look(&mut self) -> View {
        let status = match self.client.status().await {
            Ok(status) => status,
            Err(error) => return view::without_engine(&error.to_string()),
        };
        self.look_at_blocked(&status).await;
        let mut seen = view::of(&Seen {
            status: &status,
            outlets: &self.outlets,
            blocked: &self.blocked,
            paused_from: self.paused_from.as_deref(),
            can_copy: self.can_copy,
            now_ms: now_ms(),
        });
        if let Some(failed) = &self.failed {
            seen.menu.insert(0, view::Entry::Label(failed.clone()));
        }
        seen
    }

    /// Only for a menu that somebody opens: while nobody does, the icon shows none of them.
    async fn look_at_outlets(&mut self) {
        if let Ok(outlets) = self.client.upstreams().await {
            let groups = outlets.groups.into_iter().map(|group| group.name);
            let upstreams = outlets.upstreams.into_iter().map(|upstream| upstream.name);
            self.outlets = groups.chain(upstreams).take(OUTLETS).collect();
        }
    }

    /// Only where something was blocked since.
    async fn look_at_blocked(&mut self, status: &Status) {
        if status.totals.blocked == self.blocked_total {
            return;
        }
        let query = WindowQuery {
            state: RowState::Blocked,
            limit: ROWS,
            ..WindowQuery::default()
        };
        let Ok(page) = self.client.connections(&query).await else {
            return;
        };
        self.blocked_total = status.totals.blocked;
        self.blocked.clear();
        for row in page.rows {
            if self.blocked.len() < HOSTS
                && !self.blocked.iter().any(|known| known.host == row.host)
            {
                self.blocked.push(Blocked {
                    host: row.host,
                    app: row.app,
                });
            }
        }
    }
}
