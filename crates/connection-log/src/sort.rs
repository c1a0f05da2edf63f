//! The order of rows in a page.

use std::cmp::Ordering;
use std::net::IpAddr;

use privet_policy::Host;

use crate::connection::protocol_word;
use crate::row::Phase;
use crate::view::RowRef;

/// What rows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortKey {
    #[default]
    Started,
    Ended,
    Age,
    App,
    Host,
    Port,
    Client,
    User,
    Protocol,
    Verdict,
    Reason,
    Route,
    Up,
    Down,
    UpSpeed,
    DownSpeed,
    DnsMs,
    ConnectMs,
    TlsMs,
    FirstByteMs,
    Requests,
    Id,
}

impl SortKey {
    pub const ALL: [(&'static str, Self); 22] = [
        ("started", Self::Started),
        ("ended", Self::Ended),
        ("age", Self::Age),
        ("app", Self::App),
        ("host", Self::Host),
        ("port", Self::Port),
        ("client", Self::Client),
        ("user", Self::User),
        ("protocol", Self::Protocol),
        ("verdict", Self::Verdict),
        ("reason", Self::Reason),
        ("route", Self::Route),
        ("up", Self::Up),
        ("down", Self::Down),
        ("up_speed", Self::UpSpeed),
        ("down_speed", Self::DownSpeed),
        ("dns_ms", Self::DnsMs),
        ("connect_ms", Self::ConnectMs),
        ("tls_ms", Self::TlsMs),
        ("first_byte_ms", Self::FirstByteMs),
        ("requests", Self::Requests),
        ("id", Self::Id),
    ];

    /// Parses "down" (ascending) or "-down" (descending).
    ///
    /// # Errors
    /// There is no such key; the text lists those that there are.
    pub fn parse(text: &str) -> Result<(Self, bool), String> {
        let (name, descending) = match text.strip_prefix('-') {
            Some(name) => (name, true),
            None => (text, false),
        };
        Self::ALL
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, key)| (key, descending))
            .ok_or_else(|| {
                let names: Vec<&str> = Self::ALL.iter().map(|(name, _)| *name).collect();
                format!(
                    "cannot sort by \"{name}\"; one of {}, with - before it for the largest first",
                    names.join(", ")
                )
            })
    }
}

/// A sort value, read once: counters change while a sort runs, and an inconsistent order breaks it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SortValue<'a> {
    Absent,
    Number(u64),
    Real(f64),
    Text(&'a str),
    Ip(IpAddr),
}

/// A row that matches, with what it is sorted by.
pub(crate) struct Candidate<'a> {
    pub entry: RowRef<'a>,
    pub value: SortValue<'a>,
    /// The index of its group; 0 without groups.
    pub group: usize,
}

/// Reads the value that rows are sorted by.
pub(crate) fn sort_value<'a>(key: SortKey, entry: &RowRef<'a>) -> SortValue<'a> {
    let row = entry.row;
    let ms = |phase| {
        entry
            .phase_ms(phase)
            .map_or(SortValue::Absent, SortValue::Real)
    };
    match key {
        SortKey::Started => SortValue::Number(row.started),
        SortKey::Ended => entry
            .ended
            .map_or(SortValue::Absent, |ended| SortValue::Number(ended.at)),
        SortKey::Age => SortValue::Number(entry.age_ms()),
        SortKey::App => row
            .app()
            .map_or(SortValue::Absent, |app| SortValue::Text(&app.name)),
        SortKey::Host => match &row.target().host {
            Host::Name(name) => SortValue::Text(name),
            Host::Ip(ip) => SortValue::Ip(*ip),
        },
        SortKey::Port => SortValue::Number(row.target().port.into()),
        SortKey::Client => SortValue::Ip(row.client().ip()),
        SortKey::User => row
            .user()
            .map_or(SortValue::Absent, |user| SortValue::Text(user)),
        SortKey::Protocol => SortValue::Text(protocol_word(row.protocol())),
        SortKey::Verdict => SortValue::Text(entry.verdict().word()),
        SortKey::Reason => SortValue::Text(&row.why().text),
        SortKey::Route => SortValue::Text(row.route()),
        SortKey::Up => SortValue::Number(row.up_bytes()),
        SortKey::Down => SortValue::Number(row.down_bytes()),
        SortKey::UpSpeed => SortValue::Real(entry.up_speed().into()),
        SortKey::DownSpeed => SortValue::Real(entry.down_speed().into()),
        SortKey::DnsMs => ms(Phase::Dns),
        SortKey::ConnectMs => ms(Phase::Connect),
        SortKey::TlsMs => ms(Phase::Tls),
        SortKey::FirstByteMs => ms(Phase::FirstByte),
        SortKey::Requests => SortValue::Number(row.requests().into()),
        SortKey::Id => SortValue::Number(row.id),
    }
}

impl SortValue<'_> {
    fn rank(&self) -> u8 {
        match self {
            Self::Absent => 0,
            Self::Number(_) | Self::Real(_) => 1,
            Self::Text(_) => 2,
            Self::Ip(_) => 3,
        }
    }
}

/// Orders by group, then by value. Rows without the value come last in either direction; of equal rows the newer is first.
pub(crate) fn compare(a: &Candidate<'_>, b: &Candidate<'_>, descending: bool) -> Ordering {
    let absent = |candidate: &Candidate<'_>| matches!(candidate.value, SortValue::Absent);
    let values = match (a.value, b.value) {
        (SortValue::Number(a), SortValue::Number(b)) => a.cmp(&b),
        (SortValue::Real(a), SortValue::Real(b)) => a.total_cmp(&b),
        (SortValue::Text(a), SortValue::Text(b)) => a.cmp(b),
        (SortValue::Ip(a), SortValue::Ip(b)) => a.cmp(&b),
        (a, b) => a.rank().cmp(&b.rank()),
    };
    let values = if descending { values.reverse() } else { values };
    a.group
        .cmp(&b.group)
        .then(absent(a).cmp(&absent(b)))
        .then(values)
        .then_with(|| b.entry.row.started.cmp(&a.entry.row.started))
        .then_with(|| b.entry.row.id.cmp(&a.entry.row.id))
}
