//! GET /api/v1/apps and its sub-calls: the desktop's applications, their icons, starting one through Privet, and the settings
//! to copy into programs.

use axum::Extension;
use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use privet_api::address::reachable;
use privet_api::apps::{
    AppEntry, AppIcon, Apps, IconQuery, ProgramIcon, Recipes, StartState, StartedApp,
};
use privet_api::{Problem, escape};
use privet_engine::ListenerKind;
use privet_system::SystemKeyring;
use privet_system::apps::{self, DesktopApp, icon};
use privet_system::proxy_environment::{self, ProxyAddresses, ProxyMethod};
use privet_system::proxy_login::ProxyLogin;

use crate::auth::guard::ConnectionAddresses;
use crate::extract::{PathParam, Query, check_length};
use crate::recipes::recipes;
use crate::rejection::Answer;
use crate::state::ApiState;

/// Longest name or id, in characters.
const MAX_NAME: usize = 256;

/// List applications
#[utoipa::path(
    get,
    path = "/api/v1/apps",
    tag = "apps",
    responses(
        (status = 200, description = "What can be started through Privet", body = Apps),
        (status = 500, description = "The search failed")
    )
)]
pub(crate) async fn list_apps(
    State(api): State<ApiState>,
    connection: Option<Extension<ConnectionAddresses>>,
) -> Answer<Apps> {
    let start = start_state(connection.is_some());
    let apps = match start {
        StartState::Here => api.installed_apps.list().await?.iter().map(entry).collect(),
        StartState::Remote | StartState::Headless => Vec::new(),
    };
    Ok(axum::Json(Apps { start, apps }))
}

/// Start an application through Privet
///
/// As `privet run` does. Never for who calls over TCP: a page in a browser must not be able to start programs.
#[utoipa::path(
    post,
    path = "/api/v1/apps/{id}/start",
    tag = "apps",
    params(("id" = String, Path, description = "As the list has it", min_length = 1, max_length = 256)),
    responses(
        (status = 200, description = "It was started", body = StartedApp),
        (status = 403, description = "The call came over TCP"),
        (status = 404, description = "There is no such application"),
        (status = 409, description = "There is no screen, no listener, or the program cannot be started")
    )
)]
pub(crate) async fn start_app(
    State(api): State<ApiState>,
    connection: Option<Extension<ConnectionAddresses>>,
    PathParam(id): PathParam<String>,
) -> Answer<StartedApp> {
    match start_state(connection.is_some()) {
        StartState::Here => {}
        StartState::Remote => {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "remote",
                "Callers over TCP cannot start programs.",
            )
            .help("Use Privet's own window, or: privet run -- PROGRAM.")
            .into());
        }
        StartState::Headless => {
            return Err(
                Problem::conflict("This engine has no screen to start programs on.")
                    .help("Start the agent in the desktop's session: privet agent.")
                    .into(),
            );
        }
    }
    check_length(&id, MAX_NAME, "id")?;
    let apps = api.installed_apps.list().await?;
    let Some(app) = apps.iter().find(|app| app.id == id).cloned() else {
        return Err(
            Problem::not_found(format!("There is no application \"{}\".", escape(&id))).into(),
        );
    };
    let mut to = addresses(&api);
    if to.http.is_none() && to.socks.is_none() {
        return Err(Problem::conflict("No listener takes HTTP or SOCKS.")
            .help("Put one in the configuration: [listen] mixed = [\"127.0.0.1:7280\"].")
            .into());
    }
    let (program, proxy_method) = (app.program().to_owned(), proxy_method(app.program()));
    let user = api.engine.config().listen.users.first().cloned();
    let started = tokio::task::spawn_blocking(move || {
        to.login = user.map(|user| ProxyLogin::read(&user, &SystemKeyring));
        app.launch(&to)
    })
    .await;
    let pid = started
        .map_err(|error| Problem::internal(error.to_string()))?
        .map_err(|error| {
            Problem::conflict(escape(&format!("{program} cannot be started: {error}.")))
        })?;
    Ok(axum::Json(StartedApp {
        pid,
        program,
        proxy_method,
    }))
}

/// Read a program's icon
///
/// As its application has it in this desktop's icon theme.
#[utoipa::path(
    get,
    path = "/api/v1/apps/icon",
    tag = "apps",
    params(IconQuery),
    responses(
        (status = 200, description = "At most 256 KiB before encoding; null where none is known", body = ProgramIcon),
        (status = 500, description = "The search failed")
    )
)]
pub(crate) async fn read_icon(
    State(api): State<ApiState>,
    Query(query): Query<IconQuery>,
) -> Answer<ProgramIcon> {
    check_length(&query.program, MAX_NAME, "program")?;
    let apps = api.installed_apps.list().await?;
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

/// Read the settings to copy into programs
///
/// For programs with proxy settings of their own, made from where the engine really listens.
#[utoipa::path(
    get,
    path = "/api/v1/apps/settings",
    tag = "apps",
    responses((status = 200, description = "By program", body = Recipes))
)]
pub(crate) async fn read_settings(State(api): State<ApiState>) -> axum::Json<Recipes> {
    axum::Json(Recipes {
        login: !api.engine.config().listen.users.is_empty(),
        recipes: recipes(&addresses(&api)),
    })
}

fn start_state(over_tcp: bool) -> StartState {
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
        proxy_method: proxy_method(app.program()),
    }
}

fn proxy_method(program: &str) -> String {
    let method = match proxy_environment::proxy_method(program) {
        ProxyMethod::Environment => "environment",
        ProxyMethod::Flag => "flag",
        ProxyMethod::OwnSettings => "own-settings",
    };
    method.to_owned()
}

/// Where programs of this machine reach the engine.
fn addresses(api: &ApiState) -> ProxyAddresses {
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
        login: None,
    }
}
