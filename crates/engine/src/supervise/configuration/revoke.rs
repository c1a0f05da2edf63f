//! Which open connections a new snapshot no longer allows.

use std::time::SystemTime;

use privet_connection_log::{ConnectionRow, Verdict};
use privet_policy::{
    Action, Inspection, Listener, Program, Request, Route, UntouchedBy, reconsider,
};

use crate::accept::allowed_clients::is_allowed;
use crate::snapshot::Snapshot;

/// Whether `snapshot` forbids an open connection: its client or login is no longer allowed, its target or remote address is
/// blocked, or it goes direct where a kill switch forbids that. The connections of sites are not the policy's: a request
/// that is being served ends as it began.
pub(crate) fn is_revoked(row: &ConnectionRow, snapshot: &Snapshot) -> bool {
    if row.listener() == Listener::Site {
        return false;
    }
    if !is_allowed(&snapshot.config, row.client().ip()) {
        return true;
    }
    if row.user().is_some_and(|user| !snapshot.users.holds(user)) {
        return true;
    }
    let addresses = row.remote();
    let request = Request {
        listener: row.listener(),
        client: row.client(),
        protocol: row.protocol(),
        user: row.user().map(|user| &**user),
        app: program(row),
        target: row.target(),
        addresses: addresses.as_slice().into(),
        url: None,
        page: None,
        at: SystemTime::now(),
    };
    let verdict = reconsider(&request, &snapshot.policy);
    if !is_treated_as_before(row.inspection(), verdict.treatment.inspection) {
        return true;
    }
    match verdict.action {
        Action::Block => true,
        Action::Route(Route::Via { .. }) => {
            snapshot.policy.mode().kill_switch && row.verdict() == Verdict::Direct
        }
        Action::Route(_) => false,
    }
}

/// Whether what was inspected still is, and what was not still is not. What passed for a reason that was found out later stays.
fn is_treated_as_before(before: Inspection, now: Inspection) -> bool {
    use UntouchedBy as U;
    let is_inspected = |inspection| matches!(inspection, Inspection::Inspect { .. });
    match before {
        Inspection::Inspect { .. } => is_inspected(now),
        Inspection::Off | Inspection::Untouched(U::Rule | U::Mode | U::Except | U::Shipped(_)) => {
            !is_inspected(now)
        }
        Inspection::Untouched(_) => true,
    }
}

/// The row's program; one that was not found in time may be any program of this machine.
fn program(row: &ConnectionRow) -> Program<'_> {
    match row.app() {
        Some(app) => Program::Known(app),
        None if privet_system::PROGRAMS_SUPPORTED
            && row.client().ip().to_canonical().is_loopback() =>
        {
            Program::Undetermined
        }
        None => Program::Absent,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use privet_connection_log::NewConnection;
    use privet_policy::{Protocol, Target, Why, WhyKind};

    use super::Listener;

    use crate::gateway::tests::{engine, with_listener};

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
    async fn a_connection_by_name_to_a_newly_blocked_address_is_closed() {
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
            .apply(
                crate::ChangeSource::Api,
                text,
                None,
                crate::ApplyMode::Commit,
            )
            .await
            .unwrap();
        assert_eq!(applied.connections_closed, 1);
        assert!(there.row().cancelled().is_some() && elsewhere.row().cancelled().is_none());
        engine.stop(Duration::ZERO).await;
    }

    #[tokio::test]
    async fn a_kill_switch_closes_direct_connections_only() {
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
