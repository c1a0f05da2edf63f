//! A closed connection as a row of the database.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use privet_policy::{App, Host, Target, Why, WhyKind};
use rusqlite::{Connection, Transaction, params};

use crate::closed::ClosedConnection;
use crate::connection::{
    CloseReason, NewConnection, Verdict, listener_from, listener_word, protocol_from,
    protocol_word, why_from, why_word,
};
use crate::row::{ConnectionRow, NOT_LIVE, Phase, SharedTexts};
use crate::sql_int::{int, uint};

/// Ids of rows from earlier runs start here, above all ids of this run.
const EARLIER: u64 = 1 << 52;

/// A connection as it was read from the database.
pub(crate) struct StoredConnection {
    id: u64,
    opening: NewConnection,
    started: u64,
    ended: u64,
    end: CloseReason,
    verdict: Verdict,
    error: Option<Box<str>>,
    remote: Option<IpAddr>,
    figures: (u64, u64, u32),
    phases: [Option<u32>; 4],
}

pub(crate) fn write(
    transaction: &Transaction<'_>,
    rows: &[ClosedConnection],
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO ended(started, ended, listener, client, app, app_path, pid, user, protocol, host, port, remote,
             verdict, rule, reason, route, up, down, end, error, dns, connect, tls, first_byte, requests)
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22,
             ?23, ?24, ?25)",
    )?;
    for ended in rows {
        let row = &ended.row;
        let app = row.app();
        statement.execute(params![
            int(row.started),
            int(ended.at),
            listener_word(row.listener()),
            row.client().to_string(),
            app.map(|app| &*app.name),
            app.and_then(|app| app.path.as_deref()),
            app.map(|app| app.pid),
            row.user().map(|user| &**user),
            protocol_word(row.protocol()),
            row.target().host.to_string(),
            row.target().port,
            row.remote().map(|remote| remote.to_string()),
            ended.verdict as u8,
            why_word(row.why().kind),
            &*row.why().text,
            &**row.route(),
            int(row.up_bytes()),
            int(row.down_bytes()),
            ended.end as u8,
            ended.error.as_deref(),
            row.phase(Phase::Dns),
            row.phase(Phase::Connect),
            row.phase(Phase::Tls),
            row.phase(Phase::FirstByte),
            row.requests(),
        ])?;
    }
    Ok(())
}

/// Newest first. Skips rows with words that this version does not know.
pub(crate) fn read(
    connection: &Connection,
    since: i64,
    most: usize,
) -> rusqlite::Result<Vec<StoredConnection>> {
    let mut statement = connection.prepare(
        "SELECT id, started, ended, listener, client, app, app_path, pid, user, protocol, host, port, remote, verdict,
             rule, reason, route, up, down, end, error, dns, connect, tls, first_byte, requests
         FROM ended WHERE ended >= ?1 ORDER BY ended DESC, id DESC LIMIT ?2",
    )?;
    let rows = statement.query_map(params![since, int(most as u64)], from_sql)?;
    let mut found = Vec::new();
    for row in rows {
        found.extend(row?);
    }
    Ok(found)
}

fn from_sql(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<StoredConnection>> {
    let text = |column: &str| row.get::<_, String>(column);
    let maybe = |column: &str| row.get::<_, Option<String>>(column);
    let number = |column: &str| row.get::<_, i64>(column).map(uint);
    let phase = |column: &str| row.get::<_, Option<u32>>(column);
    let (Some(listener), Some(protocol), Some(rule), Some(end), Some(verdict), Ok(client)) = (
        listener_from(&text("listener")?),
        protocol_from(&text("protocol")?),
        why_from(&text("rule")?),
        CloseReason::from_code(row.get("end")?),
        Verdict::from_code(row.get("verdict")?),
        text("client")?.parse(),
    ) else {
        return Ok(None);
    };
    let opening = NewConnection {
        listener,
        client,
        protocol,
        user: maybe("user")?.map(Arc::from),
        app: app(maybe("app")?, maybe("app_path")?, row.get("pid")?),
        target: target(&text("host")?, row.get("port")?),
        route: text("route")?.into(),
        why: why(rule, text("reason")?),
    };
    Ok(Some(StoredConnection {
        id: number("id")?,
        opening,
        started: number("started")?,
        ended: number("ended")?,
        end,
        verdict,
        error: maybe("error")?.map(Into::into),
        remote: maybe("remote")?.and_then(|remote| remote.parse().ok()),
        figures: (number("up")?, number("down")?, row.get("requests")?),
        phases: [
            phase("dns")?,
            phase("connect")?,
            phase("tls")?,
            phase("first_byte")?,
        ],
    }))
}

fn app(name: Option<String>, path: Option<String>, pid: Option<u32>) -> Option<Arc<App>> {
    name.map(|name| {
        Arc::new(App {
            name: name.into(),
            path: path.map(Arc::from),
            pid: pid.unwrap_or(0),
            user: None,
        })
    })
}

fn target(host: &str, port: u16) -> Target {
    let host = host
        .parse()
        .map_or_else(|_| Host::Name(host.into()), Host::Ip);
    Target { host, port }
}

fn why(kind: WhyKind, text: String) -> Why {
    Why {
        kind,
        text: text.into(),
    }
}

impl StoredConnection {
    /// Converts it for the history; `texts` are shared with earlier rows where they are equal.
    pub fn into_ended(self, texts: &mut Vec<Arc<SharedTexts>>) -> ClosedConnection {
        let opening = self.opening;
        let shared = match texts.iter().find(|texts| texts.match_opening(&opening)) {
            Some(known) => known.clone(),
            None => {
                let new = Arc::new(SharedTexts::of(&opening));
                texts.push(new.clone());
                new
            }
        };
        // A closed row needs no time on the connection log's clock.
        let row = ConnectionRow::new(
            EARLIER + self.id,
            self.started,
            0,
            shared,
            opening,
            self.verdict,
        );
        let (up, down, requests) = self.figures;
        row.set_figures(up, down, requests);
        row.counted.store(true, Relaxed);
        row.slot.store(NOT_LIVE, Relaxed);
        for (phase, micros) in [Phase::Dns, Phase::Connect, Phase::Tls, Phase::FirstByte]
            .into_iter()
            .zip(self.phases)
        {
            row.set_phase(phase, micros);
        }
        if let Some(remote) = self.remote {
            row.set_remote(remote);
        }
        ClosedConnection {
            row: Arc::new(row),
            at: self.ended,
            end: self.end,
            verdict: self.verdict,
            error: self.error,
        }
    }
}
