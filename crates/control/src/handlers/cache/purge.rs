//! DELETE /api/v1/cache, POST /api/v1/cache/undo and /pin: purges, taking them back, and what stays in a full cache.

use std::time::Duration;

use axum::extract::State;
use privet_api::Problem;
use privet_api::cache::{PinRequest, PurgeQuery, Purged, UndoPurge};
use privet_cache::site::site_of;
use privet_cache::{EntryChange, EntrySelector, PurgeId};
use privet_engine::caches::Caches;

use super::{MAX_URL, check_lengths};
use crate::extract::{self, Json, Query};
use crate::rejection::{Answer, Rejection};
use crate::state::ApiState;

/// Longest host, in characters.
const MAX_HOST: usize = 255;
/// Longest tag, in characters.
const MAX_TAG: usize = 256;
/// The largest number of a purge.
const MAX_PURGE: u32 = i32::MAX as u32;
/// How long a purge waits until it is on disk.
const DISK_TIMEOUT: Duration = Duration::from_secs(5);

/// Purge stored responses
#[utoipa::path(
    delete,
    path = "/api/v1/cache",
    tag = "connections",
    params(PurgeQuery),
    responses((status = 200, description = "How many responses that were", body = Purged))
)]
pub(crate) async fn purge_cache(
    State(api): State<ApiState>,
    Query(query): Query<PurgeQuery>,
) -> Answer<Purged> {
    let given = check_lengths(&[
        ("prefix", &query.prefix, MAX_URL),
        ("host", &query.host, MAX_HOST),
        ("url", &query.url, MAX_URL),
        ("tag", &query.tag, MAX_TAG),
        ("site", &query.site, MAX_HOST),
    ])?;
    if given != 1 {
        return Err(Problem::bad_request(
            "A purge needs one of prefix, host, url, tag and site; an empty prefix purges all.",
        )
        .into());
    }
    let purge = query.soft.then(PurgeId::next);
    let change = purge.map_or(EntryChange::Remove, EntryChange::PurgeSoftly);
    let caches = api.engine.caches();
    let changed = blocking(move || change_all(&caches, &selection(&query), change)).await?;
    let undo = purge.filter(|_| changed.count > 0).map(|purge| purge.0);
    Ok(axum::Json(Purged { undo, ..changed }))
}

fn selection(query: &PurgeQuery) -> EntrySelector<'_> {
    let texts = (
        &query.prefix,
        &query.host,
        &query.url,
        &query.tag,
        &query.site,
    );
    match texts {
        (Some(prefix), ..) => EntrySelector::Prefix(prefix),
        (_, Some(host), ..) => EntrySelector::Host(host),
        (_, _, Some(url), ..) => EntrySelector::Url(url),
        (_, _, _, Some(tag), _) => EntrySelector::Tag(tag),
        (.., site) => EntrySelector::Site(site_of(site.as_deref().unwrap_or_default())),
    }
}

/// Undo a soft purge
#[utoipa::path(
    post,
    path = "/api/v1/cache/undo",
    tag = "connections",
    request_body = UndoPurge,
    responses((status = 200, description = "How many responses may be used again; none where they are gone or were confirmed meanwhile", body = Purged))
)]
pub(crate) async fn undo_purge(
    State(api): State<ApiState>,
    Json(request): Json<UndoPurge>,
) -> Answer<Purged> {
    if request.purge > MAX_PURGE {
        let text = format!("Purges have numbers up to {MAX_PURGE}.");
        return Err(Problem::bad_request(text).into());
    }
    let caches = api.engine.caches();
    let purge = PurgeId(request.purge);
    let changed = blocking(move || {
        let selection = EntrySelector::Purge(purge);
        change_all(&caches, &selection, EntryChange::Restore)
    });
    Ok(axum::Json(changed.await?))
}

/// Pin or unpin a URL
#[utoipa::path(
    post,
    path = "/api/v1/cache/pin",
    tag = "connections",
    request_body = PinRequest,
    responses((status = 200, description = "How many responses the URL has", body = Purged))
)]
pub(crate) async fn pin_cached(
    State(api): State<ApiState>,
    Json(request): Json<PinRequest>,
) -> Answer<Purged> {
    extract::check_length(&request.url, MAX_URL, "url")?;
    let caches = api.engine.caches();
    let change = match request.pinned {
        true => EntryChange::Pin,
        false => EntryChange::Unpin,
    };
    let changed = blocking(move || {
        let selection = EntrySelector::Url(&request.url);
        change_all(&caches, &selection, change)
    });
    Ok(axum::Json(changed.await?))
}

/// Changes what is selected in both caches, and waits until that is on disk.
fn change_all(caches: &Caches, selection: &EntrySelector<'_>, change: EntryChange) -> Purged {
    let mut changed = Purged {
        count: 0,
        durable: true,
        undo: None,
    };
    for cache in [&caches.forward, &caches.sites].into_iter().flatten() {
        changed.count += cache.change(selection, change) as u64;
        changed.durable &= cache.flush(DISK_TIMEOUT);
    }
    changed
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Rejection> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Problem::internal(error.to_string()).into())
}
