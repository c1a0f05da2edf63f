//! GET /api/v1/scan: the scanners. POST /api/v1/scan/test and /api/v1/scan/file: trying
//! them. POST /api/v1/scan/allow: one risk, once.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{Request, State};
use privet_api::scan::{
    ScanAllowance, ScanAllowed, ScanEngine, ScanFileQuery, ScanFinding, ScanState, ScanTest,
};
use privet_api::{Problem, now_ms};
use privet_config::ScanErrorAction;
use privet_engine::ScanTestResult;
use privet_scan::{Body, Direction, EngineState, EngineStatus, Message, Scanner, Verdict};

use crate::extract::{self, Json, Query};
use crate::rejection::Answer;
use crate::state::ApiState;

/// The largest file that can be tried, in bytes.
pub(crate) const MAX_FILE: usize = 64 * 1024 * 1024;
const MAX_NAME: usize = 255;

/// Read the state of the scanners
#[utoipa::path(
    get,
    path = "/api/v1/scan",
    tag = "connections",
    responses((status = 200, description = "The scanners, asked now, and what they did", body = ScanState))
)]
pub(crate) async fn read_scan(State(api): State<ApiState>) -> axum::Json<ScanState> {
    let config = api.engine.config();
    let word = |action: ScanErrorAction| action.as_str().to_owned();
    let mut state = ScanState {
        on_error: word(config.scan.on_error),
        oversize: word(config.scan.oversize),
        max_body: config.scan.max_body,
        ..ScanState::default()
    };
    if let Some(scanner) = api.engine.scanner() {
        let totals = scanner.totals();
        let budget = scanner.budget();
        state.enabled = true;
        state.held_bytes = budget.used();
        state.held_limit = budget.limit();
        if let Some(spool) = scanner.spool() {
            state.spooled_bytes = spool.budget().used();
            state.spool_limit = spool.budget().limit();
        }
        state.clean = totals.clean;
        state.bad = totals.bad;
        state.failed = totals.failed;
        state.oversize_passed = totals.oversize;
        state.engines = scanner.status().await.iter().map(engine).collect();
        state.recent = recent(&scanner);
    }
    axum::Json(state)
}

fn engine(status: &EngineStatus) -> ScanEngine {
    let counts = &status.counts;
    let seconds = counts.took.as_secs_f64();
    ScanEngine {
        engine: status.engine.name().to_owned(),
        state: match status.state {
            EngineState::Ready => "ready",
            EngineState::Empty => "empty",
            EngineState::Failed => "failed",
        }
        .to_owned(),
        version: status.version.clone(),
        signatures_ms: status
            .signatures
            .and_then(|at| u64::try_from(at.as_millisecond()).ok()),
        signatures_old: status.signatures_are_old,
        rules: status.rules.map(|rules| rules as u64),
        scanned: counts.scanned,
        bad: counts.bad,
        errors: counts.errors,
        bytes: counts.bytes,
        bytes_per_second: (seconds > 0.0).then(|| counts.bytes as f64 / seconds),
        last_error: counts.last_error.clone(),
        faults: status.faults.clone(),
    }
}

fn recent(scanner: &Scanner) -> Vec<ScanFinding> {
    let recent = scanner.recent().into_iter().map(|found| {
        let since = found.at.duration_since(UNIX_EPOCH).unwrap_or_default();
        ScanFinding {
            at_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            url: match found.url.split_once('?') {
                Some((path, query)) if !query.is_empty() => format!("{path}?…"),
                _ => found.url,
            },
            client: found.client.map(|ip| ip.to_string()),
            engine: found.finding.engine.name().to_owned(),
            rule: found.finding.rule.to_string(),
            sha256: found.finding.sha256.to_string(),
        }
    });
    recent.collect()
}

/// Test the scanners
///
/// Fetches a harmless test file, which scanners find by agreement, from a responder of the program through its HTTP pipeline.
#[utoipa::path(
    post,
    path = "/api/v1/scan/test",
    tag = "connections",
    responses(
        (status = 200, description = "What became of the file", body = ScanTest),
        (status = 409, description = "Scanning is off")
    )
)]
pub(crate) async fn test_scan(State(api): State<ApiState>) -> Answer<ScanTest> {
    scanner(&api)?;
    let started = SystemTime::now();
    let result = api.engine.test_scan().await;
    let result = result.map_err(|error| Problem::internal(error.to_string()))?;
    let ScanTestResult { status, url, text } = result;
    let scanner = scanner(&api)?;
    let recent = scanner.recent();
    let found = recent
        .iter()
        .find(|found| found.url == url && found.at >= started);
    let verdict = match (status, found) {
        (200, _) => "clean",
        (_, Some(_)) => "bad",
        (_, None) => "error",
    };
    let finding = found.map(|found| &found.finding);
    Ok(axum::Json(ScanTest {
        passed: verdict == "bad",
        status: Some(status),
        verdict: verdict.to_owned(),
        engine: finding.map(|found| found.engine.name().to_owned()),
        rule: finding.map(|found| found.rule.to_string()),
        sha256: finding.map(|found| found.sha256.to_string()),
        text,
    }))
}

