//! Groups of rows in a page: by program, domain, route or verdict.

use std::borrow::Cow;
use std::collections::HashMap;

use privet_policy::Host;

use crate::sort::Candidate;
use crate::view::RowRef;

/// Groups of one page. The others are left out; their rows come last.
pub const MAX_GROUPS: usize = 1000;

/// What rows are grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupBy {
    App,
    Domain,
    Route,
    Verdict,
}

/// Sums over the rows of one group.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Group {
    pub key: String,
    pub rows: usize,
    pub up: u64,
    pub down: u64,
    pub up_speed: u64,
    pub down_speed: u64,
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

impl Group {
    fn count(&mut self, entry: &RowRef<'_>) {
        self.rows += 1;
        self.up += entry.row.up_bytes();
        self.down += entry.row.down_bytes();
        self.up_speed += entry.up_speed() as u64;
        self.down_speed += entry.down_speed() as u64;
    }
}

/// Sums up the groups, orders them by number of rows, and sets each row's group index. Returns the keys in that order.
pub(crate) fn group_rows<'a>(
    matching: &mut [Candidate<'a>],
    by: GroupBy,
    groups_of_page: &mut Vec<Group>,
) -> Vec<Cow<'a, str>> {
    let mut indexes: HashMap<Cow<'a, str>, usize> = HashMap::new();
    let mut groups: Vec<(Cow<'a, str>, Group)> = Vec::new();
    for candidate in matching.iter_mut() {
        let entry = &candidate.entry;
        let index = *indexes.entry(key_of(by, entry)).or_insert_with_key(|key| {
            groups.push((key.clone(), Group::default()));
            groups.len() - 1
        });
        candidate.group = index;
        groups[index].1.count(entry);
    }
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_unstable_by(|a, b| {
        let (a, b) = (&groups[*a], &groups[*b]);
        b.1.rows.cmp(&a.1.rows).then_with(|| a.0.cmp(&b.0))
    });
    let mut rank_of = vec![0; groups.len()];
    for (rank, group) in order.iter().enumerate() {
        rank_of[*group] = rank;
    }
    for candidate in matching.iter_mut() {
        candidate.group = rank_of[candidate.group];
    }
    *groups_of_page = order
        .iter()
        .take(MAX_GROUPS)
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
