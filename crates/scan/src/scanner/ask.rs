//! Asks the engines about one body, each as it takes bodies.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

use super::{NO_MEMORY, Scanner};
use crate::archive::multipart;
use crate::decode::Coding;
use crate::message::{Body, Message};
use crate::unpack::{self, Stop, UnreadCounts};
use crate::verdict::{Engine, Finding, Outcome, Verdict, clean_name, sha256};
use crate::yara::Search;

const NO_TURN: &str = "too many bodies wait for their verdict";
/// How many times its size a body has without its codings, as a rule.
const USUAL_RATIO: u64 = 8;

impl Scanner {
    pub(super) async fn ask(&self, body: Body) -> Verdict {
        let Body {
            bytes,
            codings,
            message,
        } = body;
        let (plain, _room) = match self.plain(bytes, codings).await {
            Ok(plain) => plain,
            Err(error) => return error,
        };
        if !self.uses_yara() && self.clamd.is_none() && self.icap.is_none() {
            return Verdict::error(
                "no scanner has anything to judge by: no rules, no clamd, no ICAP service",
            );
        }
        let ((yara, opaque), clamd, icap) = tokio::join!(
            self.ask_yara(&message, plain.clone()),
            self.ask_clamd(&plain),
            self.ask_icap(&message, &plain)
        );
        let mut failed = None;
        for (engine, outcome) in [
            (Engine::Yara, yara),
            (Engine::Clamd, clamd),
            (Engine::Icap, icap),
        ] {
            match outcome {
                Outcome::Found(rule) => return found(engine, rule, plain).await,
                Outcome::Failed(why) => {
                    failed = Some(Verdict::error(format!("{}: {why}", engine.name())));
                }
                Outcome::Nothing => {}
            }
        }
        match (opaque, failed) {
            (Some(opaque), _) if self.block_unscannable => {
                found(Engine::Archive, opaque.into(), plain).await
            }
            (_, Some(failed)) => failed,
            (Some(opaque), None) => Verdict::Unscannable(opaque.into()),
            (None, None) => Verdict::Clean,
        }
    }

    /// The body without its codings, and the memory that it takes.
    async fn plain(
        &self,
        bytes: Bytes,
        codings: Vec<Coding>,
    ) -> Result<(Bytes, Option<SemaphorePermit<'_>>), Verdict> {
        if codings.is_empty() {
            return Ok((bytes, None));
        }
        let guess = self.permits(bytes.len() as u64 * USUAL_RATIO);
        let turn = self.timeouts.turn(bytes.len() as u64);
        let room = timeout(turn, self.decoding.acquire_many(guess)).await;
        let Ok(Ok(mut room)) = room else {
            return Err(Verdict::error(NO_MEMORY));
        };
        let limits = self.limits;
        let decoded = self
            .blocking(turn, move || {
                unpack::remove_codings(&bytes, &codings, &limits)
            })
            .await;
        let plain = match decoded {
            Ok(Ok(plain)) => plain.unwrap_or_default(),
            Ok(Err(over)) => return Err(Verdict::error(over.to_string())),
            Err(why) => return Err(Verdict::error(why)),
        };
        let more = self.permits(plain.len() as u64).saturating_sub(guess);
        // Waiting here could wait for others that do the same.
        let more = self.decoding.try_acquire_many(more);
        room.merge(more.map_err(|_| Verdict::error(NO_MEMORY))?);
        Ok((plain.into(), Some(room)))
    }