/// Allow a stopped body once
///
/// The client that was stopped may take that body once within 15 minutes. It is not stored.
#[utoipa::path(
    post,
    path = "/api/v1/scan/allow",
    tag = "connections",
    request_body = ScanAllowance,
    responses(
        (status = 200, description = "Who may take it, and until when", body = ScanAllowed),
        (status = 404, description = "No such body was stopped lately"),
        (status = 409, description = "Scanning is off"),
        (status = 422, description = "The client is no address")
    )
)]
pub(crate) async fn allow_once(
    State(api): State<ApiState>,
    Json(allowance): Json<ScanAllowance>,
) -> Answer<ScanAllowed> {
    let client = allowance.client.as_deref().map(str::parse).transpose();
    let client = client.map_err(|_| Problem::unprocessable("client", "It is no IP address."))?;
    let allowed = scanner(&api)?.permit_once(&allowance.sha256, client);
    let (client, wait) = allowed.ok_or_else(|| {
        Problem::not_found("No such body was stopped lately, or not for this client.")
    })?;
    Ok(axum::Json(ScanAllowed {
        sha256: allowance.sha256,
        client: client.map(|ip| ip.to_string()),
        until_ms: now_ms() + u64::try_from(wait.as_millis()).unwrap_or_default(),
    }))
}

/// Scan a file
///
/// Asks the scanners about the body of this request.
#[utoipa::path(
    post,
    path = "/api/v1/scan/file",
    tag = "connections",
    params(ScanFileQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, description = "The verdict", body = ScanTest),
        (status = 409, description = "Scanning is off"),
        (status = 413, description = "The file is larger than 64 MiB"),
        (status = 415, description = "The content type is another one")
    )
)]
pub(crate) async fn scan_file(
    State(api): State<ApiState>,
    Query(query): Query<ScanFileQuery>,
    request: Request,
) -> Answer<ScanTest> {
    const TYPE: &str = "application/octet-stream";
    if extract::media_type(request.headers()).as_deref() != Some(TYPE) {
        return Err(extract::unsupported_media_type(TYPE).into());
    }
    extract::check_length(&query.name, MAX_NAME, "name")?;
    let scanner = scanner(&api)?;
    let bytes = extract::read_body(request, &api, MAX_FILE).await?;
    let name: String = query
        .name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || ".-_".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    let body = Body {
        bytes,
        codings: Vec::new(),
        message: Message {
            direction: Direction::Download,
            method: "GET".to_owned(),
            url: format!("http://file.invalid/{name}"),
            status: 200,
            media_type: TYPE.to_owned(),
            client: None,
        },
    };
    Ok(axum::Json(match scanner.scan(body).await {
        Verdict::Clean => verdict("clean", "Nothing was found.".to_owned()),
        Verdict::Unscannable(what) => verdict(
            "clean",
            format!("Nothing was found; a part could not be opened: {what}."),
        ),
        Verdict::Error(why) => verdict("error", why.to_string()),
        Verdict::Bad(found) => ScanTest {
            engine: Some(found.engine.name().to_owned()),
            rule: Some(found.rule.to_string()),
            sha256: Some(found.sha256.to_string()),
            ..verdict(
                "bad",
                format!("{} found {}.", found.engine.name(), found.rule),
            )
        },
    }))
}

fn verdict(verdict: &str, text: String) -> ScanTest {
    ScanTest {
        passed: verdict == "bad",
        status: None,
        verdict: verdict.to_owned(),
        engine: None,
        rule: None,
        sha256: None,
        text,
    }
}

fn scanner(api: &ApiState) -> Result<Arc<Scanner>, Problem> {
    let off = "Scanning is off: a [scan] section with `enabled = true` turns it on.";
    api.engine.scanner().ok_or_else(|| Problem::conflict(off))
}
