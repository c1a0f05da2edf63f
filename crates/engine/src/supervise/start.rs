//! Starts an engine: configuration, threads, listeners, connection log, lists, snapshot, supervisor. If a step fails,
//! what was started is dropped again.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime};

use arc_swap::ArcSwap;
use privet_config::unix_time::now_ms;
use privet_config::{Config, LoadedConfig};
use privet_connection_log::ConnectionLog;
use privet_system::{Processes, ProgramFinder};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::accept::connection_limit::ConnectionLimit;
use crate::accept::listener::{self, BoundListener, ListenerKind, PortUse};
use crate::accept::pressure::Pressure;
use crate::accept::workers::Workers;
use crate::engine::Engine;
use crate::gateway::login_failures::LoginFailures;
use crate::https::CertificateUse;
use crate::policy_changes::PolicyChanges;
use crate::problems::Problems;
use crate::shared::Shared;
use crate::snapshot::Snapshot;
use crate::supervise::certificate_watch::CertificateWatch;
use crate::supervise::command::{Command, channel};
use crate::supervise::configuration::assemble::{Inputs, assemble};
use crate::supervise::configuration::file::fingerprint_of;
use crate::supervise::configuration::secrets::KeyringCache;
use crate::supervise::configuration::watch::watch;
use crate::supervise::connection_log;
use crate::supervise::lists::Lists;
use crate::supervise::mode::switch::requests_off;
use crate::supervise::mode::{ModeSelection, StoredPause, run_pause_timer};
use crate::supervise::options::EngineOptions;
use crate::supervise::rules::RuleHitCounts;
use crate::supervise::scan_rule_watch::ScanRuleWatch;
use crate::supervise::start_error::StartError;
use crate::supervise::supervisor::Supervisor;
use crate::supervise::timeline::Timeline;
use crate::supervise::watched_files::WatchedFiles;

/// What the data folder holds.
struct StoredState {
    lists: Lists,
    hit_counts: RuleHitCounts,
    timeline: Timeline,
    pause: Option<StoredPause>,
}

impl Engine {
    /// Starts an engine: control on the calling runtime, the data plane on threads of its own.
    ///
    /// # Errors
    /// The configuration is not valid, a listener cannot be bound or a secret cannot be read; the text says what to do.
    pub async fn start(options: EngineOptions) -> Result<Self, StartError> {
        let problems = Problems::default();
        let loaded = load_config(&options).await?;
        let (config, text) = (Arc::new(loaded.config), loaded.text);
        for warning in &loaded.warnings {
            tracing::warn!(
                "{}",
                warning.in_one_line(&options.config_path.display().to_string())
            );
        }
        let connection_limit = Arc::new(ConnectionLimit::default());
        let threads = options.threads.unwrap_or_else(cores);
        let workers = Workers::start(threads, &connection_limit)?;
        let bound = bind_all(&options, &config, workers.count())?;
        let connection_log = open_connection_log(&options, &config).await?;
        let mut stored = load_stored(&options, &config, &problems).await?;
        let modes = restore_pause(&config, stored.pause.as_ref());
        let snapshot = first_snapshot(&options, &config, &modes, &bound, &mut stored).await?;
        connection_log.keep_history(snapshot.keeps_history());
        connection_log.record_requests(requests_off(&snapshot.config, &modes).is_none());
        let shared = Arc::new(Shared {
            snapshot: ArcSwap::from_pointee(snapshot),
            policy_changes: PolicyChanges::default(),
            connection_log,
            programs: ProgramFinder::start(Processes::new())?,
            login_failures: LoginFailures::default(),
            problems,
            connection_limit,
            activity: Notify::new(),
            client_connections: Arc::default(),
            pressure: Pressure::default(),
            client_pressure: Pressure::default(),
            secret_refresh: Semaphore::new(1),
            identity_epoch: AtomicU64::new(0),
            mode: ArcSwap::from_pointee(modes.state()),
            modes: Mutex::new(modes),
            pause_changed: Notify::new(),
            stopping: CancellationToken::new(),
            listening: ArcSwap::default(),
        });
        shared.snapshot.load().caches.report(&shared.problems);
        shared.snapshot.load().caches.connect();
        let options = Arc::new(options);
        let commands = start_supervisor(&options, &shared, workers, stored, bound, text).await;
        Ok(Self {
            shared,
            commands,
            options,
        })
    }
}

