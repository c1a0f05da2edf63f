//! A window of rows: filtered, sorted, cut, grouped. Ten thousand rows take a few milliseconds, because only the rows
//! of the window are sorted whole and made into texts.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashMap;
use std::net::IpAddr;

use privet_policy::Host;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::live::Phase;
use crate::query::Query;
use crate::view::{RowRef, RowView};

/// Rows of one window.
pub const MOST_ROWS: usize = 1000;
/// Groups of one window; the rest is left out, and its rows come last.
pub const MOST_GROUPS: usize = 1000;

/// By which fact rows are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
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

/// By which fact rows are gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum GroupBy {
    App,
    Domain,
    Route,
    Verdict,
}

/// Which rows are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageRequest {
    pub offset: usize,
    /// At most [`MOST_ROWS`].
    pub limit: usize,
    pub sort: SortKey,
    /// Largest, newest, or last in the alphabet first.
    pub descending: bool,
    pub group: Option<GroupBy>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self {
            offset: 0,
            limit: 100,
            sort: SortKey::Started,
            descending: true,
            group: None,
        }
    }
}

/// The rows of a window, and what they were cut from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Page {
    /// All rows that match.
    pub total: usize,
    pub offset: usize,
    pub rows: Vec<RowView>,
    /// Over all rows that match, largest first; empty unless asked for.
    pub groups: Vec<Group>,
    /// Over all rows that match: bytes, and bytes a second.
    pub up: u64,
    pub down: u64,
    pub up_speed: u64,
    pub down_speed: u64,
}

/// What the rows of one group have together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Group {
    pub key: String,
    pub rows: usize,
    pub up: u64,
    pub down: u64,
    pub up_speed: u64,
    pub down_speed: u64,
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

    /// Reads "down" (ascending) or "-down" (descending).
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

impl GroupBy {
    pub const ALL: [(&'static str, Self); 4] = [
        ("app", Self::App),
        ("domain", Self::Domain),
        ("route", Self::Route),
        ("verdict", Self::Verdict),
    ];

    pub fn parse(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|(name, _)| *name == text)
            .map(|(_, by)| by)
            .ok_or_else(|| {
                format!("cannot group by \"{text}\"; one of app, domain, route, verdict")
            })
    }
}

/// A row's fact, read once: counters move while a sort runs, and an order that changes is none.
#[derive(Debug, Clone, Copy)]
enum Fact<'a> {
    Absent,
    Number(u64),
    Real(f64),
    Text(&'a str),
    Ip(IpAddr),
}

struct Candidate<'a> {
    entry: RowRef<'a>,
    fact: Fact<'a>,
    /// The place of its group; 0 without groups.
    group: usize,
}

/// Cuts a window out of rows.
pub(crate) fn page<'a>(
    rows: impl Iterator<Item = RowRef<'a>>,
    query: &Query,
    window: &PageRequest,
) -> Page {
    let mut matching: Vec<Candidate<'a>> = rows
        .filter(|entry| query.matches(entry))
        .map(|entry| Candidate {
            fact: fact(window.sort, &entry),
            entry,
            group: 0,
        })
        .collect();
    let mut page = sums(&matching);
    page.total = matching.len();
    page.offset = window.offset;
    let keys = match window.group {
        Some(by) => gather(&mut matching, by, &mut page),
        None => Vec::new(),
    };
    let order = |a: &Candidate<'_>, b: &Candidate<'_>| compare(a, b, window.descending);
    let limit = window.limit.min(MOST_ROWS);
    let end = window.offset.saturating_add(limit).min(matching.len());
    if end < matching.len() {
        matching.select_nth_unstable_by(end, order);
        matching.truncate(end);
    }
    let start = window.offset.min(matching.len());
    if start > 0 && start < matching.len() {
        matching.select_nth_unstable_by(start, order);
    }
    let wanted = matching.get_mut(start..).unwrap_or_default();
    wanted.sort_unstable_by(order);
    page.rows = wanted
        .iter()
        .map(|candidate| {
            let mut view = candidate.entry.view();
            view.group = window
                .group
                .map(|_| keys.get(candidate.group).map(ToString::to_string))
                .unwrap_or_default();
            view
        })
        .collect();
    page
}

