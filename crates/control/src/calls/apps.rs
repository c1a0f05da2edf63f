//! GET /api/v1/apps and what can be done with one: its icon, its start through Privet, the settings that others want.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Extension;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use privet_api::address::reachable;
use privet_engine::ListenerKind;
use privet_system::apps::{self, DesktopApp, icon};
use privet_system::proxy_environment::{self, ProxyAddresses, ProxyMethod};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use utoipa::{IntoParams, ToSchema};

use crate::api::Api;
use crate::extract::{self, Query, Segment};
use crate::guard::Ends;
use crate::logs::escape;
use crate::problem::Problem;
pub use crate::recipes::Recipe;

/// Programs come and go by packages: a menu that is so old serves.
const FRESH: Duration = Duration::from_secs(30);
/// Longest name or id, in characters.
const MAX_NAME: usize = 256;

/// The applications of this desktop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Apps {
    pub start: StartState,
    /// By name; empty where none can be started from here.
    pub apps: Vec<AppEntry>,
}

/// Whether programs can be started by this caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StartState {
    Here,
    /// The caller came over TCP: only the desktop's own window and command line may start programs.
    Remote,
    /// The engine runs without a screen.
    Headless,
}

/// One application of the menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppEntry {
    #[schema(example = "org.gnome.Maps")]
    pub id: String,
    pub name: String,
    /// The file name of its program, as rules name it.
    #[schema(example = "firefox-esr")]
    pub program: String,
    /// How it is told of the proxy: "environment", "flag" or "own-settings".
    pub told: String,
}

/// What was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Started {
    pub pid: u32,
    pub program: String,
    pub told: String,
}

/// A program's picture, where one is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProgramIcon {
    pub icon: Option<AppIcon>,
}

/// A picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AppIcon {
    /// "image/png" or "image/svg+xml"; to be drawn as an image, never as a document.
    pub media_type: String,
    /// In Base64.
    pub data: String,
}

/// The settings of programs that have their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recipes {
    /// Clients have to log in: the texts leave name and password out.
    pub login: bool,
    pub recipes: Vec<Recipe>,
}

/// Whose icon.
#[derive(Debug, Clone, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct IconQuery {
    /// The file name of a program, as connections show it.
    #[param(max_length = 256, example = "firefox")]
    pub program: String,
}

/// The menu, looked at now and then. Cheap to clone; one an engine.
#[derive(Clone, Default)]
pub(crate) struct Menu(Arc<Mutex<Option<Seen>>>);

/// What the menu showed, and when.
type Seen = (Instant, Arc<Vec<DesktopApp>>);

impl Menu {
    async fn apps(&self) -> Result<Arc<Vec<DesktopApp>>, Problem> {
        // A page asks for many icons at once: one of these calls looks, the others wait for what it found.
        let mut seen = self.0.lock().await;
        if let Some((at, apps)) = &*seen
            && at.elapsed() < FRESH
        {
            return Ok(apps.clone());
        }
        let found = tokio::task::spawn_blocking(apps::installed).await;
        let found = Arc::new(found.map_err(|error| Problem::internal(error.to_string()))?);
        *seen = Some((Instant::now(), found.clone()));
        Ok(found)
    }
}