async fn load_config(options: &EngineOptions) -> Result<LoadedConfig, StartError> {
    let path = options.config_path.clone();
    let loaded = tokio::task::spawn_blocking(move || Config::load(&path)).await;
    loaded
        .map_err(std::io::Error::other)?
        .map_err(StartError::Config)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Sockets that were handed over replace the configured listeners of their kind; the others are bound.
fn bind_all(
    options: &EngineOptions,
    config: &Config,
    shares: usize,
) -> Result<Vec<BoundListener>, StartError> {
    let mut bound = Vec::new();
    for (kind, socket) in &options.adopted {
        let socket = socket.try_clone()?;
        bound.push(BoundListener::adopt(*kind, socket).map_err(StartError::listen)?);
    }
    let adopted: Vec<ListenerKind> = options.adopted.iter().map(|(kind, _)| *kind).collect();
    for name in listener::beside(listener::wanted(config), &adopted) {
        bound.push(BoundListener::bind(name, shares, PortUse::Free).map_err(StartError::listen)?);
    }
    Ok(bound)
}

/// Opens the connection log. A database that cannot be read is set aside and reported as one of its problems.
async fn open_connection_log(
    options: &EngineOptions,
    config: &Config,
) -> Result<ConnectionLog, StartError> {
    let settings = connection_log::settings(&options.data_dir, config);
    let started = tokio::task::spawn_blocking(move || ConnectionLog::start(settings));
    Ok(started.await.map_err(std::io::Error::other)?)
}

/// Loads what earlier runs stored. Files that cannot be read are set aside and raised as problems.
async fn load_stored(
    options: &EngineOptions,
    config: &Config,
    problems: &Problems,
) -> Result<StoredState, StartError> {
    let (filter, folder) = (config.filter.clone(), options.data_dir.clone());
    let loaded = tokio::task::spawn_blocking(move || {
        let (hit_counts, rules_notice) = RuleHitCounts::load(&folder);
        let (timeline, changes_notice) = Timeline::load(&folder);
        let pause = StoredPause::load(&folder);
        let mut lists = Lists::open(folder);
        lists.load(&filter);
        let stored = StoredState {
            lists,
            hit_counts,
            timeline,
            pause,
        };
        let notices = [("rules", rules_notice), ("changes", changes_notice)];
        (stored, notices)
    });
    let (stored, notices) = loaded.await.map_err(std::io::Error::other)?;
    for (about, notice) in notices {
        if let Some(notice) = notice {
            problems.raise(about, notice, "nothing; the file set aside may be deleted");
        }
    }
    Ok(stored)
}

/// The configuration's mode, and the pause of an earlier run if it goes on.
fn restore_pause(config: &Config, stored: Option<&StoredPause>) -> ModeSelection {
    let pause = stored.and_then(|stored| stored.after_restart(config, SystemTime::now()));
    if let (Some(stored), None) = (stored, &pause) {
        tracing::info!(pause = ?stored, mode = config.mode, "the restart ended the pause");
    }
    ModeSelection::with_pause(config.mode.clone(), pause)
}

async fn first_snapshot(
    options: &EngineOptions,
    config: &Arc<Config>,
    modes: &ModeSelection,
    bound: &[BoundListener],
    stored: &mut StoredState,
) -> Result<Snapshot, StartError> {
    let (keyring, of) = (options.keyring.clone(), config.clone());
    let secrets = tokio::task::spawn_blocking(move || {
        KeyringCache::read(&of, &KeyringCache::default(), &*keyring)
    });
    let inputs = Inputs {
        mode: modes.current(SystemTime::now()).to_owned(),
        list_texts: stored.lists.text_paths(),
        lists: stored.lists.policy_lists(),
        temporary: Vec::new(),
        hit_counters: stored.hit_counts.hit_counters().clone(),
        own: bound.iter().map(BoundListener::state).collect(),
        secrets: secrets.await.map_err(std::io::Error::other)?,
        certificates: CertificateUse::Serve(options.certificate_folder()),
        keyring: Some(options.keyring.clone()),
        cache_folder: Some(options.cache_folder()),
        generation: 1,
        previous: None,
        config: config.clone(),
    };
    assemble(inputs).await
}

async fn start_supervisor(
    options: &Arc<EngineOptions>,
    shared: &Arc<Shared>,
    workers: Workers,
    stored: StoredState,
    bound: Vec<BoundListener>,
    text: Option<String>,
) -> mpsc::Sender<Command> {
    let (commands, received) = channel();
    let (file_watch, file_changes, error) = watch(std::slice::from_ref(&options.config_path));
    if let Some(error) = error {
        tracing::debug!("the configuration's folder is not watched: {error}");
    }
    let mut hit_counts = stored.hit_counts;
    hit_counts.adopt(&shared.snapshot.load().policy, now_ms());
    let mut supervisor = Supervisor {
        options: (**options).clone(),
        shared: shared.clone(),
        workers,
        listeners: Default::default(),
        lists: stored.lists,
        saved_pause: stored.pause,
        _pause_timer: AbortOnDropHandle::new(tokio::spawn(run_pause_timer(shared.clone()))),
        health_checks: None,
        site_checks: None,
        fetches: JoinSet::new(),
        commands: commands.clone(),
        loaded_from_file: text.is_some(),
        // Of what was loaded: the file may have changed since, or be gone.
        file_fingerprint: text.as_deref().map(fingerprint_of),
        config_text: text.unwrap_or_default(),
        timeline: stored.timeline,
        temporary_rules: Vec::new(),
        expiry_checked: SystemTime::UNIX_EPOCH,
        hit_counts,
        hit_counts_saved_at: Instant::now(),
        reported_log_problems: Vec::new(),
        lists_saved_at: Instant::now(),
        list_files: WatchedFiles::default(),
        secret_files: WatchedFiles::default(),
        certificates: CertificateWatch::default(),
        scan_rules: ScanRuleWatch::default(),
        authority_made_at: None,
        refresh_waiters: Vec::new(),
    };
    supervisor.save_pause().await;
    supervisor.report_list_problems();
    supervisor.watch_scan_rules();
    supervisor.watch_list_files();
    supervisor.watch_certificates();
    supervisor.watch_secret_files().await;
    supervisor.reload_certificates().await;
    supervisor.start_listeners(bound).await;
    supervisor.watch_descriptors().await;
    tokio::spawn(async move {
        supervisor.file_changed().await;
        supervisor.run(received, file_changes).await;
        drop(file_watch);
    });
    commands
}