fn sums(matching: &[Candidate<'_>]) -> Page {
    let mut page = Page::default();
    let (mut up_speed, mut down_speed) = (0.0_f64, 0.0_f64);
    for Candidate { entry, .. } in matching {
        page.up += entry.row.up_bytes();
        page.down += entry.row.down_bytes();
        up_speed += f64::from(entry.up_speed());
        down_speed += f64::from(entry.down_speed());
    }
    page.up_speed = up_speed as u64;
    page.down_speed = down_speed as u64;
    page
}

/// ByteCounts the groups, orders them by their rows, and gives each row its group's place. The groups' keys, in that order.
fn gather<'a>(matching: &mut [Candidate<'a>], by: GroupBy, page: &mut Page) -> Vec<Cow<'a, str>> {
    let mut places: HashMap<Cow<'a, str>, usize> = HashMap::new();
    let mut groups: Vec<(Cow<'a, str>, Group)> = Vec::new();
    for candidate in matching.iter_mut() {
        let entry = &candidate.entry;
        let place = *places.entry(key_of(by, entry)).or_insert_with_key(|key| {
            groups.push((key.clone(), Group::default()));
            groups.len() - 1
        });
        candidate.group = place;
        groups[place].1.count(entry);
    }
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_unstable_by(|a, b| {
        let (a, b) = (&groups[*a], &groups[*b]);
        b.1.rows.cmp(&a.1.rows).then_with(|| a.0.cmp(&b.0))
    });
    let mut place_of = vec![0; groups.len()];
    for (place, group) in order.iter().enumerate() {
        place_of[*group] = place;
    }
    for candidate in matching.iter_mut() {
        candidate.group = place_of[candidate.group];
    }
    page.groups = order
        .iter()
        .take(MOST_GROUPS)
        .map(|at| {
            let (key, sums) = &groups[*at];
            Group {
                key: key.to_string(),
                ..sums.clone()
            }
        })
        .collect();
    order.iter().map(|at| groups[*at].0.clone()).collect()
}

impl Group {
    fn count(&mut self, entry: &RowRef<'_>) {
        self.rows += 1;
        self.up += entry.row.up_bytes();
        self.down += entry.row.down_bytes();
        self.up_speed += entry.up_speed() as u64;
        self.down_speed += entry.down_speed() as u64;
    }
}

fn key_of<'a>(by: GroupBy, entry: &RowRef<'a>) -> Cow<'a, str> {
    match by {
        GroupBy::App => entry.row.app().map_or("(unknown)", |app| &*app.name).into(),
        GroupBy::Route => (&**entry.row.route()).into(),
        GroupBy::Verdict => entry.verdict().word().into(),
        GroupBy::Domain => match &entry.row.target().host {
            Host::Name(name) => name.as_str().into(),
            Host::Ip(ip) => ip.to_string().into(),
        },
    }
}

fn fact<'a>(key: SortKey, entry: &RowRef<'a>) -> Fact<'a> {
    let row = entry.row;
    let ms = |phase| entry.phase_ms(phase).map_or(Fact::Absent, Fact::Real);
    match key {
        SortKey::Started => Fact::Number(row.started),
        SortKey::Ended => entry
            .ended
            .map_or(Fact::Absent, |ended| Fact::Number(ended.at)),
        SortKey::Age => Fact::Number(entry.age_ms()),
        SortKey::App => row.app().map_or(Fact::Absent, |app| Fact::Text(&app.name)),
        SortKey::Host => match &row.target().host {
            Host::Name(name) => Fact::Text(name),
            Host::Ip(ip) => Fact::Ip(*ip),
        },
        SortKey::Port => Fact::Number(row.target().port.into()),
        SortKey::Client => Fact::Ip(row.client().ip()),
        SortKey::User => row.user().map_or(Fact::Absent, |user| Fact::Text(user)),
        SortKey::Protocol => Fact::Text(crate::connection::protocol_word(row.protocol())),
        SortKey::Verdict => Fact::Text(entry.verdict().word()),
        SortKey::Reason => Fact::Text(&row.why().text),
        SortKey::Route => Fact::Text(row.route()),
        SortKey::Up => Fact::Number(row.up_bytes()),
        SortKey::Down => Fact::Number(row.down_bytes()),
        SortKey::UpSpeed => Fact::Real(entry.up_speed().into()),
        SortKey::DownSpeed => Fact::Real(entry.down_speed().into()),
        SortKey::DnsMs => ms(Phase::Dns),
        SortKey::ConnectMs => ms(Phase::Connect),
        SortKey::TlsMs => ms(Phase::Tls),
        SortKey::FirstByteMs => ms(Phase::FirstByte),
        SortKey::Requests => Fact::Number(row.requests().into()),
        SortKey::Id => Fact::Number(row.id),
    }
}

impl Fact<'_> {
    fn rank(&self) -> u8 {
        match self {
            Self::Absent => 0,
            Self::Number(_) | Self::Real(_) => 1,
            Self::Text(_) => 2,
            Self::Ip(_) => 3,
        }
    }
}

/// Groups in their order, then the fact; rows without it come last either way; the newer one first among equals.
fn compare(a: &Candidate<'_>, b: &Candidate<'_>, descending: bool) -> Ordering {
    let absent = |candidate: &Candidate<'_>| matches!(candidate.fact, Fact::Absent);
    let facts = match (a.fact, b.fact) {
        (Fact::Number(a), Fact::Number(b)) => a.cmp(&b),
        (Fact::Real(a), Fact::Real(b)) => a.total_cmp(&b),
        (Fact::Text(a), Fact::Text(b)) => a.cmp(b),
        (Fact::Ip(a), Fact::Ip(b)) => a.cmp(&b),
        (a, b) => a.rank().cmp(&b.rank()),
    };
    let facts = if descending { facts.reverse() } else { facts };
    a.group
        .cmp(&b.group)
        .then(absent(a).cmp(&absent(b)))
        .then(facts)
        .then_with(|| b.entry.row.started.cmp(&a.entry.row.started))
        .then_with(|| b.entry.row.id.cmp(&a.entry.row.id))
}
