//! The calls of the API, typed. Errors are those of every call: the engine does not answer, or refuses.

use bytes::Bytes;
use http::Method;
use serde::Serialize;
use serde::de::IgnoredAny;

use super::request::{refusal, segment, with_query};
use super::{Client, ClientError};
use crate::apps::Recipes;
use crate::cache::{CacheQuery, CacheState, PinRequest, PurgeQuery, Purged, UndoPurge};
use crate::changes::{ChangesQuery, Timeline, TimelineEntry};
use crate::config::{Change, TOML};
use crate::connections::{CloseQuery, Closed, ConnectionPage, ConnectionsQuery};
use crate::diagnostics::Diagnosis;
use crate::event_stream::EventStream;
use crate::events::EventsQuery;
use crate::export::ExportQuery;
use crate::first_run::FirstRun;
use crate::identity::Identity;
use crate::inspect::{
    ExceptRequest, ExceptionQuery, ExceptionsEnded, Inspection, TrustRequest, TrustStores,
};
use crate::lists::{List, ListAction, ListLines, Lists, NewList};
use crate::login_code::{LoginCode, LoginCodeRequest};
use crate::requests::{RequestExportQuery, RequestPage, RequestsQuery};
use crate::rules::{NewRule, RuleMove, RuleUpdate, Rules};
use crate::scan::{ScanAllowance, ScanAllowed, ScanFileQuery, ScanState, ScanTest};
use crate::secrets::Secrets;
use crate::sites::{BackendUpdate, SiteBackend, Sites};
use crate::status::{Mode, ModeRequest, Status};
use crate::system_proxy::{SystemProxy, SystemProxyRequest};
use crate::upstreams::{Outbounds, UpstreamTest};
use crate::usage::{Usage, UsageQuery, WipeQuery, Wiped};
use crate::why::{Explanation, WhyQuery};

impl Client {
    /// Checks that an engine answers; it may be of another version.
    pub async fn ping(&self) -> Result<(), ClientError> {
        let status: Result<IgnoredAny, _> = self.get("/api/v1/status", &()).await;
        status.map(drop)
    }

