//! What judges bodies: the engines, and the bounds within which they are asked.

mod ask;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use privet_net::Connector;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::budget::Budget;
use crate::clamd::Clamd;
use crate::counters::Counters;
use crate::decode::Coding;
use crate::icap::Icap;
use crate::limits::Limits;
use crate::message::{Body, Message};
use crate::shared::Shared;
use crate::spool::Spool;
use crate::timeouts::ScanTimeouts;
use crate::verdict::{Engine, Verdict};
use crate::yara::{self, RuleFault, Rules};

/// Bodies that are asked about at once, for each engine outside the process.
const MAX_ASKED: usize = 16;
const NO_MEMORY: &str = "too much memory is held by bodies that wait for their verdict";
/// How often a clamd is asked for its version, and an ICAP service for its options.
const CHECK: Duration = Duration::from_secs(60);

/// What judges bodies.
pub struct Settings {
    /// Differs where anything below does, or a file of rules.
    pub key: u64,
    /// Patterns of files with YARA rules.
    pub rules: Vec<String>,
    pub clamd: Option<Connector>,
    /// Where an ICAP service is, and its URL.
    pub icap: Option<(Connector, String)>,
    /// Bytes; larger bodies are not judged.
    pub max_body: u64,
    /// Every body is withheld whole, not small ones and programs alone.
    pub holds_all: bool,
    /// Bytes of memory for bodies that are held.
    pub memory: u64,
    /// The folder for bodies for which there is no memory, and how many bytes it may take.
    pub spool: Option<(PathBuf, u64)>,
    pub block_oversize: bool,
    pub block_on_error: bool,
    /// Archives that no engine can open are stopped.
    pub block_unscannable: bool,
}

/// Judges bodies.
pub struct Scanner {
    key: u64,
    pub max_body: u64,
    pub(crate) holds_all: bool,
    pub block_oversize: bool,
    pub block_on_error: bool,
    block_unscannable: bool,
    spool: Option<Spool>,
    /// KiB of memory for bodies that are read from the spool to be judged, and for those without their codings.
    reading: Semaphore,
    decoding: Semaphore,
    working_size: u32,
    pub(crate) rules: Arc<Rules>,
    pub(crate) faults: Vec<RuleFault>,
    /// Of the files of rules when they were read.
    rules_fingerprint: u64,
    pub(crate) clamd: Option<Clamd>,
    pub(crate) icap: Option<Icap>,
    limits: Limits,
    timeouts: ScanTimeouts,
    /// Bodies that are looked at in the process at once.
    blocking: Arc<Semaphore>,
    asked: Semaphore,
    checked: Mutex<Option<Instant>>,
    /// Of the engines outside, when they were last asked.
    outside_faults: Mutex<Vec<String>>,
    pub(crate) shared: Arc<Shared>,
}

impl Scanner {
    /// Reads the rules. Counts, the budget and the last good version of a file of rules that is broken now are taken over from
    /// `previous`. Blocks.
    pub fn new(settings: Settings, previous: Option<&Self>) -> Self {
        // Before they are read: a change in between is seen as one.
        let rules_fingerprint = yara::fingerprint(&settings.rules);
        let before = previous.map(|previous| &*previous.rules);
        let (rules, faults) = Rules::load_after(&settings.rules, before);
        for fault in &faults {
            tracing::warn!("scanning: {fault}");
        }
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let (memory, spool) = (settings.memory, settings.spool);
        let spool_size = spool.as_ref().map_or(0, |(_, bytes)| *bytes);
        let same = |previous: &&Self| {
            previous.shared.memory.limit() == memory && previous.shared.spool.limit() == spool_size
        };
        let shared = match previous.filter(same) {
            Some(previous) => previous.shared.clone(),
            None => Arc::new(Shared::new(memory, spool_size)),
        };
        let spool = spool.filter(|_| spool_size > 0);
        let spool = spool.map(|(folder, _)| Spool::new(folder, shared.spool.clone()));
        let working_size = permits(memory.max(settings.max_body));
        Self {
            key: settings.key,
            max_body: settings.max_body,
            holds_all: settings.holds_all,
            block_oversize: settings.block_oversize,
            block_on_error: settings.block_on_error,
            block_unscannable: settings.block_unscannable,
            spool,
            reading: Semaphore::new(working_size as usize),
            decoding: Semaphore::new(working_size as usize),
            working_size,
            rules: Arc::new(rules),
            faults,
            rules_fingerprint,
            clamd: settings.clamd.map(Clamd::new),
            icap: settings
                .icap
                .map(|(connector, url)| Icap::new(connector, url)),
            limits: Limits::for_bodies_of(settings.max_body),
            timeouts: ScanTimeouts::default(),
            blocking: Arc::new(Semaphore::new(cores)),
            asked: Semaphore::new(MAX_ASKED),
            checked: Mutex::default(),
            outside_faults: Mutex::default(),
            shared,
        }
    }

    /// What it was made from: [`Settings::key`].
    pub fn key(&self) -> u64 {
        self.key
    }

    /// The memory of bodies that are held.
    pub fn budget(&self) -> &Budget {
        &self.shared.memory
    }

    /// Where bodies are held for which there is no memory.
    pub fn spool(&self) -> Option<&Spool> {
        self.spool.as_ref()
    }

