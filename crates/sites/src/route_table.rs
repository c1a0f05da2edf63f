//! Which backends a path goes to: the longest prefix of the site's routes, else the site's own backends.

use crate::path::{AboveRoot, has_prefix, resolved};

/// The routes of one site by prefix. Routes are numbered as in the configuration.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct RouteTable {
    /// Longest prefix first.
    prefixes: Vec<(Box<[u8]>, usize)>,
}

/// Why a path belongs to no route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathRefusal {
    /// A `..` leads above the root.
    AboveRoot,
    /// The path leads to another route once its encoding and its dot segments are resolved.
    Ambiguous,
}

impl RouteTable {
    /// The first route of a prefix keeps it.
    pub fn new<'a>(prefixes: impl IntoIterator<Item = &'a str>) -> Self {
        let mut table: Vec<(Box<[u8]>, usize)> = Vec::new();
        for (route, prefix) in prefixes.into_iter().enumerate() {
            if !table.iter().any(|(known, _)| **known == *prefix.as_bytes()) {
                table.push((prefix.as_bytes().into(), route));
            }
        }
        table.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Self { prefixes: table }
    }

    /// The route of a path; `None`: the site's own backends.
    ///
    /// # Errors
    /// The path, which is passed on as it is, could be read as one of another route.
    pub fn find(&self, path: &[u8]) -> Result<Option<usize>, PathRefusal> {
        let found = self.longest(path);
        match resolved(path) {
            Ok(None) => Ok(found),
            Ok(Some(resolved)) if self.longest(&resolved) == found => Ok(found),
            Ok(Some(_)) => Err(PathRefusal::Ambiguous),
            Err(AboveRoot) => Err(PathRefusal::AboveRoot),
        }
    }

    fn longest(&self, path: &[u8]) -> Option<usize> {
        let mut prefixes = self.prefixes.iter();
        prefixes
            .find(|(prefix, _)| has_prefix(path, prefix))
            .map(|(_, route)| *route)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_prefix_wins_and_ambiguous_paths_are_refused() {
        let table = RouteTable::new(["/static/", "/static/img/", "/api"]);
        for (path, route) in [
            ("/static/x", Ok(Some(0))),
            ("/static/img/x", Ok(Some(1))),
            ("/static/img", Ok(Some(0))),
            ("/static/a%2Fb", Ok(Some(0))),
            ("/static/a/../b", Ok(Some(0))),
            ("/api", Ok(Some(2))),
            ("/apis", Ok(None)),
            ("/", Ok(None)),
            ("/x/..//y", Ok(None)),
            ("/static/../x", Err(PathRefusal::Ambiguous)),
            ("/static/..%2fapi", Err(PathRefusal::Ambiguous)),
            ("/static/%2e%2e/x", Err(PathRefusal::Ambiguous)),
            ("/x/../static/x", Err(PathRefusal::Ambiguous)),
            ("//static/x", Err(PathRefusal::Ambiguous)),
            ("/static%2Fx", Err(PathRefusal::Ambiguous)),
            ("/%61pi", Err(PathRefusal::Ambiguous)),
            ("/../x", Err(PathRefusal::AboveRoot)),
        ] {
            assert_eq!(table.find(path.as_bytes()), route, "{path}");
        }
    }

    proptest! {
        /// Whatever a backend makes of a path that is passed on, it stays below the prefix of its route.
        #[test]
        fn a_path_that_is_passed_on_stays_in_its_route(path in "/([ab.%2eEfF/;\\\\]{0,24})") {
            let table = RouteTable::new(["/a/", "/a/b/", "/b"]);
            if let Ok(route) = table.find(path.as_bytes()) {
                prop_assert_eq!(table.longest(path.as_bytes()), route);
                if let Ok(Some(resolved)) = resolved(path.as_bytes()) {
                    prop_assert_eq!(table.longest(&resolved), route);
                }
            }
        }
    }
}
