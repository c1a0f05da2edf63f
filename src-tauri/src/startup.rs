//! What the page shows first: fetched from the engine while GTK and the web view start, and given to the page by a script, so
//! that it draws without a call.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use privet_api::Endpoint;
use privet_api::transport::send_and_collect;
use serde_json::{Value, json};
use tauri::State;
use tauri::async_runtime::{self, JoinHandle};

use crate::attach::{AttachError, Attached, EnginePaths, attach_or_start};
use crate::call::{EngineEndpoint, build_request};

/// Longest answer that is given to the page, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;
/// Without these answers the page asks itself.
const TIMEOUT: Duration = Duration::from_secs(1);
/// The first attempt to attach, begun before the window is built.
pub struct Startup {
    attempt: Mutex<Option<JoinHandle<Result<Attached, AttachError>>>>,
    answers: Arc<OnceLock<Value>>,
}

impl Startup {
    /// Begins to attach to the engine, and starts one where none answers.
    pub fn begin(engine: Endpoint, paths: EnginePaths) -> Self {
        let answers = Arc::new(OnceLock::new());
        let kept = answers.clone();
        let attempt = async_runtime::spawn(async move {
            if let Some(found) = first_answers(&engine).await {
                let _ = kept.set(found);
                return Ok(Attached::RUNNING);
            }
            attach_or_start(&engine, &paths).await
        });
        Self {
            attempt: Mutex::new(Some(attempt)),
            answers,
        }
    }

    /// The first attempt; `None` once it was taken.
    pub fn take_attempt(&self) -> Option<JoinHandle<Result<Attached, AttachError>>> {
        let mut attempt = self.attempt.lock().unwrap_or_else(PoisonError::into_inner);
        attempt.take()
    }

    /// The script that gives the page what was answered so far; `None`: nothing.
    pub fn script(&self) -> Option<String> {
        let text = self.answers.get()?.to_string();
        // Text in quotes: names in it are data, also `__proto__`.
        let quoted = serde_json::to_string(&text).ok()?;
        Some(format!(
            "globalThis.__PRIVET_START__ = JSON.parse({quoted});"
        ))
    }
}

/// The first attempt to attach, or another one: attaches, or starts an agent and attaches.
#[tauri::command]
pub async fn attach(
    engine: State<'_, EngineEndpoint>,
    paths: State<'_, EnginePaths>,
    startup: State<'_, Startup>,
) -> Result<Attached, AttachError> {
    if let Some(attempt) = startup.take_attempt()
        && let Ok(attached) = attempt.await
    {
        return attached;
    }
    attach_or_start(&engine.0, &paths).await
}

/// What a running engine answers; `None`: not all of it, or none runs.
async fn first_answers(engine: &Endpoint) -> Option<Value> {
    let (status, first_run, upstreams) = tokio::join!(
        answer(engine, "/api/v1/status"),
        answer(engine, "/api/v1/first-run"),
        answer(engine, "/api/v1/upstreams")
    );
    let at = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let at = u64::try_from(at.as_millis()).ok()?;
    Some(json!({ "at": at, "status": status?, "first_run": first_run?, "upstreams": upstreams? }))
}

async fn answer(engine: &Endpoint, path: &str) -> Option<Value> {
    let request = build_request("GET", path, None).ok()?;
    let answer = send_and_collect(engine, request, MAX_ANSWER, TIMEOUT)
        .await
        .ok()?;
    serde_json::from_slice(answer.status.is_success().then_some(&answer.body)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_engines_answers_are_data() {
        let startup = Startup {
            attempt: Mutex::default(),
            answers: Arc::default(),
        };
        assert_eq!(startup.script(), None);
        let answers = json!({ "status": { "__proto__": "\");alert('\u{2028}</script>" } });
        startup.answers.set(answers.clone()).unwrap();
        let script = startup.script().unwrap();
        let quoted = script
            .strip_prefix("globalThis.__PRIVET_START__ = JSON.parse(")
            .and_then(|rest| rest.strip_suffix(");"))
            .unwrap();
        let text: String = serde_json::from_str(quoted).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), answers);
    }
}
