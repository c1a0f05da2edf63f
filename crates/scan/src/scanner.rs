//! Asks all engines about one body.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::archive::multipart;
use crate::budget::Budget;
use crate::clamd::Clamd;
use crate::connector::Connector;
use crate::counters::Counters;
use crate::decode::Coding;
use crate::icap::Icap;
use crate::limits::Limits;
use crate::message::{Body, Message};
use crate::shared::Shared;
use crate::unpack::{self, Stop};
use crate::verdict::{Engine, Finding, Outcome, Verdict, clean_name, sha256};
use crate::yara::{RuleFault, Rules, Search};

/// How long the engines may take for one body.
const LIMIT: Duration = Duration::from_secs(20);
/// Bodies that are asked about at once, for each engine outside the process.
const MAX_ASKED: usize = 16;
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
    pub block_oversize: bool,
    pub block_on_error: bool,
}

/// Judges bodies.
pub struct Scanner {
    key: u64,
    pub max_body: u64,
    pub block_oversize: bool,
    pub block_on_error: bool,
    pub(crate) rules: Arc<Rules>,
    pub(crate) faults: Vec<RuleFault>,
    pub(crate) clamd: Option<Clamd>,
    pub(crate) icap: Option<Icap>,
    limits: Limits,
    limit: Duration,
    /// Bodies that are looked at in the process at once.
    blocking: Arc<Semaphore>,
    asked: Semaphore,
    checked: Mutex<Option<Instant>>,
    pub(crate) shared: Arc<Shared>,
}

impl Scanner {
    /// Reads the rules. Counts and the budget are taken over from `previous`. Blocks.
    pub fn new(settings: Settings, previous: Option<&Self>) -> Self {
        let (rules, faults) = Rules::load(&settings.rules);
        for fault in &faults {
            tracing::warn!("scanning: {fault}");
        }
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let shared = match previous {
            Some(previous) if previous.max_body == settings.max_body => previous.shared.clone(),
            _ => {
                let budget = settings.max_body.saturating_mul(4);
                Arc::new(Shared::new(budget.clamp(64 << 20, 1 << 30)))
            }
        };
        Self {
            key: settings.key,
            max_body: settings.max_body,
            block_oversize: settings.block_oversize,
            block_on_error: settings.block_on_error,
            rules: Arc::new(rules),
            faults,
            clamd: settings.clamd.map(Clamd::new),
            icap: settings
                .icap
                .map(|(connector, url)| Icap::new(connector, url)),
            limits: Limits::for_bodies_of(settings.max_body),
            limit: LIMIT,
            blocking: Arc::new(Semaphore::new(cores)),
            asked: Semaphore::new(MAX_ASKED),
            checked: Mutex::default(),
            shared,
        }
    }

    /// What it was made from: [`Settings::key`].
    pub fn key(&self) -> u64 {
        self.key
    }

    /// The memory of bodies that are held.
    pub fn budget(&self) -> &Budget {
        &self.shared.budget
    }

    /// The files of rules that cannot be used.
    pub fn faults(&self) -> &[RuleFault] {
        &self.faults
    }