    /// # Errors
    /// As every call: the engine does not answer, or refuses.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.get("/api/v1/status", &()).await
    }

    pub async fn set_mode(&self, request: &ModeRequest) -> Result<Mode, ClientError> {
        self.send(Method::PUT, "/api/v1/mode", Some(request)).await
    }

    pub async fn connections(
        &self,
        query: &ConnectionsQuery,
    ) -> Result<ConnectionPage, ClientError> {
        self.get("/api/v1/connections", query).await
    }

    pub async fn requests(&self, query: &RequestsQuery) -> Result<RequestPage, ClientError> {
        self.get("/api/v1/requests", query).await
    }

    pub async fn cache(&self, query: &CacheQuery) -> Result<CacheState, ClientError> {
        self.get("/api/v1/cache", query).await
    }

    pub async fn purge_cache(&self, query: &PurgeQuery) -> Result<Purged, ClientError> {
        self.delete("/api/v1/cache", query).await
    }

    pub async fn undo_purge(&self, purge: &UndoPurge) -> Result<Purged, ClientError> {
        self.send(Method::POST, "/api/v1/cache/undo", Some(purge))
            .await
    }

    pub async fn pin_cached(&self, request: &PinRequest) -> Result<Purged, ClientError> {
        self.send(Method::POST, "/api/v1/cache/pin", Some(request))
            .await
    }

    pub async fn scan(&self) -> Result<ScanState, ClientError> {
        self.get("/api/v1/scan", &()).await
    }

    pub async fn test_scan(&self) -> Result<ScanTest, ClientError> {
        self.send(Method::POST, "/api/v1/scan/test", None::<&()>)
            .await
    }

    /// Lets a client take a body that was stopped once.
    pub async fn allow_once(&self, body: &ScanAllowance) -> Result<ScanAllowed, ClientError> {
        self.send(Method::POST, "/api/v1/scan/allow", Some(body))
            .await
    }

    /// Asks the scanners about a file.
    pub async fn scan_file(
        &self,
        query: &ScanFileQuery,
        content: Bytes,
    ) -> Result<ScanTest, ClientError> {
        let path = with_query("/api/v1/scan/file", query)?;
        self.call_with(Method::POST, &path, "application/octet-stream", content)
            .await
    }

    pub async fn inspection(&self) -> Result<Inspection, ClientError> {
        self.get("/api/v1/inspect", &()).await
    }

    /// Makes the authority where there is none.
    pub async fn ensure_inspection_authority(&self) -> Result<Inspection, ClientError> {
        self.send(Method::POST, "/api/v1/inspect/ca", None::<&()>)
            .await
    }

    pub async fn change_trust(&self, request: &TrustRequest) -> Result<TrustStores, ClientError> {
        self.send(Method::PUT, "/api/v1/inspect/trust", Some(request))
            .await
    }

    pub async fn except_from_inspection(
        &self,
        request: &ExceptRequest,
    ) -> Result<Change, ClientError> {
        self.send(Method::POST, "/api/v1/inspect/except", Some(request))
            .await
    }

    pub async fn end_inspection_exceptions(
        &self,
        query: &ExceptionQuery,
    ) -> Result<ExceptionsEnded, ClientError> {
        self.delete("/api/v1/inspect/exceptions", query).await
    }

    /// The connections that match, as a file.
    pub async fn export(&self, query: &ExportQuery) -> Result<Bytes, ClientError> {
        self.file("/api/v1/connections/export", query).await
    }

    /// The requests that match, as HAR.
    pub async fn export_requests(&self, query: &RequestExportQuery) -> Result<Bytes, ClientError> {
        self.file("/api/v1/requests/export", query).await
    }

    async fn file(&self, path: &str, query: &impl Serialize) -> Result<Bytes, ClientError> {
        let target = with_query(path, query)?;
        let request = self.request(Method::GET, &target, None::<&()>)?;
        let answer = self.exchange(request).await?;
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        Err(refusal(answer.status, &answer.body))
    }

    pub async fn close(&self, id: u64) -> Result<Closed, ClientError> {
        self.delete(&format!("/api/v1/connections/{id}"), &()).await
    }

    pub async fn close_matching(&self, filter: &str) -> Result<Closed, ClientError> {
        let query = CloseQuery {
            filter: filter.to_owned(),
            ids: None,
        };
        self.delete("/api/v1/connections", &query).await
    }

    pub async fn why(&self, query: &WhyQuery) -> Result<Explanation, ClientError> {
        self.get("/api/v1/why", query).await
    }

    /// Events as they come; the stream has no end of its own.
    pub async fn watch(&self, query: &EventsQuery) -> Result<EventStream, ClientError> {
        self.events("/api/v1/events", query).await
    }

    pub async fn upstreams(&self) -> Result<Outbounds, ClientError> {
        self.get("/api/v1/upstreams", &()).await
    }

    pub async fn test_upstream(&self, name: &str) -> Result<UpstreamTest, ClientError> {
        let path = format!("/api/v1/upstreams/{}/test", segment(name));
        self.send(Method::POST, &path, None::<&()>).await
    }

    pub async fn sites(&self) -> Result<Sites, ClientError> {
        self.get("/api/v1/sites", &()).await
    }

    /// Changes a backend by hand. `backend`: its id.
    pub async fn change_backend(
        &self,
        site: &str,
        backend: &str,
        update: &BackendUpdate,
    ) -> Result<SiteBackend, ClientError> {
        let path = format!(
            "/api/v1/sites/{}/backends/{}",
            segment(site),
            segment(backend)
        );
        self.send(Method::PATCH, &path, Some(update)).await
    }

    pub async fn lists(&self) -> Result<Lists, ClientError> {
        self.get("/api/v1/lists", &()).await
    }

    /// The lines of a list that could not be used.
    pub async fn list_lines(&self, name: &str) -> Result<ListLines, ClientError> {
        let path = format!("/api/v1/lists/{}/lines", segment(name));
        self.get(&path, &()).await
    }

    pub async fn refresh_list(&self, name: &str) -> Result<List, ClientError> {
        let path = format!("/api/v1/lists/{}/refresh", segment(name));
        self.send(Method::POST, &path, None::<&()>).await
    }

    /// The lists and their version.
    pub async fn versioned_lists(&self) -> Result<(Lists, Option<String>), ClientError> {
        self.get_versioned("/api/v1/lists").await
    }

    /// Acts on a list, if the lists still have the `version` that the action was chosen for.
    pub async fn act_on_list(
        &self,
        name: &str,
        action: ListAction,
        version: Option<&str>,
    ) -> Result<List, ClientError> {
        let path = format!("/api/v1/lists/{}/{}", segment(name), action.as_str());
        self.change(version, Method::POST, &path, None::<&()>).await
    }

    pub async fn add_list(&self, request: &NewList) -> Result<Change, ClientError> {
        self.send(Method::POST, "/api/v1/lists", Some(request))
            .await
    }

    pub async fn remove_list(&self, name: &str) -> Result<Change, ClientError> {
        let path = format!("/api/v1/lists/{}", segment(name));
        self.delete(&path, &()).await
    }

    pub async fn usage(&self, query: &UsageQuery) -> Result<Usage, ClientError> {
        self.get("/api/v1/usage", query).await
    }

    /// Deletes history and totals of a range, or all.
    pub async fn wipe_usage(&self, query: &WipeQuery) -> Result<Wiped, ClientError> {
        self.delete("/api/v1/usage", query).await
    }

    pub async fn rotate_identity(&self) -> Result<Identity, ClientError> {
        self.send(Method::POST, "/api/v1/identity", None::<&()>)
            .await
    }

    /// Adds a rule, if the rules still have the `version` that its position was chosen for; with `dry_run` only answers what it
    /// would do.
    pub async fn add_rule(
        &self,
        request: &NewRule,
        dry_run: bool,
        version: Option<&str>,
    ) -> Result<Change, ClientError> {
        let path = format!("/api/v1/rules?dry_run={dry_run}");
        self.change(version, Method::POST, &path, Some(request))
            .await
    }

    /// The rules and their version.
    pub async fn versioned_rules(&self) -> Result<(Rules, Option<String>), ClientError> {
        self.get_versioned("/api/v1/rules").await
    }

    pub async fn rules(&self) -> Result<Rules, ClientError> {
        self.get("/api/v1/rules", &()).await
    }

    pub async fn move_rule(&self, id: &str, position: u32) -> Result<Change, ClientError> {
        let path = format!("/api/v1/rules/{}", segment(id));
        let body = RuleMove { position };
        self.send_if(&rule_version(id), Method::PATCH, &path, Some(&body))
            .await
    }

    /// Replaces a rule of the file; its position stays.
    pub async fn replace_rule(
        &self,
        id: &str,
        request: &RuleUpdate,
    ) -> Result<Change, ClientError> {
        let path = format!("/api/v1/rules/{}", segment(id));
        self.send_if(&rule_version(id), Method::PUT, &path, Some(request))
            .await
    }

    pub async fn remove_rule(&self, id: &str) -> Result<Change, ClientError> {
        let path = format!("/api/v1/rules/{}", segment(id));
        self.send_if(&rule_version(id), Method::DELETE, &path, None::<&()>)
            .await
    }

    pub async fn changes(&self, query: &ChangesQuery) -> Result<Timeline, ClientError> {
        self.get("/api/v1/changes", query).await
    }

    pub async fn undo(&self, id: u64) -> Result<TimelineEntry, ClientError> {
        let path = format!("/api/v1/changes/{id}/undo");
        self.send(Method::POST, &path, None::<&()>).await
    }

    pub async fn first_run(&self) -> Result<FirstRun, ClientError> {
        self.get("/api/v1/first-run", &()).await
    }

    pub async fn system_proxy(&self) -> Result<SystemProxy, ClientError> {
        self.get("/api/v1/system-proxy", &()).await
    }

    pub async fn switch_system_proxy(
        &self,
        request: &SystemProxyRequest,
    ) -> Result<SystemProxy, ClientError> {
        self.send(Method::PUT, "/api/v1/system-proxy", Some(request))
            .await
    }

    /// The settings to copy into programs.
    pub async fn recipes(&self) -> Result<Recipes, ClientError> {
        self.get("/api/v1/apps/settings", &()).await
    }

    pub async fn secrets(&self) -> Result<Secrets, ClientError> {
        self.get("/api/v1/secrets", &()).await
    }

    pub async fn doctor(&self) -> Result<Diagnosis, ClientError> {
        self.get("/api/v1/doctor", &()).await
    }

    /// Makes an address of the page that logs a browser in once.
    pub async fn login_code(&self, request: &LoginCodeRequest) -> Result<LoginCode, ClientError> {
        self.send(Method::POST, "/api/v1/login-codes", Some(request))
            .await
    }

    /// The current configuration, and its version.
    pub async fn config(&self) -> Result<(serde_json::Value, Option<String>), ClientError> {
        self.get_versioned("/api/v1/config").await
    }

    /// Applies a JSON merge patch (RFC 7396) to the configuration, if it still has the `version` that it is made from.
    pub async fn patch_config(
        &self,
        patch: &serde_json::Value,
        version: Option<&str>,
    ) -> Result<Change, ClientError> {
        let (method, path) = (Method::PATCH, "/api/v1/config");
        match version {
            Some(version) => self.send_if(version, method, path, Some(patch)).await,
            None => self.send(method, path, Some(patch)).await,
        }
    }

    /// Replaces the configuration by a whole file; with `dry_run` only answers what it would do.
    pub async fn replace_config(&self, text: &str, dry_run: bool) -> Result<Change, ClientError> {
        let path = format!("/api/v1/config?dry_run={dry_run}");
        self.call_with(
            Method::PUT,
            &path,
            TOML,
            Bytes::copy_from_slice(text.as_bytes()),
        )
        .await
    }
}

/// A rule's id changes with its content: it is its version too.
fn rule_version(id: &str) -> String {
    format!("\"{id}\"")
}
