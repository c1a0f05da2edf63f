//! `/api/v1/inspect`: HTTPS inspection, its authority, who trusts it, and what passes untouched.

use std::time::SystemTime;

use axum::extract::State;
use privet_api::Problem;
use privet_api::config::{Change, ChangeQuery};
use privet_api::inspect::{
    ExceptRequest, ExceptionQuery, ExceptionsEnded, Inspection, InspectionAuthority,
    InspectionCounts, InspectionException, ShippedHosts, TrustRequest, TrustStore, TrustStores,
};
use privet_config::format_timestamp_seconds;
use privet_engine::{AuthorityFacts, AuthorityStorage, Exception, ExceptionReason};
use privet_policy::{SHIPPED_DATE, shipped_hosts};
use privet_system::trust::{self, Authority, StoreFolders};
use serde_json::json;

use crate::config_edit::edit;
use crate::extract::{Json, Query, check_length};
use crate::rejection::Answer;
use crate::request_source::RequestSource;
use crate::state::ApiState;

/// The most stores that a change names.
const MAX_STORES: usize = 100;
/// The longest id of a store, in bytes.
const MAX_ID: usize = 4200;
/// The longest host, in characters.
const MAX_HOST: usize = 255;

/// Read the state of HTTPS inspection
///
/// Whether the authority is trusted is measured for each call.
#[utoipa::path(
    get,
    path = "/api/v1/inspect",
    tag = "inspection",
    responses((status = 200, description = "The authority, hosts, exceptions and counts", body = Inspection))
)]
pub(crate) async fn read_inspection(State(api): State<ApiState>) -> Answer<Inspection> {
    Ok(axum::Json(inspection(&api).await))
}

/// Create the authority
///
/// Makes the authority of this installation where there is none. Inspection need not be on.
#[utoipa::path(
    post,
    path = "/api/v1/inspect/ca",
    tag = "inspection",
    responses(
        (status = 200, description = "As of GET /inspect", body = Inspection),
        (status = 409, description = "The authority cannot be made or read, such as while the keyring is locked")
    )
)]
pub(crate) async fn make_authority(State(api): State<ApiState>) -> Answer<Inspection> {
    api.engine
        .ensure_inspection_authority()
        .await
        .map_err(Problem::conflict)?;
    Ok(axum::Json(inspection(&api).await))
}

/// Change who trusts the authority
///
/// Adds the authority to stores of this machine, or removes it, where that needs no rights beyond those of the user. The
/// authority is made where there is none.
#[utoipa::path(
    put,
    path = "/api/v1/inspect/trust",
    tag = "inspection",
    request_body = TrustRequest,
    responses(
        (status = 200, description = "The stores as they are now", body = TrustStores),
        (status = 409, description = "The authority cannot be made or read"),
        (status = 422, description = "There is no such store")
    )
)]
pub(crate) async fn change_trust(
    State(api): State<ApiState>,
    Json(request): Json<TrustRequest>,
) -> Answer<TrustStores> {
    let wanted = request.stores.as_deref().unwrap_or_default();
    if wanted.len() > MAX_STORES {
        let text = format!("At most {MAX_STORES} stores are changed at once.");
        return Err(Problem::unprocessable("stores", text).into());
    }
    for id in wanted {
        check_length(id, MAX_ID, "stores")?;
    }
    let ensured = api.engine.ensure_inspection_authority().await;
    let facts = ensured.map_err(Problem::conflict)?;
    let authority = authority_of(&facts);
    let changed = tokio::task::spawn_blocking(move || change_stores(&authority, &request)).await;
    let stores = changed.map_err(|error| Problem::internal(error.to_string()))??;
    Ok(axum::Json(TrustStores { stores }))
}

fn change_stores(
    authority: &Authority,
    request: &TrustRequest,
) -> Result<Vec<TrustStore>, Problem> {
    let folders = StoreFolders::of_user();
    let before = trust::measure(authority, &folders);
    if let Some(wanted) = &request.stores
        && let Some(unknown) = wanted
            .iter()
            .find(|id| before.iter().all(|store| store.id != **id))
    {
        let text = format!("There is no store {}.", privet_api::escape(unknown));
        return Err(Problem::unprocessable("stores", text));
    }
    let mut problems = Vec::new();
    for store in &before {
        let is_wanted = match &request.stores {
            Some(wanted) => wanted.contains(&store.id),
            None => store.writable,
        };
        if is_wanted && let Err(why) = trust::change(authority, store, request.trusted, &folders) {
            problems.push((store.id.clone(), why));
        }
    }
    let after = trust::measure(authority, &folders).into_iter();
    Ok(after
        .map(|store| {
            let failed = problems.iter().find(|(id, _)| *id == store.id);
            let failed = failed.map(|(_, why)| why.clone());
            let mut shown = trust_store(store);
            shown.problem = failed.or(shown.problem);
            shown
        })
        .collect())
}

