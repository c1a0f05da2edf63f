//! Which sites their user goes to often enough that no update of a list may close them unasked. Pure.

use privet_connection_log::UsageRow;
use privet_policy::{Host, VisitedSite};

/// So many sites are looked after.
pub(crate) const MOST_SITES: usize = 50;
/// A site that was gone to less often than this is none of the user's own.
pub(crate) const LEAST_CONNECTIONS: u64 = 5;

/// The sites with most connections that were not blocked, from totals by domain.
pub(crate) fn most_used(rows: &[UsageRow]) -> Vec<VisitedSite> {
    let mut sites: Vec<VisitedSite> = rows
        .iter()
        .filter_map(|row| {
            let connections = row.connections.saturating_sub(row.blocked);
            // "(other)" and "(private)" are sums, and no hosts.
            let host = Host::parse(&row.key).ok()?;
            (connections >= LEAST_CONNECTIONS).then_some(VisitedSite { host, connections })
        })
        .collect();
    sites.sort_by_key(|site| std::cmp::Reverse(site.connections));
    sites.truncate(MOST_SITES);
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
    fn the_most_used_sites_are_those_that_passed_often() {
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
            let found: Vec<String> = most_used(&rows)
                .iter()
                .map(|s| s.host.to_string())
                .collect();
            assert_eq!(found, want, "{rows:?}");
        }
        let many: Vec<UsageRow> = (0..200)
            .map(|n| row(&format!("h{n}.test"), 10 + n, 0))
            .collect();
        let found = most_used(&many);
        assert_eq!((found.len(), found[0].connections), (MOST_SITES, 209));
    }
}
