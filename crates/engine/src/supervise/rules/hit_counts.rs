//! The rules' hit counts across reloads and restarts: an unchanged rule continues its count.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use privet_policy::{Policy, RuleHitCounter, RuleHitCounters, RuleHits};
use serde::{Deserialize, Serialize};

use crate::supervise::set_aside;

/// Name of the file in the data folder.
const FILE_NAME: &str = "rules.json";
/// Maximum number of removed rules whose counts are kept, so that a rule that is added again continues its count.
const MAX_REMOVED_RULES: usize = 1000;
/// Largest accepted file, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// The content of the file.
#[derive(Default, Serialize, Deserialize)]
struct StoredHitCounts {
    rules: BTreeMap<String, StoredHits>,
}

#[derive(Serialize, Deserialize)]
struct StoredHits {
    hits: u64,
    last_ms: u64,
    since_ms: u64,
}

/// The hit counters of current and removed rules.
pub(crate) struct RuleHitCounts {
    path: PathBuf,
    hit_counters: RuleHitCounters,
    /// Ids of the rules; those of the current policy come last.
    order: Vec<String>,
    /// The file's content as last written.
    saved: String,
}

impl RuleHitCounts {
    /// Loads the counts of earlier runs. If they cannot be used, also returns a sentence that says why. Blocking.
    pub fn load(data_dir: &Path) -> (Self, Option<String>) {
        let path = data_dir.join(FILE_NAME);
        let (stored, notice) = match read(&path) {
            Ok(stored) => (stored, None),
            Err(error) => (StoredHitCounts::default(), Some(set_aside(&path, &error))),
        };
        let mut counts = Self {
            path,
            hit_counters: RuleHitCounters::default(),
            order: Vec::new(),
            saved: String::new(),
        };
        for (id, count) in stored.rules.into_iter().take(2 * MAX_REMOVED_RULES) {
            let count = RuleHits {
                hits: count.hits,
                last_ms: count.last_ms,
                since_ms: count.since_ms,
            };
            counts
                .hit_counters
                .insert_if_absent(&id, &Arc::new(RuleHitCounter::from_count(count)));
            counts.order.push(id);
        }
        (counts, notice)
    }

    pub fn hit_counters(&self) -> &RuleHitCounters {
        &self.hit_counters
    }

    /// Takes the rules of a new policy; rules without a count start theirs at `now_ms`.
    pub fn adopt(&mut self, policy: &Policy, now_ms: u64) {
        let file_rules = policy
            .active_rules()
            .filter(|rule| rule.position.number().is_some());
        let mut current = Vec::new();
        for rule in file_rules {
            rule.hit_counter.begin(now_ms);
            self.hit_counters
                .insert_if_absent(rule.id, rule.hit_counter);
            current.push(rule.id.to_string());
        }
        let present: std::collections::HashSet<&str> = current.iter().map(String::as_str).collect();
        self.order.retain(|id| !present.contains(id.as_str()));
        let excess = self.order.len().saturating_sub(MAX_REMOVED_RULES);
        for id in self.order.drain(..excess) {
            self.hit_counters.remove(&id);
        }
        self.order.extend(current);
    }

    /// Returns the path of the file to delete, where nothing about connections may be on disk.
    pub fn forget(&mut self) -> PathBuf {
        self.saved.clear();
        self.path.clone()
    }

    /// The file and its new content; `None`: it is unchanged.
    pub fn take_unsaved(&mut self) -> Option<(PathBuf, String)> {
        let of = |id: &String| {
            let count = self.hit_counters.get(id)?.read();
            let stored = StoredHits {
                hits: count.hits,
                last_ms: count.last_ms,
                since_ms: count.since_ms,
            };
            Some((id.clone(), stored))
        };
        let stored = StoredHitCounts {
            rules: self.order.iter().filter_map(of).collect(),
        };
        let text = serde_json::to_string(&stored).ok()?;
        if text == self.saved || (stored.rules.is_empty() && self.saved.is_empty()) {
            return None;
        }
        self.saved.clone_from(&text);
        Some((self.path.clone(), text))
    }
}