/// Except a host from inspection
///
/// Adds a host to `[inspect] except`. Its tunnels pass untouched from then on; inspected connections to it are closed.
#[utoipa::path(
    post,
    path = "/api/v1/inspect/except",
    tag = "inspection",
    params(ChangeQuery),
    request_body = ExceptRequest,
    responses(
        (status = 200, description = "What the change did or would do", body = Change),
        (status = 422, description = "The host is not valid")
    )
)]
pub(crate) async fn except_host(
    State(api): State<ApiState>,
    RequestSource(source): RequestSource,
    Query(query): Query<ChangeQuery>,
    Json(request): Json<ExceptRequest>,
) -> Answer<Change> {
    check_host(&request.host)?;
    let mut except = api.engine.config().inspect.except.clone();
    if !except.contains(&request.host) {
        except.push(request.host);
    }
    let patch = json!({ "inspect": { "except": except } });
    Ok(edit(&api, source, query, move |document| document.merge(&patch)).await?)
}

/// End exceptions of a host
///
/// Ends exceptions that were made because a program refused the certificate, or a host asked for one of the client.
#[utoipa::path(
    delete,
    path = "/api/v1/inspect/exceptions",
    tag = "inspection",
    params(ExceptionQuery),
    responses((status = 200, description = "How many ended", body = ExceptionsEnded))
)]
pub(crate) async fn end_exceptions(
    State(api): State<ApiState>,
    Query(query): Query<ExceptionQuery>,
) -> Answer<ExceptionsEnded> {
    check_host(&query.host)?;
    check_length(query.app.as_deref().unwrap_or_default(), 4096, "app")?;
    let count = api.engine.inspection().map_or(0, |inspection| {
        inspection.forget_exceptions(&query.host, query.app.as_deref())
    });
    Ok(axum::Json(ExceptionsEnded {
        count: count as u64,
    }))
}

fn check_host(host: &str) -> Result<(), Problem> {
    match host.is_empty() {
        true => Err(Problem::bad_request("`host` is empty.")),
        false => check_length(host, MAX_HOST, "host"),
    }
}

async fn inspection(api: &ApiState) -> Inspection {
    let config = api.engine.config();
    let running = api.engine.inspection();
    let facts = api.engine.inspection_authority().await;
    let stores = match &facts {
        None => Vec::new(),
        Some(facts) => {
            let authority = authority_of(facts);
            let measuring = move || trust::measure(&authority, &StoreFolders::of_user());
            tokio::task::spawn_blocking(measuring)
                .await
                .unwrap_or_default()
        }
    };
    let excepted = running.as_ref().map(|running| running.excepted());
    let counts = running.as_ref().map(|running| running.counts());
    let counts = counts.unwrap_or_default();
    Inspection {
        enabled: config.inspect.enabled,
        hosts: config.inspect.hosts.clone(),
        except: config.inspect.except.clone(),
        sni_mismatch: config.inspect.sni_mismatch.as_str().to_owned(),
        ca: facts.as_deref().map(authority_view),
        stores: stores.into_iter().map(trust_store).collect(),
        exceptions: excepted
            .unwrap_or_default()
            .into_iter()
            .map(exception)
            .collect(),
        shipped: ShippedHosts {
            date: SHIPPED_DATE.to_owned(),
            hosts: shipped_hosts().count() as u64,
        },
        counts: InspectionCounts {
            inspected: counts.inspected,
            untouched: counts.untouched,
            bad_certificates: counts.bad_certificates,
            refused: counts.refused,
        },
    }
}

fn authority_of(facts: &AuthorityFacts) -> Authority {
    Authority {
        pem: facts.pem.clone(),
        name: facts.common_name.clone(),
    }
}

fn time(at: SystemTime) -> String {
    format_timestamp_seconds(at)
}

fn authority_view(facts: &AuthorityFacts) -> InspectionAuthority {
    InspectionAuthority {
        subject: facts.common_name.clone(),
        fingerprint: facts.fingerprint.clone(),
        not_before: time(facts.not_before),
        not_after: time(facts.not_after),
        key_storage: match facts.storage() {
            AuthorityStorage::Keyring => "keyring",
            AuthorityStorage::File => "file",
        }
        .to_owned(),
        pem: facts.pem.clone(),
    }
}

fn trust_store(store: trust::TrustStore) -> TrustStore {
    TrustStore {
        id: store.id,
        kind: store.kind.word().to_owned(),
        name: store.name,
        path: store.path.display().to_string(),
        trusted: store.trusted,
        problem: store.problem,
        writable: store.writable,
        steps: store.steps,
    }
}

fn exception(exception: Exception) -> InspectionException {
    InspectionException {
        host: exception.host,
        app: exception.client,
        reason: match exception.reason {
            ExceptionReason::RefusedCertificate => "refused-certificate",
            ExceptionReason::ClientCertificate => "client-certificate",
        }
        .to_owned(),
        since: time(exception.since),
        until: time(exception.until),
        times: exception.times,
    }
}
