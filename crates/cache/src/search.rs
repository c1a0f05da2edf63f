//! Paths whose responses say which parts of the query do not change them (`No-Vary-Search`): requests that differ in
//! nothing else have one key.

use crate::cache::Cache;
use crate::entry::Entry;
use crate::key::Key;
use crate::rules::no_vary_search::NoVarySearch;
use crate::rules::request::{Request, Target};
use crate::rules::stored::StoredHead;

/// What a path never begins with.
const PATH: &[u8] = b"path ";
const CANONICAL: &[u8] = b"search ";

impl Cache {
    /// The key of a request: see [`crate::key`].
    pub fn key_of(&self, space: &str, partition: &[u8], request: &Request<'_>) -> Key {
        match self.canonical(space, partition, &request.target) {
            Some(canonical) => {
                let mut request = *request;
                request.target.path_and_query = &canonical;
                Key::new(self.secret(), space, partition, &request)
            }
            None => Key::new(self.secret(), space, partition, request),
        }
    }

    /// The key of a request without keyed fields.
    pub fn key_of_target(&self, space: &str, partition: &[u8], target: &Target<'_>) -> Key {
        let canonical = self.canonical(space, partition, target);
        let mut target = *target;
        target.path_and_query = canonical.as_deref().unwrap_or(target.path_and_query);
        Key::of_target(self.secret(), space, partition, &target)
    }

    /// The key under which a response is stored, which later requests of its path are looked up by.
    pub fn key_of_response(
        &self,
        space: &str,
        partition: &[u8],
        request: &Request<'_>,
        head: &StoredHead,
    ) -> Key {
        if self.policy().site_fields {
            let path = self.path_key(space, partition, &request.target);
            self.search.set(path, NoVarySearch::read(&head.fields()));
        }
        self.key_of(space, partition, request)
    }

    fn path_key(&self, space: &str, partition: &[u8], target: &Target<'_>) -> Key {
        let mut parts = target.path_and_query.splitn(2, |&byte| byte == b'?');
        let path = [PATH, parts.next().unwrap_or_default()].concat();
        let mut target = *target;
        target.path_and_query = &path;
        Key::of_target(self.secret(), space, partition, &target)
    }

    /// The path and query that stand for all URLs with the same response.
    fn canonical(&self, space: &str, partition: &[u8], target: &Target<'_>) -> Option<Vec<u8>> {
        if !self.search.is_used() {
            return None;
        }
        let rule = self.search.get(self.path_key(space, partition, target))?;
        Some([CANONICAL, &rule.canonical(target.path_and_query)].concat())
    }

    /// Whether an entry that was found by its key is one for this URL, as its own response says.
    pub(crate) fn has_same_search(&self, entry: &Entry, target: &Target<'_>) -> bool {
        if !self.search.is_used() {
            return true;
        }
        let Some(rule) = NoVarySearch::read(&entry.head().fields()) else {
            return true;
        };
        let after_scheme = entry.url().split_once("://").map_or("", |(_, rest)| rest);
        let path = after_scheme.find('/').and_then(|at| after_scheme.get(at..));
        rule.same(path.unwrap_or("/").as_bytes(), target.path_and_query)
    }
}
