//! The rules' counters across reloads and restarts: a rule that says the same goes on counting.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use privet_policy::{Policy, RuleHitCounter, RuleHitCounters, RuleHits};
use serde::{Deserialize, Serialize};

use crate::supervise::set_aside;

/// The file in the data folder.
const FILE_NAME: &str = "rules.json";
/// Rules that are in the file no more and are still remembered: one that is put back goes on counting.
const REMEMBERED: usize = 1000;
/// A longer file is none of ours, in bytes.
const MAX_FILE: u64 = 4 << 20;

/// What is written.
#[derive(Default, Serialize, Deserialize)]
struct Written {
    rules: BTreeMap<String, WrittenCount>,
}

#[derive(Serialize, Deserialize)]
struct WrittenCount {
    hits: u64,
    last_ms: u64,
    since_ms: u64,
}

/// All counters that are known.
pub(crate) struct Counts {
    path: PathBuf,
    hit_counters: RuleHitCounters,
    /// Those in force come last.
    order: Vec<String>,
    /// As it was last written.
    saved: String,
}

impl Counts {
    /// Goes on from an earlier run's counts; beside, the sentence that says why they cannot be used. Blocks on the disk.
    pub fn load(data_dir: &Path) -> (Self, Option<String>) {
        let path = data_dir.join(FILE_NAME);
        let (written, said) = match read(&path) {
            Ok(written) => (written, None),
            Err(error) => (Written::default(), Some(set_aside(&path, &error))),
        };
        let mut counts = Self {
            path,
            hit_counters: RuleHitCounters::default(),
            order: Vec::new(),
            saved: String::new(),
        };
        for (id, count) in written.rules.into_iter().take(2 * REMEMBERED) {
            let count = RuleHits {
                hits: count.hits,
                last_ms: count.last_ms,
                since_ms: count.since_ms,
            };
            counts
                .hit_counters
                .keep(&id, &Arc::new(RuleHitCounter::from_count(count)));
            counts.order.push(id);
        }
        (counts, said)
    }

    pub fn hit_counters(&self) -> &RuleHitCounters {
        &self.hit_counters
    }

    /// The policy is in force from now on: its rules of the file count from here, unless they did before.
    pub fn adopt(&mut self, policy: &Policy, now_ms: u64) {
        let file = policy
            .active_rules()
            .filter(|rule| rule.place.number().is_some());
        let mut in_force = Vec::new();
        for rule in file {
            rule.hit_counter.begin(now_ms);
            self.hit_counters.keep(rule.id, rule.hit_counter);
            in_force.push(rule.id.to_string());
        }
        let present: std::collections::HashSet<&str> =
            in_force.iter().map(String::as_str).collect();
        self.order.retain(|id| !present.contains(id.as_str()));
        let forgotten = self.order.len().saturating_sub(REMEMBERED);
        for id in self.order.drain(..forgotten) {
            self.hit_counters.remove(&id);
        }
        self.order.extend(in_force);
    }

    /// Where nothing of connections may be on the disk, when each rule last matched may not be either.
    pub fn forget(&mut self) -> PathBuf {
        self.saved.clear();
        self.path.clone()
    }

    /// The file and what it should say; `None`: it says so already.
    pub fn take_unsaved(&mut self) -> Option<(PathBuf, String)> {
        let of = |id: &String| {
            let count = self.hit_counters.get(id)?.read();
            let written = WrittenCount {
                hits: count.hits,
                last_ms: count.last_ms,
                since_ms: count.since_ms,
            };
            Some((id.clone(), written))
        };
        let written = Written {
            rules: self.order.iter().filter_map(of).collect(),
        };
        let text = serde_json::to_string(&written).ok()?;
        if text == self.saved || (written.rules.is_empty() && self.saved.is_empty()) {
            return None;
        }
        self.saved.clone_from(&text);
        Some((self.path.clone(), text))
    }
}

fn read(path: &Path) -> io::Result<Written> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Written::default()),
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
        "the rules' counts in {} cannot be used ({error}); {done}, and they begin at zero",
        path.display()
    )
}

#[cfg(test)]
mod tests {
    use privet_config::Config;
    use privet_policy::OwnEndpoints;

    use super::*;

    const RULES: &str = "[[rule]]\nmatch = { port = [1] }\nuse = \"block\"\n[[rule]]\nmatch = { port = [2] }\nuse = \"block\"\n";

    fn policy(text: &str, counts: &Counts) -> Policy {
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

    fn save(counts: &mut Counts) {
        let (path, text) = counts.take_unsaved().unwrap();
        privet_config::save(&path, &text).unwrap();
    }

    #[test]
    fn counts_follow_a_rule_through_reloads_and_restarts() {
        let folder = tempfile::tempdir().unwrap();
        let (mut counts, said) = Counts::load(folder.path());
        assert_eq!(said, None);
        assert!(
            counts.take_unsaved().is_none(),
            "nothing to say, nothing written"
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
        let (counts, said) = Counts::load(folder.path());
        assert_eq!(said, None);
        let later = policy(RULES, &counts);
        assert_eq!(hits(&later), [1, 0]);
        let count = later.active_rules().next().unwrap().hit_counter.read();
        assert_eq!((count.last_ms, count.since_ms), (9, 5));
    }

    #[test]
    fn a_broken_file_is_set_aside_and_said() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), "{\"rules\": 7}").unwrap();
        let (mut counts, said) = Counts::load(folder.path());
        assert!(said.unwrap().contains("set aside"));
        assert!(folder.path().join("rules.json.corrupt").exists());
        let policy = policy(RULES, &counts);
        counts.adopt(&policy, 1);
        save(&mut counts);
        assert_eq!(Counts::load(folder.path()).1, None);
    }

    #[test]
    fn rules_that_came_and_went_do_not_pile_up() {
        let folder = tempfile::tempdir().unwrap();
        let (mut counts, _) = Counts::load(folder.path());
        for round in 0..40 {
            let text: String = (0..50)
                .map(|n| format!("[[rule]]\nmatch = {{ domain = [\"a{round}x{n}.test\"] }}\nuse = \"block\"\n"))
                .collect();
            let policy = policy(&text, &counts);
            counts.adopt(&policy, 1);
        }
        assert_eq!(counts.order.len(), REMEMBERED + 50);
    }
}
