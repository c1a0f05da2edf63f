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
    let (status, first_run, upstreams, usage) = tokio::join!(
        answer(engine, "/api/v1/status"),
        first_run(engine),
        answer(engine, "/api/v1/upstreams"),
        usage_today(engine)
    );
    let at = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let at = u64::try_from(at.as_millis()).ok()?;
    Some(json!({
        "at": at, "status": status?, "first_run": first_run?, "upstreams": upstreams?, "usage": usage,
    }))
}

/// The desktop's proxy is measured by running programs, which would delay the window: only where the first run is shown.
async fn first_run(engine: &Endpoint) -> Option<Value> {
    let found = answer(engine, "/api/v1/first-run?measure=false").await?;
    match found.get("pending") {
        Some(Value::Bool(false)) => Some(found),
        _ => answer(engine, "/api/v1/first-run").await,
    }
}

/// What Home shows of today.
async fn usage_today(engine: &Endpoint) -> Option<Value> {
    let path = format!("/api/v1/usage?by=verdict&from={}", midnight()?);
    answer(engine, &path).await
}

/// When this day began, in milliseconds since 1970.
#[cfg(target_os = "linux")]
fn midnight() -> Option<i64> {
    use gtk::glib::DateTime;
    let now = DateTime::now_local().ok()?;
    let (year, month, day) = now.ymd();
    let begun = DateTime::from_local(year, month, day, 0, 0, 0.0).ok()?;
    begun.to_unix().checked_mul(1000)
}

/// The page asks itself.
#[cfg(not(target_os = "linux"))]
fn midnight() -> Option<i64> {
    None
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
    #[cfg(target_os = "linux")]
    fn the_day_began_within_the_last_25_hours_at_a_whole_minute() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = i64::try_from(now.as_millis()).unwrap();
        let begun = midnight().unwrap();
        assert!(begun <= now && now - begun <= 25 * 3_600_000);
        assert_eq!(begun % 60_000, 0);
    }

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