fn read(path: &Path) -> io::Result<StoredHitCounts> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(StoredHitCounts::default());
        }
        Err(error) => return Err(error),
        Ok(facts) if facts.len() > MAX_FILE => {
            return Err(io::Error::other(format!(
                "it is longer than {MAX_FILE} bytes"
            )));
        }
        Ok(_) => {}
    }
    Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
}

fn set_aside(path: &Path, error: &io::Error) -> String {
    let done = match set_aside::set_aside(path) {
        Ok(aside) => format!("it was set aside as {}", aside.display()),
        Err(error) => format!("it could not be set aside: {error}"),
    };
    format!(
        "the hit counts of the rules in {} cannot be used ({error}); {done}, and they start at zero",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use privet_config::Config;
    use privet_policy::OwnEndpoints;

    use super::*;

    const RULES: &str = "[[rule]]\nmatch = { port = [1] }\nuse = \"block\"\n[[rule]]\nmatch = { port = [2] }\nuse = \"block\"\n";

    fn policy(text: &str, counts: &RuleHitCounts) -> Policy {
        let config = Config::parse(text, Path::new("/")).unwrap().config;
        let own = OwnEndpoints::default();
        Policy::compile_with(&config, &[], counts.hit_counters(), &[], own).unwrap()
    }

    fn hits(policy: &Policy) -> Vec<u64> {
        policy
            .active_rules()
            .map(|rule| rule.hit_counter.read().hits)
            .collect()
    }

    fn save(counts: &mut RuleHitCounts) {
        let (path, text) = counts.take_unsaved().unwrap();
        privet_config::save(&path, &text).unwrap();
    }

    #[test]
    fn counts_follow_a_rule_through_reloads_and_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let (mut counts, notice) = RuleHitCounts::load(folder.path());
        assert_eq!(notice, None);
        assert!(
            counts.take_unsaved().is_none(),
            "nothing to say, nothing stored"
        );
        let first = policy(RULES, &counts);
        counts.adopt(&first, 5);
        let at = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(9);
        first.active_rules().next().unwrap().hit_counter.count(at);
        let moved = RULES
            .replace("[1]", "[9]")
            .replace("[2]", "[1]")
            .replace("[9]", "[2]");
        let second = policy(&moved, &counts);
        counts.adopt(&second, 7);
        assert_eq!(hits(&second), [0, 1]);
        save(&mut counts);
        assert!(counts.take_unsaved().is_none());
        let (counts, notice) = RuleHitCounts::load(folder.path());
        assert_eq!(notice, None);
        let later = policy(RULES, &counts);
        assert_eq!(hits(&later), [1, 0]);
        let count = later.active_rules().next().unwrap().hit_counter.read();
        assert_eq!((count.last_ms, count.since_ms), (9, 5));
    }

    #[test]
    fn a_broken_file_is_set_aside_and_reported() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), "{\"rules\": 7}").unwrap();
        let (mut counts, notice) = RuleHitCounts::load(folder.path());
        assert!(notice.unwrap().contains("set aside"));
        assert!(folder.path().join("rules.json.corrupt").exists());
        let policy = policy(RULES, &counts);
        counts.adopt(&policy, 1);
        save(&mut counts);
        assert_eq!(RuleHitCounts::load(folder.path()).1, None);
    }

    #[test]
    fn counts_of_removed_rules_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let (mut counts, _) = RuleHitCounts::load(folder.path());
        for round in 0..40 {
            let text: String = (0..50)
                .map(|n| format!("[[rule]]\nmatch = {{ domain = [\"a{round}x{n}.test\"] }}\nuse = \"block\"\n"))
                .collect();
            let policy = policy(&text, &counts);
            counts.adopt(&policy, 1);
        }
        assert_eq!(counts.order.len(), MAX_REMOVED_RULES + 50);
    }
}