/// The applications of this desktop
#[utoipa::path(
    get,
    path = "/api/v1/apps",
    tag = "apps",
    responses(
        (status = 200, description = "What can be started through Privet", body = Apps),
        (status = 500, description = "The look broke off", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn list_apps(
    State(api): State<Api>,
    ends: Option<Extension<Ends>>,
) -> Result<axum::Json<Apps>, Problem> {
    let start = state(ends.is_some());
    let apps = match start {
        StartState::Here => api.menu.apps().await?.iter().map(entry).collect(),
        StartState::Remote | StartState::Headless => Vec::new(),
    };
    Ok(axum::Json(Apps { start, apps }))
}

/// Start one through Privet
///
/// As `privet run` does. Never for who calls over TCP: a page in a browser must not be able to start programs.
#[utoipa::path(
    post,
    path = "/api/v1/apps/{id}/start",
    tag = "apps",
    params(("id" = String, Path, description = "As the list has it", min_length = 1, max_length = 256)),
    responses(
        (status = 200, description = "It was started", body = Started),
        (status = 403, description = "The call came over TCP", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "There is no such application", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "There is no screen, no listener, or the program cannot be started", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn start_app(
    State(api): State<Api>,
    ends: Option<Extension<Ends>>,
    Segment(id): Segment<String>,
) -> Result<axum::Json<Started>, Problem> {
    match state(ends.is_some()) {
        StartState::Here => {}
        StartState::Remote => {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "remote",
                "Programs are not started for who calls over TCP.",
            )
            .help("Use Privet's own window, or: privet run -- PROGRAM."));
        }
        StartState::Headless => {
            return Err(
                Problem::conflict("This engine has no screen to start programs on.")
                    .help("Start the agent in the desktop's session: privet agent."),
            );
        }
    }
    extract::at_most(&id, MAX_NAME, "id")?;
    let apps = api.menu.apps().await?;
    let Some(app) = apps.iter().find(|app| app.id == id).cloned() else {
        return Err(Problem::not_found(format!(
            "There is no application \"{}\".",
            escape(&id)
        )));
    };
    let to = addresses(&api);
    if to.http.is_none() && to.socks.is_none() {
        return Err(Problem::conflict("No listener takes HTTP or SOCKS.")
            .help("Put one in the configuration: [listen] mixed = [\"127.0.0.1:7280\"]."));
    }
    let (program, told) = (app.program().to_owned(), told(app.program()));
    let started = tokio::task::spawn_blocking(move || app.launch(&to)).await;
    let pid = started
        .map_err(|error| Problem::internal(error.to_string()))?
        .map_err(|error| {
            Problem::conflict(escape(&format!("{program} cannot be started: {error}.")))
        })?;
    Ok(axum::Json(Started { pid, program, told }))
}

/// A program's icon
///
/// As its application has it in this desktop's icon theme.
#[utoipa::path(
    get,
    path = "/api/v1/apps/icon",
    tag = "apps",
    params(IconQuery),
    responses(
        (status = 200, description = "At most 256 KiB before encoding; null where none is known", body = ProgramIcon),
        (status = 500, description = "The look broke off", body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn read_icon(
    State(api): State<Api>,
    Query(query): Query<IconQuery>,
) -> Result<axum::Json<ProgramIcon>, Problem> {
    extract::at_most(&query.program, MAX_NAME, "program")?;
    let apps = api.menu.apps().await?;
    let of = |app: &&DesktopApp| app.program() == query.program && app.icon.is_some();
    let name = apps.iter().find(of).and_then(|app| app.icon.clone());
    let found = match name {
        Some(name) => tokio::task::spawn_blocking(move || icon::find(&name)).await,
        None => Ok(None),
    };
    let icon = found.map_err(|error| Problem::internal(error.to_string()))?;
    Ok(axum::Json(ProgramIcon {
        icon: icon.map(|icon| AppIcon {
            media_type: icon.kind.to_owned(),
            data: STANDARD.encode(icon.bytes),
        }),
    }))
}

/// Settings to copy
///
/// For programs with proxy settings of their own, made from where the engine really listens.
#[utoipa::path(
    get,
    path = "/api/v1/apps/settings",
    tag = "apps",
    responses((status = 200, description = "By program", body = Recipes))
)]
pub(crate) async fn read_settings(State(api): State<Api>) -> axum::Json<Recipes> {
    axum::Json(Recipes {
        login: !api.engine.config().listen.users.is_empty(),
        recipes: crate::recipes::recipes(&addresses(&api)),
    })
}

fn state(over_tcp: bool) -> StartState {
    match (over_tcp, apps::has_session()) {
        (true, _) => StartState::Remote,
        (false, true) => StartState::Here,
        (false, false) => StartState::Headless,
    }
}

fn entry(app: &DesktopApp) -> AppEntry {
    AppEntry {
        id: app.id.clone(),
        name: app.name.clone(),
        program: app.program().to_owned(),
        told: told(app.program()),
    }
}

fn told(program: &str) -> String {
    let told = match proxy_environment::proxy_method(program) {
        ProxyMethod::Environment => "environment",
        ProxyMethod::Flag => "flag",
        ProxyMethod::OwnSettings => "own-settings",
    };
    told.to_owned()
}

/// Where programs of this machine reach the engine.
fn addresses(api: &Api) -> ProxyAddresses {
    let listeners = api.engine.listeners();
    let first = |kinds: &[ListenerKind]| {
        kinds.iter().find_map(|kind| {
            let listener = listeners.iter().find(|listener| listener.kind == *kind)?;
            Some(reachable(listener.address).to_string())
        })
    };
    ProxyAddresses {
        http: first(&[ListenerKind::Mixed, ListenerKind::Http]),
        socks: first(&[ListenerKind::Mixed, ListenerKind::Socks]),
        pac: first(&[ListenerKind::Pac]).map(|address| format!("http://{address}/proxy.pac")),
    }
}
