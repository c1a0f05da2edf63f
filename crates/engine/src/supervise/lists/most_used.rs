//! The sites that the user visits most: no list update may block them unasked. Pure.

use privet_connection_log::UsageRow;
use privet_policy::{Host, VisitedSite};

/// Maximum number of sites.
pub(crate) const MAX_SITES: usize = 50;
/// Sites with fewer connections are ignored.
pub(crate) const MIN_CONNECTIONS: u64 = 5;

/// The sites with the most connections that were not blocked, from usage totals by domain.
pub(crate) fn most_used_sites(rows: &[UsageRow]) -> Vec<VisitedSite> {
    let mut sites: Vec<VisitedSite> = rows
        .iter()
        .filter_map(|row| {
            let connections = row.connections.saturating_sub(row.blocked);
            // "(other)" and "(private)" are totals, not hosts.
            let host = Host::parse(&row.key).ok()?;
            (connections >= MIN_CONNECTIONS).then_some(VisitedSite { host, connections })
        })
        .collect();
    sites.sort_by_key(|site| std::cmp::Reverse(site.connections));
    sites.truncate(MAX_SITES);
    sites
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, connections: u64, blocked: u64) -> UsageRow {
        UsageRow {
            start: 0,
            key: key.to_owned(),
            up: 1,
            down: 1,
            connections,
            blocked,
        }
    }

    #[test]
    fn most_used_sites_are_those_with_the_most_allowed_connections() {
        for (rows, want) in [
            (vec![], &[][..]),
            (vec![row("a.test", 4, 0)], &[]),
            (vec![row("a.test", 5, 0)], &["a.test"]),
            (vec![row("a.test", 9, 5)], &[]),
            (vec![row("(other)", 900, 0), row("(private)", 900, 0)], &[]),
            (
                vec![
                    row("a.test", 6, 0),
                    row("1.2.3.4", 8, 0),
                    row("b.test", 7, 1),
                ],
                &["1.2.3.4", "a.test", "b.test"],
            ),
        ] {
            let found: Vec<String> = most_used_sites(&rows)
                .iter()
                .map(|s| s.host.to_string())
                .collect();
            assert_eq!(found, want, "{rows:?}");
        }
        let many: Vec<UsageRow> = (0..200)
            .map(|n| row(&format!("h{n}.test"), 10 + n, 0))
            .collect();
        let found = most_used_sites(&many);
        assert_eq!((found.len(), found[0].connections), (MAX_SITES, 209));
    }
}