    /// Differs where the engines, their rules or their signatures differ. Never 0, and below 2^63.
    pub fn generation(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
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

    /// Judges a body.
    pub async fn scan(&self, body: Body) -> Verdict {
        self.check_soon().await;
        let (url, client) = (body.message.url.clone(), body.message.client);
        let verdict = match timeout(self.limit, self.ask(body)).await {
            Ok(verdict) => verdict,
            Err(_) => Verdict::error("the scanners took too long"),
        };
        let counter = match &verdict {
            Verdict::Clean => &self.shared.clean,
            Verdict::Bad(finding) => {
                self.remember(url, client, finding.clone());
                &self.shared.bad
            }
            Verdict::Error(_) => &self.shared.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        verdict
    }

    async fn ask(&self, body: Body) -> Verdict {
        let Body {
            bytes,
            codings,
            message,
        } = body;
        let plain = match self.plain(bytes, codings).await {
            Ok(plain) => plain,
            Err(error) => return error,
        };
        if !self.uses_yara() && self.clamd.is_none() && self.icap.is_none() {
            return Verdict::error(
                "no scanner has anything to judge by: no rules, no clamd, no ICAP service",
            );
        }
        let (yara, clamd, icap) = tokio::join!(
            self.ask_yara(&message, plain.clone()),
            self.ask_clamd(&plain),
            self.ask_icap(&message, &plain)
        );
        let mut worst = Verdict::Clean;
        for (engine, outcome) in [
            (Engine::Yara, yara),
            (Engine::Clamd, clamd),
            (Engine::Icap, icap),
        ] {
            match outcome {
                Outcome::Found(rule) => {
                    let hashing = tokio::task::spawn_blocking(move || sha256(&plain));
                    return Verdict::Bad(Finding {
                        engine,
                        rule,
                        sha256: hashing.await.unwrap_or_else(|_| "".into()),
                    });
                }
                Outcome::Failed(why) => worst = Verdict::error(format!("{}: {why}", engine.name())),
                Outcome::Nothing => {}
            }
        }
        worst
    }

    /// The body without its codings.
    async fn plain(&self, bytes: Bytes, codings: Vec<Coding>) -> Result<Bytes, Verdict> {
        if codings.is_empty() {
            return Ok(bytes);
        }
        let limits = self.limits;
        let decoded = self
            .blocking(move || unpack::remove_codings(&bytes, &codings, &limits))
            .await;
        match decoded {
            Some(Ok(Some(plain))) => Ok(plain.into()),
            Some(Ok(None)) => Ok(Bytes::new()),
            Some(Err(over)) => Err(Verdict::error(over.to_string())),
            None => Err(Verdict::error("the scan was stopped")),
        }
    }

    /// Runs something long on a thread of its own, so many at once as there are cores.
    async fn blocking<T: Send + 'static>(
        &self,
        run: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let permit = self.blocking.clone().acquire_owned().await.ok()?;
        let running = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            run()
        });
        running.await.ok()
    }

    async fn ask_yara(&self, message: &Message, body: Bytes) -> Outcome {
        if !self.uses_yara() {
            return Outcome::Nothing;
        }
        let started = Instant::now();
        let (rules, limits, len) = (self.rules.clone(), self.limits, body.len());
        let until = started + self.limit;
        let broken = self.rules.count() == 0;
        let boundary = multipart::boundary(&message.media_type);
        let searched = self.blocking(move || {
            let mut search = Search::new(&rules, until);
            let visited = match boundary {
                None => unpack::visit(&body, &limits, &mut search),
                Some(boundary) => unpack::visit_parts(&body, &boundary, &limits, &mut search),
            };
            (visited, search.found)
        });
        let outcome = match searched.await {
            _ if broken => Outcome::Failed("no file of rules can be used".to_owned()),
            Some((_, Some(rule))) => Outcome::Found(clean_name(&rule)),
            Some((Ok(_), None)) => Outcome::Nothing,
            Some((Err(Stop::Over(over)), None)) => Outcome::Failed(over.to_string()),
            Some((Err(_), None)) => Outcome::Failed("the rules took too long".to_owned()),
            None => Outcome::Failed("the rules failed".to_owned()),
        };
        self.count(Engine::Yara, &outcome, len, started);
        outcome
    }

    async fn ask_clamd(&self, body: &Bytes) -> Outcome {
        let Some(clamd) = &self.clamd else {
            return Outcome::Nothing;
        };
        let started = Instant::now();
        let outcome = self.within(clamd.scan(body)).await;
        self.count(Engine::Clamd, &outcome, body.len(), started);
        outcome
    }

    async fn ask_icap(&self, message: &Message, body: &Bytes) -> Outcome {
        let Some(icap) = &self.icap else {
            return Outcome::Nothing;
        };
        let started = Instant::now();
        let outcome = self.within(icap.scan(message, body)).await;
        self.count(Engine::Icap, &outcome, body.len(), started);
        outcome
    }

    /// Shorter than the limit of the whole scan, so that the engine that took too long is named.
    async fn within(&self, asking: impl Future<Output = io::Result<Option<Arc<str>>>>) -> Outcome {
        let Ok(_turn) = self.asked.acquire().await else {
            return Outcome::Failed("stopped".to_owned());
        };
        match timeout(self.limit * 9 / 10, asking).await {
            Ok(Ok(Some(rule))) => Outcome::Found(rule),
            Ok(Ok(None)) => Outcome::Nothing,
            Ok(Err(error)) => Outcome::Failed(error.to_string()),
            Err(_) => Outcome::Failed("no answer in time".to_owned()),
        }
    }

    fn count(&self, engine: Engine, outcome: &Outcome, len: usize, started: Instant) {
        self.counters(engine).count(outcome, len, started.elapsed());
    }

    pub(crate) fn counters(&self, engine: Engine) -> &Counters {
        match engine {
            Engine::Yara => &self.shared.yara,
            Engine::Clamd => &self.shared.clamd,
            Engine::Icap => &self.shared.icap,
        }
    }

    /// Asks the engines outside the process who they are, where that was not done lately.
    async fn check_soon(&self) {
        let due = {
            let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
            let due = checked.is_none_or(|at| at.elapsed() > CHECK);
            if due {
                *checked = Some(Instant::now());
            }
            due
        };
        if due {
            self.check().await;
        }
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
        tokio::join!(clamd, icap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Direction;

    fn body(bytes: &'static [u8]) -> Body {
        Body {
            bytes: Bytes::from_static(bytes),
            codings: Vec::new(),
            message: Message {
                direction: Direction::Download,
                method: "GET".to_owned(),
                url: "http://a.test/".to_owned(),
                status: 200,
                media_type: String::new(),
                client: None,
            },
        }
    }

    fn settings() -> Settings {
        Settings {
            key: 0,
            rules: Vec::new(),
            clamd: None,
            icap: None,
            max_body: 1 << 20,
            block_oversize: false,
            block_on_error: true,
        }
    }

    #[tokio::test]
    async fn nothing_to_judge_by_is_an_error() {
        let scanner = Scanner::new(settings(), None);
        assert!(matches!(scanner.scan(body(b"x")).await, Verdict::Error(_)));
        assert_eq!(scanner.totals().failed, 1);
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_scanner_that_hangs_is_named_and_what_is_counted_outlives_a_reload() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clamd");
        let _hung = tokio::net::UnixListener::bind(&path).unwrap();
        let with_clamd = || Settings {
            clamd: Some(Connector::Unix(path.clone())),
            ..settings()
        };
        let mut scanner = Scanner::new(with_clamd(), None);
        scanner.limit = Duration::from_millis(200);
        *scanner.checked.lock().unwrap() = Some(Instant::now());
        let Verdict::Error(why) = scanner.scan(body(b"x")).await else {
            panic!("no answer is no verdict");
        };
        assert_eq!(&*why, "clamd: no answer in time");
        let before = scanner.generation();
        let reloaded = Scanner::new(with_clamd(), Some(&scanner));
        assert_eq!(
            (reloaded.totals().failed, reloaded.generation()),
            (1, before)
        );
    }
}
