//! YARA rules, evaluated in the process.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use boreal::compiler::CompilerParams;
use boreal::scanner::{ScanError, ScanParams};
use boreal::{Compiler, Scanner};

use crate::timeouts::ScanTimeouts;
use crate::unpack::{Stop, Visitor};

/// The largest file of rules, in bytes.
const MAX_FILE: u64 = 64 << 20;
/// The most files of rules.
const MAX_FILES: usize = 10_000;

/// Compiled rules.
pub struct Rules {
    scanner: Option<Scanner>,
    count: usize,
    version: u64,
    /// What was compiled, by file.
    sources: BTreeMap<PathBuf, Arc<str>>,
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

/// A file of rules that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFault {
    pub file: PathBuf,
    pub text: String,
}

impl fmt::Display for RuleFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.text)
    }
}

impl Rules {
    /// Reads and compiles all files that the patterns name. A file with an error is left out and named. Blocks.
    pub fn load(patterns: &[String]) -> (Self, Vec<RuleFault>) {
        Self::load_after(patterns, None)
    }

    /// As [`Self::load`]. Of a file with an error what was used `before` stays in use, where it was used.
    pub fn load_after(patterns: &[String], before: Option<&Self>) -> (Self, Vec<RuleFault>) {
        let mut faults = Vec::new();
        let mut files = Vec::new();
        for pattern in patterns {
            let before = files.len();
            match glob::glob(pattern) {
                Ok(found) => {
                    files.extend(found.filter_map(Result::ok).filter(|path| path.is_file()))
                }
                Err(error) => faults.push(fault(pattern, &format!("no pattern: {error}"))),
            }
            if files.len() == before {
                faults.push(fault(pattern, "no file matches it"));
            }
        }
        files.sort();
        files.dedup();
        files.truncate(MAX_FILES);
        let mut compiler = Compiler::new();
        // An included file would be read without our limits.
        compiler.set_params(CompilerParams::default().disable_includes(true));
        let mut hasher = DefaultHasher::new();
        let mut sources = BTreeMap::new();
        for file in files {
            let added =
                read(&file).and_then(|text| add(&mut compiler, &file, &text).map(|()| text));
            let source = added.map(Arc::from).or_else(|mut text| {
                let old = before.and_then(|before| before.sources.get(&file)).cloned();
                let old = old.filter(|old| add(&mut compiler, &file, old).is_ok());
                if old.is_some() {
                    text += "; what it said before stays in force";
                }
                faults.push(RuleFault {
                    file: file.clone(),
                    text,
                });
                old.ok_or(())
            });
            if let Ok(source) = source {
                source.hash(&mut hasher);
                sources.insert(file, source);
            }
        }
        let scanner = compiler.finalize();
        let count = scanner.rules().count();
        let rules = Self {
            scanner: (count > 0).then_some(scanner),
            count,
            version: hasher.finish(),
            sources,
        };
        (rules, faults)
    }

    /// No rules.
    pub fn none() -> Self {
        Self {
            scanner: None,
            count: 0,
            version: 0,
            sources: BTreeMap::new(),
        }
    }

    /// The files that are used.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.sources.keys().cloned()
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// Differs where the rules differ.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The first rule that matches. Blocks for as long as `limit`.
    ///
    /// # Errors
    /// The time was not enough.
    pub fn matches(&self, bytes: &[u8], limit: Duration) -> Result<Option<String>, TimedOut> {
        let Some(scanner) = &self.scanner else {
            return Ok(None);
        };
        let mut scanner = scanner.clone();
        scanner.set_scan_params(ScanParams::default().timeout_duration(Some(limit)));
        match scanner.scan_mem(bytes) {
            Ok(found) => Ok(found.rules.first().map(|rule| rule.name.to_owned())),
            // A rule that matched already is enough.
            Err((_, found)) if !found.rules.is_empty() => {
                Ok(found.rules.first().map(|rule| rule.name.to_owned()))
            }
            Err((ScanError::Timeout, _)) => Err(TimedOut),
            Err((error, _)) => {
                tracing::debug!(%error, "a scan failed");
                Err(TimedOut)
            }
        }
    }
}

/// The rules took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedOut;

/// Differs where a file that the patterns name came, went, or was written. Blocks.
pub fn fingerprint(patterns: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for path in patterns
        .iter()
        .filter_map(|pattern| glob::glob(pattern).ok())
        .flatten()
    {
        let Ok(path) = path else { continue };
        let known = std::fs::metadata(&path).ok();
        let known = known.map(|known| (known.len(), known.modified().ok()));
        (path, known).hash(&mut hasher);
    }
    hasher.finish()
}