    /// Runs something long on a thread of its own, so many at once as there are cores. `turn`: how long it may wait for that.
    async fn blocking<T: Send + 'static>(
        &self,
        turn: Duration,
        run: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, &'static str> {
        let permit = timeout(turn, self.blocking.clone().acquire_owned()).await;
        let Ok(Ok(permit)) = permit else {
            return Err(NO_TURN);
        };
        let running = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            run()
        });
        match timeout(self.timeouts.processing(self.limits.bytes), running).await {
            Ok(done) => done.map_err(|_| "the scan was stopped"),
            Err(_) => Err("the scan took too long"),
        }
    }

    /// What the rules say of a body and of everything in it, and what of it could not be opened.
    async fn ask_yara(&self, message: &Message, body: Bytes) -> (Outcome, Option<&'static str>) {
        let started = Instant::now();
        let (rules, limits, len) = (self.rules.clone(), self.limits, body.len());
        let timeouts = self.timeouts;
        let boundaries = multipart::boundaries(&message.media_type);
        let turn = timeouts.turn(len as u64);
        let searched = self.blocking(turn, move || {
            let mut search = Search::new(&rules, &timeouts);
            let visited = unpack::visit(&body, &boundaries, &limits, &mut search);
            (visited, search.found)
        });
        let searched = searched.await;
        let opaque = match &searched {
            Ok((Ok(unread), _)) => self.opaque(*unread),
            _ => None,
        };
        if !self.uses_yara() {
            // Archives are opened, and limits kept, by the engines outside.
            return (Outcome::Nothing, opaque);
        }
        let outcome = match searched {
            _ if self.rules.count() == 0 => {
                Outcome::Failed("no file of rules can be used".to_owned())
            }
            Ok((_, Some(rule))) => Outcome::Found(clean_name(&rule)),
            Ok((Ok(_), None)) => Outcome::Nothing,
            Ok((Err(Stop::Over(over)), None)) => Outcome::Failed(over.to_string()),
            Ok((Err(_), None)) => Outcome::Failed("the rules took too long".to_owned()),
            Err(why) => Outcome::Failed(why.to_owned()),
        };
        self.count(Engine::Yara, &outcome, len, started);
        (outcome, opaque)
    }

    /// What no engine could open. Those outside open formats that are not read here; none opens what is encrypted.
    fn opaque(&self, unread: UnreadCounts) -> Option<&'static str> {
        let has_others = self.clamd.is_some() || self.icap.is_some();
        match unread {
            UnreadCounts { encrypted: 1.., .. } => Some("Archive.Encrypted"),
            UnreadCounts { unknown: 1.., .. } if !has_others => Some("Archive.UnknownFormat"),
            _ => None,
        }
    }

    async fn ask_clamd(&self, body: &Bytes) -> Outcome {
        let Some(clamd) = &self.clamd else {
            return Outcome::Nothing;
        };
        let started = Instant::now();
        let outcome = self
            .within(body.len(), clamd.scan(body, self.timeouts.io))
            .await;
        self.count(Engine::Clamd, &outcome, body.len(), started);
        outcome
    }

    async fn ask_icap(&self, message: &Message, body: &Bytes) -> Outcome {
        let Some(icap) = &self.icap else {
            return Outcome::Nothing;
        };
        let started = Instant::now();
        let outcome = self
            .within(body.len(), icap.scan(message, body, self.timeouts.io))
            .await;
        self.count(Engine::Icap, &outcome, body.len(), started);
        outcome
    }

    /// Asks an engine outside about a body of `len` bytes.
    async fn within(
        &self,
        len: usize,
        asking: impl Future<Output = io::Result<Option<Arc<str>>>>,
    ) -> Outcome {
        let turn = timeout(self.timeouts.turn(len as u64), self.asked.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            return Outcome::Failed(NO_TURN.to_owned());
        };
        match timeout(self.timeouts.processing(len as u64), asking).await {
            Ok(Ok(Some(rule))) => Outcome::Found(rule),
            Ok(Ok(None)) => Outcome::Nothing,
            Ok(Err(error)) => Outcome::Failed(error.to_string()),
            Err(_) => Outcome::Failed("no answer in time".to_owned()),
        }
    }

    fn count(&self, engine: Engine, outcome: &Outcome, len: usize, started: Instant) {
        self.counters(engine).count(outcome, len, started.elapsed());
    }
}

async fn found(engine: Engine, rule: Arc<str>, body: Bytes) -> Verdict {
    let hashing = tokio::task::spawn_blocking(move || sha256(&body));
    Verdict::Bad(Finding {
        engine,
        rule,
        sha256: hashing.await.unwrap_or_else(|_| "".into()),
    })
}