    /// That of [`yara::fingerprint`] when the rules were read.
    pub fn rules_fingerprint(&self) -> u64 {
        self.rules_fingerprint
    }

    /// The files of rules, also those that cannot be used.
    pub fn rule_files(&self) -> Vec<PathBuf> {
        let broken = self.faults.iter().map(|fault| fault.file.clone());
        let mut files: Vec<PathBuf> = self.rules.files().chain(broken).collect();
        files.sort();
        files.dedup();
        files
    }

    /// The files of rules that cannot be used.
    pub fn faults(&self) -> &[RuleFault] {
        &self.faults
    }

    /// Differs where the engines, their rules or their signatures differ, and the same at the next start where they do not.
    /// Never 0, and below 2^63.
    pub fn generation(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        // What opens archives, and YARA itself, are of this program.
        env!("CARGO_PKG_VERSION").hash(&mut hasher);
        self.rules.version().hash(&mut hasher);
        let clamd = self.clamd.as_ref().map(Clamd::version);
        clamd.hash(&mut hasher);
        let icap = self.icap.as_ref().map(Icap::known_options);
        icap.map(|options| options.map(|options| options.tag.clone()))
            .hash(&mut hasher);
        (hasher.finish() >> 1).max(1)
    }

    pub(crate) fn uses_yara(&self) -> bool {
        // A pattern without files is no engine; a file that cannot be used is one that fails.
        self.rules.count() > 0 || self.faults.iter().any(|fault| fault.file.is_file())
    }

    /// Judges a body of `len` bytes that `read` reads, once there is memory for it. `read` may block.
    pub async fn scan_spooled(
        &self,
        len: u64,
        message: Message,
        codings: Vec<Coding>,
        read: impl FnOnce() -> io::Result<Vec<u8>> + Send + 'static,
    ) -> Verdict {
        let room = self.reading.acquire_many(self.permits(len));
        let Ok(Ok(_room)) = timeout(self.timeouts.turn(len), room).await else {
            return Verdict::error(NO_MEMORY);
        };
        let bytes = match tokio::task::spawn_blocking(read).await {
            Ok(Ok(bytes)) => bytes.into(),
            Ok(Err(error)) => return Verdict::error(format!("the spool: {error}")),
            Err(_) => return Verdict::error("the scan was stopped"),
        };
        let body = Body {
            bytes,
            codings,
            message,
        };
        self.scan(body).await
    }

    fn permits(&self, bytes: u64) -> u32 {
        permits(bytes).min(self.working_size)
    }

    /// Judges a body.
    pub async fn scan(&self, body: Body) -> Verdict {
        self.check_soon().await;
        let (url, client) = (body.message.url.clone(), body.message.client);
        let verdict = self.ask(body).await;
        let counter = match &verdict {
            Verdict::Clean | Verdict::Unscannable(_) => &self.shared.clean,
            Verdict::Bad(finding) => {
                self.remember(url, client, finding.clone());
                &self.shared.bad
            }
            Verdict::Error(_) => &self.shared.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        verdict
    }

    pub(crate) fn counters(&self, engine: Engine) -> &Counters {
        match engine {
            Engine::Archive | Engine::Yara => &self.shared.yara,
            Engine::Clamd => &self.shared.clamd,
            Engine::Icap => &self.shared.icap,
        }
    }

    /// Asks the engines outside the process who they are, where that was not done lately.
    async fn check_soon(&self) {
        if self.begin_check() {
            self.check().await;
        }
    }

    /// As before a scan, in a task of its own: stored answers are judged anew when an engine's version has changed, also where
    /// nothing else is scanned.
    pub fn check_in_background(self: &Arc<Self>) {
        let is_outside = self.clamd.is_some() || self.icap.is_some();
        if is_outside && self.begin_check() {
            let scanner = self.clone();
            tokio::spawn(async move { scanner.check().await });
        }
    }

    /// Whether the engines are to be asked now; the next time is [`CHECK`] later.
    fn begin_check(&self) -> bool {
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = checked.is_none_or(|at| at.elapsed() > CHECK);
        if due {
            *checked = Some(Instant::now());
        }
        due
    }

    pub(crate) async fn check(&self) -> (Option<String>, Option<String>) {
        let clamd = async {
            let clamd = self.clamd.as_ref()?;
            clamd
                .ask_version()
                .await
                .err()
                .map(|error| error.to_string())
        };
        let icap = async {
            let icap = self.icap.as_ref()?;
            icap.options().await.err().map(|error| error.to_string())
        };
        let (clamd, icap) = tokio::join!(clamd, icap);
        let named =
            |name: &str, fault: &Option<String>| Some(format!("{name}: {}", fault.as_ref()?));
        let faults = named("clamd", &clamd)
            .into_iter()
            .chain(named("icap", &icap));
        *self
            .outside_faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = faults.collect();
        (clamd, icap)
    }

    /// Why clamd or the ICAP service could not be asked, when they last were.
    pub fn outside_faults(&self) -> Vec<String> {
        let faults = self.outside_faults.lock();
        faults.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// KiB, at least one.
fn permits(bytes: u64) -> u32 {
    u32::try_from(bytes / 1024)
        .unwrap_or(u32::MAX >> 4)
        .clamp(1, u32::MAX >> 4)
}

#[cfg(test)]
mod tests;