fn fault(pattern: &str, text: &str) -> RuleFault {
    RuleFault {
        file: pattern.into(),
        text: text.to_owned(),
    }
}

fn read(file: &Path) -> Result<String, String> {
    let bytes = privet_regular_file::read(file, MAX_FILE + 1).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_FILE {
        return Err("larger than 64 MiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// Each file has a namespace of its own: rules of two files may have the same name.
fn add(compiler: &mut Compiler, file: &Path, text: &str) -> Result<(), String> {
    // A file that is wrong in part must not leave some of its rules behind.
    let mut trial = Compiler::new();
    trial.set_params(CompilerParams::default().disable_includes(true));
    trial
        .add_rules_str(text)
        .map_err(|error| first_line(&error.to_string()))?;
    let space = file.display().to_string();
    let added = compiler.add_rules_str_in_namespace(text, &space);
    added
        .map(|_| ())
        .map_err(|error| first_line(&error.to_string()))
}

fn first_line(text: &str) -> String {
    text.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(300)
        .collect()
}

/// Asks the rules about each object of a body.
pub struct Search<'a> {
    rules: &'a Rules,
    timeouts: &'a ScanTimeouts,
    /// Moved on by each object.
    until: Instant,
    pub found: Option<String>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(rules: &'a Rules, timeouts: &'a ScanTimeouts) -> Self {
        Self {
            rules,
            timeouts,
            until: Instant::now() + timeouts.processing,
            found: None,
        }
    }
}

impl Visitor for Search<'_> {
    fn object(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        // The objects of a body have at most so many bytes together as its limits allow.
        self.until += self.timeouts.for_size(bytes.len() as u64);
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Stop::TimedOut);
        }
        match self.rules.matches(bytes, left) {
            Ok(None) => Ok(()),
            Ok(found) => {
                self.found = found;
                Err(Stop::Found)
            }
            Err(TimedOut) => Err(Stop::TimedOut),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = r#"rule Payload { strings: $a = "the payload" condition: $a }"#;

    #[test]
    fn rules_of_all_files_match_and_a_broken_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.yar"), RULE).unwrap();
        std::fs::write(folder.path().join("b.yar"), "rule Broken {").unwrap();
        std::fs::write(folder.path().join("c.txt"), "no rules").unwrap();
        let pattern = folder.path().join("*.yar").display().to_string();
        let missing = folder.path().join("none/*.yar").display().to_string();
        let (rules, faults) = Rules::load(&[pattern, missing]);
        assert_eq!(rules.count(), 1);
        let limit = Duration::from_secs(5);
        let found = rules.matches(b"here is the payload.", limit).unwrap();
        assert_eq!(found.as_deref(), Some("Payload"));
        assert_eq!(rules.matches(b"nothing", limit), Ok(None));
        let mut named: Vec<_> = faults.iter().map(|fault| fault.to_string()).collect();
        named.sort();
        assert_eq!(named.len(), 2, "{named:?}");
        assert!(named[0].contains("b.yar: "), "{named:?}");
        assert!(named[1].contains("none/*.yar: no file"), "{named:?}");
    }

    #[test]
    fn the_version_differs_where_the_rules_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yar");
        let load = |text: &str| {
            std::fs::write(&file, text).unwrap();
            Rules::load(&[file.display().to_string()]).0.version()
        };
        let one = load(RULE);
        assert_eq!(one, load(RULE));
        assert_ne!(one, load(&RULE.replace("the", "a")));
    }

    #[test]
    fn a_file_that_breaks_keeps_what_it_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.yar");
        std::fs::write(&file, RULE).unwrap();
        let patterns = [file.display().to_string()];
        let (first, _) = Rules::load(&patterns);
        std::fs::write(&file, "rule Broken {").unwrap();
        let (second, faults) = Rules::load_after(&patterns, Some(&first));
        assert_eq!((second.count(), second.version()), (1, first.version()));
        assert!(faults[0].text.contains("stays in force"), "{faults:?}");
        let (third, _) = Rules::load_after(&patterns, Some(&second));
        assert_eq!(third.count(), 1);
        assert_eq!(Rules::load(&patterns).0.count(), 0);
    }

    #[test]
    fn rules_that_take_too_long_are_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("slow.yar");
        let slow = "rule Slow { condition: for all i in (0..100000000000) : (i >= 0) }";
        std::fs::write(&file, slow).unwrap();
        let (rules, faults) = Rules::load(&[file.display().to_string()]);
        assert!(faults.is_empty(), "{faults:?}");
        let started = Instant::now();
        let stopped = rules.matches(b"x", Duration::from_millis(50));
        assert_eq!(stopped, Err(TimedOut));
        assert!(started.elapsed() < Duration::from_secs(5));
    }
}
