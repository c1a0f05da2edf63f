//! A row as the API shows it. Scripts rely on the field names.

use std::borrow::Cow;

use privet_policy::Inspection;

use crate::closed::ClosedConnection;
use crate::connection::{CloseReason, Verdict, listener_word, protocol_word, why_word};
use crate::fields::{INSPECTED, REFUSED, UNTOUCHED};
use crate::row::{ConnectionRow, Phase};

/// Which table a row is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowState {
    /// Open.
    Active,
    /// Closed, or its dial failed.
    Closed,
    /// Refused by a rule, a list or the mode.
    Blocked,
}

/// At most 2^53, which JSON numbers hold exactly.
#[derive(Debug, Clone, PartialEq)]
pub struct RowView {
    /// At most 2^53, so that every reader of JSON reads it exactly.
    pub id: u64,
    pub state: RowState,
    /// "mixed", "socks", "http" or "https".
    pub listener: Cow<'static, str>,
    /// The client's address and port.
    pub client: String,
    /// The client program's name, where it is known.
    pub app: Option<String>,
    pub app_path: Option<String>,
    pub pid: Option<u32>,
    pub user: Option<String>,
    /// "socks4", "socks5", "udp", "http" or "connect".
    pub protocol: Cow<'static, str>,
    pub host: String,
    pub port: u16,
    /// The destination's address, where it is known.
    pub remote: Option<String>,
    /// "direct", "routed", "blocked", "failed" or "cached".
    pub verdict: Cow<'static, str>,
    /// The reason for the decision, in one sentence.
    pub reason: String,
    /// The kind of decision: "loop", "own_network", "rule", "deny", "list", "mode", "kill_switch" or "undetermined".
    pub rule: Cow<'static, str>,
    pub route: String,
    /// Bytes from the client.
    pub up: u64,
    /// Bytes to the client.
    pub down: u64,
    /// Bytes per second now; 0 for a closed connection.
    pub up_speed: u64,
    pub down_speed: u64,
    /// Unix milliseconds.
    pub started: u64,
    /// How long it is or was open, in milliseconds.
    pub age_ms: u64,
    /// Unix milliseconds; absent while it is open.
    pub ended: Option<u64>,
    /// "finished", "broken", "idle", "closed", "reload", "shutdown", "blocked" or "failed".
    pub end: Option<Cow<'static, str>>,
    pub error: Option<String>,
    pub dns_ms: Option<f64>,
    pub connect_ms: Option<f64>,
    pub tls_ms: Option<f64>,
    pub first_byte_ms: Option<f64>,
    /// HTTP requests on it; 0 for a tunnel.
    pub requests: u32,
    /// "inspected", "untouched" or "refused"; `None`: nothing is inspected for its host.
    pub inspection: Option<&'static str>,
    /// Why it passed untouched, or was refused.
    pub inspection_why: Option<String>,
    /// Its group, where groups were asked for.
    pub group: Option<String>,
}

/// A row, live or closed, while a query reads it.
#[derive(Clone, Copy)]
pub(crate) struct RowRef<'a> {
    pub row: &'a ConnectionRow,
    pub ended: Option<&'a ClosedConnection>,
    /// Unix milliseconds.
    pub now: u64,
}

impl<'a> RowRef<'a> {
    pub fn of_ended(ended: &'a ClosedConnection, now: u64) -> Self {
        Self {
            row: &ended.row,
            ended: Some(ended),
            now,
        }
    }

    pub fn state(&self) -> RowState {
        match self.ended {
            None => RowState::Active,
            Some(ended) if ended.verdict == Verdict::Blocked => RowState::Blocked,
            Some(_) => RowState::Closed,
        }
    }

    pub fn verdict(&self) -> Verdict {
        self.ended.map_or(self.row.verdict(), |ended| ended.verdict)
    }

    pub fn age_ms(&self) -> u64 {
        let until = self.ended.map_or(self.now, |ended| ended.at);
        until.saturating_sub(self.row.started)
    }

    pub fn up_speed(&self) -> f32 {
        self.ended.map_or_else(|| self.row.up_speed(), |_| 0.0)
    }

    pub fn down_speed(&self) -> f32 {
        self.ended.map_or_else(|| self.row.down_speed(), |_| 0.0)
    }

    pub fn end(&self) -> Option<CloseReason> {
        self.ended.map(|ended| ended.end)
    }

    /// Whether it never was open.
    fn is_refused(&self) -> bool {
        matches!(self.end(), Some(CloseReason::Blocked | CloseReason::Failed))
    }

    pub fn error(&self) -> Option<&'a str> {
        self.ended.and_then(|ended| ended.error.as_deref())
    }

    pub fn phase_ms(&self, phase: Phase) -> Option<f64> {
        self.row
            .phase(phase)
            .map(|micros| f64::from(micros) / 1000.0)
    }

    /// As in [`RowView::inspection`].
    pub fn inspection(&self) -> Option<&'static str> {
        match self.row.inspection() {
            Inspection::Off => None,
            Inspection::Inspect { .. } if self.is_refused() => Some(REFUSED),
            Inspection::Inspect { .. } => Some(INSPECTED),
            Inspection::Untouched(_) => Some(UNTOUCHED),
        }
    }

    /// As in [`RowView::inspection_why`].
    pub fn inspection_why(&self) -> Option<&'a str> {
        match self.row.inspection() {
            Inspection::Untouched(by) => Some(by.describe()),
            Inspection::Inspect { .. } if self.is_refused() => self.error(),
            Inspection::Off | Inspection::Inspect { .. } => None,
        }
    }

    pub fn view(&self) -> RowView {
        let row = self.row;
        let app = row.app();
        RowView {
            id: row.id,
            state: self.state(),
            listener: listener_word(row.listener()).into(),
            client: row.client().to_string(),
            app: app.map(|app| app.name.to_string()),
            app_path: app.and_then(|app| app.path.as_ref().map(ToString::to_string)),
            pid: app.map(|app| app.pid),
            user: row.user().map(ToString::to_string),
            protocol: protocol_word(row.protocol()).into(),
            host: row.target().host.to_string(),
            port: row.target().port,
            remote: row.remote().map(|remote| remote.to_string()),
            verdict: self.verdict().word().into(),
            reason: row.why().text.to_string(),
            rule: why_word(row.why().kind).into(),
            route: row.route().to_string(),
            up: row.up_bytes(),
            down: row.down_bytes(),
            up_speed: self.up_speed() as u64,
            down_speed: self.down_speed() as u64,
            started: row.started,
            age_ms: self.age_ms(),
            ended: self.ended.map(|ended| ended.at),
            end: self.end().map(|end| end.word().into()),
            error: self.error().map(str::to_owned),
            dns_ms: self.phase_ms(Phase::Dns),
            connect_ms: self.phase_ms(Phase::Connect),
            tls_ms: self.phase_ms(Phase::Tls),
            first_byte_ms: self.phase_ms(Phase::FirstByte),
            requests: row.requests(),
            inspection: self.inspection(),
            inspection_why: self.inspection_why().map(str::to_owned),
            group: None,
        }
    }
}
