//! What a change of configuration did or would do, and which connections it forbids.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use privet_config::{Config, Diagnostic, Diagnostics, SaveError};
use privet_connection_log::{ConnectionRow, Verdict};
use privet_policy::{Action, Replay, Request, Route, reconsider};
use serde::Serialize;

use crate::accept;
use crate::snapshot::Snapshot;
use crate::supervise::launch::StartError;
use crate::supervise::timeline::ChangeSource;

/// What a change did, or with `dry_run` would do.
#[derive(Debug, Clone, Serialize)]
pub struct ApplyReport {
    pub warnings: Vec<Diagnostic>,
    /// Listeners that were opened.
    pub opened: Vec<SocketAddr>,
    pub closed: Vec<SocketAddr>,
    /// Connections that the new configuration does not allow.
    pub connections_closed: usize,
    /// Of a dry run: the recorded connections under the new policy.
    pub replay: Option<Replay>,
    /// The change's number in the timeline; `None`: nothing was changed.
    pub change: Option<u64>,
}

/// Who changes something, and whether that takes an earlier change back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeOrigin {
    pub door: ChangeSource,
    pub undoes: Option<u64>,
}

impl From<ChangeSource> for ChangeOrigin {
    fn from(door: ChangeSource) -> Self {
        Self { door, undoes: None }
    }
}

impl fmt::Display for ApplyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (opened, closed) = (self.opened.len(), self.closed.len());
        write!(
            f,
            "{opened} listeners opened, {closed} closed, {} connections closed",
            self.connections_closed
        )
    }
}

/// A change was not made; what runs stays in force.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error("{0}")]
    Config(Diagnostics),
    #[error("{0}")]
    Start(#[from] StartError),
    #[error("{0}")]
    Save(SaveError),
    #[error("{} is gone", .0.display())]
    Gone(PathBuf),
    #[error("no mode is called {name:?}; there are {known}")]
    Mode { name: String, known: String },
    #[error("it is no sound rule: {0}")]
    Rule(String),
    #[error("{0}")]
    Broken(String),
}

impl ApplyError {
    pub(crate) fn unknown_mode(name: &str, config: &Config) -> Self {
        let known = config
            .modes
            .keys()
            .map(|mode| format!("{mode:?}"))
            .collect::<Vec<_>>()
            .join(", ");
        Self::Mode {
            name: name.to_owned(),
            known,
        }
    }

    pub(crate) fn broke_off(error: &tokio::task::JoinError) -> Self {
        Self::Broken(format!("the change broke off: {error}"))
    }
}

/// Whether a standing connection may not go on under `snapshot`: its client or user is not let in any more, its target or
/// the address it went to is blocked, or it goes direct where a kill switch now forbids that.
pub(crate) fn disallowed(row: &ConnectionRow, snapshot: &Snapshot) -> bool {
    if !accept::is_allowed(&snapshot.config, row.client().ip()) {
        return true;
    }
    if row.user().is_some_and(|user| !snapshot.users.knows(user)) {
        return true;
    }
    let addresses = row.remote();
    let request = Request {
        listener: row.listener(),
        client: row.client(),
        protocol: row.protocol(),
        user: row.user().map(|user| &**user),
        app: row.app().map(|app| &**app),
        target: row.target(),
        addresses: addresses.as_slice(),
        url: None,
        page: None,
        at: SystemTime::now(),
    };
    match reconsider(&request, &snapshot.policy).action {
        Action::Block => true,
        Action::Route(Route::Via { fallback: None, .. }) => row.verdict() == Verdict::Direct,
        Action::Route(_) => false,
    }
}

/// Writes the chosen mode into the file, if there is one, and nothing else.
pub(crate) fn write_mode(path: &Path, name: &str) -> Result<(), String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    let mut document = privet_config::Document::parse(&text).map_err(|error| error.to_string())?;
    document.set_mode(name).map_err(|error| error.to_string())?;
    let changed = document.text();
    if changed == text {
        return Ok(());
    }
    privet_config::save(path, &changed).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use privet_connection_log::NewConnection;
    use privet_policy::{Listener, Protocol, Target, Why, WhyKind};

    use crate::gateway::current_policy::tests::{engine, with_listener};

    fn opening(host: &str, route: &str) -> NewConnection {
        NewConnection {
            listener: Listener::Mixed,
            client: SocketAddr::from(([127, 0, 0, 1], 9)),
            protocol: Protocol::Socks5,
            user: None,
            app: None,
            target: Target::parse(host).unwrap(),
            route: route.into(),
            why: Why {
                kind: WhyKind::Mode,
                text: "standard".into(),
            },
        }
    }

    #[tokio::test]
    async fn a_name_that_stands_at_an_address_which_is_now_blocked_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine(folder.path(), "mode = \"standard\"\n").await;
        let [there, elsewhere] = [1, 2].map(|last| {
            let live = engine.connection_log().open(opening("a.test:80", "direct"));
            live.set_remote(SocketAddr::from(([192, 0, 2, last], 80)));
            live
        });
        let text = with_listener(
            "mode = \"standard\"\n[[rule]]\nmatch = { ip = [\"192.0.2.1/32\"] }\nuse = \"block\"\n",
        );
        let applied = engine
            .apply(crate::ChangeSource::Api, text, false)
            .await
            .unwrap();
        assert_eq!(applied.connections_closed, 1);
        assert!(there.row().cancelled().is_some() && elsewhere.row().cancelled().is_none());
        engine.stop(Duration::ZERO).await;
    }

    #[tokio::test]
    async fn a_kill_switch_closes_what_went_direct_and_nothing_that_only_sounds_like_it() {
        let folder = tempfile::tempdir().unwrap();
        let upstream = "[[upstream]]\nname = \"directory\"\nurl = \"socks5://127.0.0.1:1\"\n";
        let text = format!(
            "mode = \"standard\"\n[modes.strict]\nroute = \"directory\"\nkill_switch = true\n{upstream}"
        );
        let engine = engine(folder.path(), &text).await;
        let open = |route| engine.connection_log().open(opening("a.test:80", route));
        let [direct, way_out, through] =
            ["direct", "direct (directory is down)", "directory"].map(open);
        engine
            .set_mode(crate::ChangeSource::Api, "strict", None)
            .await
            .unwrap();
        assert!(direct.row().cancelled().is_some());
        assert!(way_out.row().cancelled().is_some());
        assert!(through.row().cancelled().is_none());
        engine.stop(Duration::ZERO).await;
    }
}
