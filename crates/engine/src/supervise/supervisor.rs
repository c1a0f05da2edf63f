//! The supervisor's state. The work on it is in [`run`](super::run) and in the folders of what is changed.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use privet_config::Retention;
use privet_sites::SiteTable;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::accept::listener::Open;
use crate::accept::workers::Workers;
use crate::shared::Shared;
use crate::supervise::certificate_watch::CertificateWatch;
use crate::supervise::command::Command;
use crate::supervise::lists::Lists;
use crate::supervise::mode::StoredPause;
use crate::supervise::options::EngineOptions;
use crate::supervise::rules::RuleHitCounts;
use crate::supervise::rules::tracked::TrackedRule;
use crate::supervise::scan_rule_watch::ScanRuleWatch;
use crate::supervise::timeline::Timeline;
use crate::supervise::watched_files::WatchedFiles;

/// Owns everything that may change. Only one task holds it, so no two changes can overlap and no lock is needed.
pub(crate) struct Supervisor {
    pub(crate) options: EngineOptions,
    pub(crate) shared: Arc<Shared>,
    pub(crate) workers: Workers,
    pub(crate) listeners: Open,
    pub(crate) lists: Lists,
    /// The pause as it was last stored in the data folder.
    pub(crate) saved_pause: Option<StoredPause>,
    /// Ends pauses; stops with the supervisor.
    pub(crate) _pause_timer: AbortOnDropHandle<()>,
    /// Active health checks of the current upstreams; replaced together with them.
    pub(crate) health_checks: Option<AbortOnDropHandle<()>>,
    /// Active health checks of the sites' backends, with the sites that they are of.
    pub(crate) site_checks: Option<(Arc<SiteTable>, AbortOnDropHandle<()>)>,
    /// Running fetches of lists; they end with the supervisor.
    pub(crate) fetches: JoinSet<()>,
    pub(crate) commands: mpsc::Sender<Command>,
    /// Fingerprint of the file when it was last read or written; `None`: there was no readable file.
    pub(crate) file_fingerprint: Option<u64>,
    /// Text of the current configuration, as the file holds or held it.
    pub(crate) config_text: String,
    pub(crate) timeline: Timeline,
    pub(crate) temporary_rules: Vec<TrackedRule>,
    /// Rules of the file that expired up to here were removed, or are there on purpose.
    pub(crate) expiry_checked: SystemTime,
    pub(crate) hit_counts: RuleHitCounts,
    pub(crate) hit_counts_saved_at: Instant,
    /// The current configuration came from a file. If the file vanishes, the defaults must not replace it: they may send
    /// direct what a kill switch holds back.
    pub(crate) loaded_from_file: bool,
    /// Problems of the connection log that were logged already.
    pub(crate) reported_log_problems: Vec<String>,
    pub(crate) lists_saved_at: Instant,
    pub(crate) list_files: WatchedFiles,
    /// The files that hold secrets.
    pub(crate) secret_files: WatchedFiles,
    pub(crate) certificates: CertificateWatch,
    pub(crate) scan_rules: ScanRuleWatch,
    /// When the inspection authority was last made anew, or that was tried.
    pub(crate) authority_made_at: Option<Instant>,
    /// Callers that wait for a list to be fetched, by the list's name.
    pub(crate) refresh_waiters: Vec<(String, oneshot::Sender<bool>)>,
}

impl Supervisor {
    /// Whether data that shows where the user went may be on disk.
    pub(crate) fn keeps_connections_on_disk(&self) -> bool {
        let retention = self.shared.snapshot.load().config.log.connections;
        matches!(retention, Retention::Disk(_))
    }

    /// Starts the health checks of the current upstreams; those of earlier ones end.
    pub(crate) fn start_health_checks(&mut self) {
        let dialer = self.shared.snapshot.load().dialer.clone();
        let checks = tokio::spawn(async move { dialer.run_checks().await });
        self.health_checks = Some(AbortOnDropHandle::new(checks));
        self.start_site_checks();
    }

    /// Starts the health checks of the current sites, unless they run already.
    fn start_site_checks(&mut self) {
        let sites = self.shared.snapshot.load().sites.clone();
        let runs = self.site_checks.as_ref().map(|(of, _)| of);
        if runs.is_some_and(|of| Arc::ptr_eq(of, &sites)) {
            return;
        }
        let checks = tokio::spawn(privet_sites::health_checks::run(sites.clone()));
        self.site_checks = Some((sites, AbortOnDropHandle::new(checks)));
    }
}
