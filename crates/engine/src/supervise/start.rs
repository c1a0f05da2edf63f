//! Engine::start: everything in order, and nothing left behind where a step fails.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

use tokio::task::JoinSet;

use arc_swap::ArcSwap;
use privet_config::{Config, LoadedConfig};
use privet_connection_log::ConnectionLog;

use crate::accept::connection_limit::ConnectionLimit;
use crate::accept::listener::{self, Bound, ListenerKind};
use crate::accept::workers::Workers;
use crate::engine::Engine;
use crate::gateway::authenticate::Failures;
use crate::gateway::programs::Programs;
use crate::policy_changes::Reloads;
use crate::problems::Problems;
use crate::shared::Shared;
use crate::supervise::command::channel;
use crate::supervise::configuration::assemble::{Inputs, assemble};
use crate::supervise::configuration::watch::watch;
use crate::supervise::connection_log;
use crate::supervise::launch::{Options, StartError};
use crate::supervise::lists::Lists;
use crate::supervise::lists::files::ListFiles;
use crate::supervise::mode::Modes;
use crate::supervise::rules::{Counts, now_ms};
use crate::supervise::supervisor::{Supervisor, fingerprint_of};
use crate::supervise::timeline::Timeline;

impl Engine {
    /// Starts an engine on the calling runtime (control) and on threads of its own (data plane).
    ///
    /// # Errors
    /// The configuration is not sound, a listener cannot be bound, a secret cannot be read; the text says the mend.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let problems = Problems::default();
        let loaded = load(&options).await?;
        let config = Arc::new(loaded.config);
        for warning in &loaded.warnings {
            tracing::warn!(
                "{}",
                warning.in_file(&options.config_path.display().to_string())
            );
        }
        let workers = Workers::start(options.threads.unwrap_or_else(cores))?;
        let bound = bind_all(&options, &config, workers.count())?;
        let connection_log = open_connection_log(&options, &config).await?;
        let mut lists = read_lists(&options, &config).await;
        let (counts, timeline) = read_own_files(&options, &problems).await?;
        let snapshot = assemble(Inputs {
            mode: config.mode.clone(),
            texts: lists.texts(),
            lists: lists.active(),
            temporary: Vec::new(),
            hit_counters: counts.hit_counters().clone(),
            own: bound.iter().map(|bound| bound.address).collect(),
            keyring: options.keyring.clone(),
            generation: 1,
            previous: None,
            config: config.clone(),
        })
        .await?;
        let shared = Arc::new(Shared {
            snapshot: ArcSwap::from_pointee(snapshot),
            reloads: Reloads::default(),
            connection_log,
            programs: Programs::start()?,
            failures: Failures::default(),
            problems,
            connection_limit: Arc::new(ConnectionLimit::default()),
            identity_epoch: AtomicU64::new(0),
            mode: ArcSwap::from_pointee(Modes::new(config.mode.clone()).state()),
            listening: ArcSwap::default(),
        });
        let options = Arc::new(options);
        let commands = start_supervisor(
            options.clone(),
            shared.clone(),
            workers,
            lists,
            (counts, timeline),
            &config,
            bound,
        )
        .await;
        Ok(Self {
            shared,
            commands,
            options,
        })
    }
}

async fn load(options: &Options) -> Result<LoadedConfig, StartError> {
    let path = options.config_path.clone();
    let loaded = tokio::task::spawn_blocking(move || Config::load(&path)).await;
    loaded
        .map_err(std::io::Error::other)?
        .map_err(StartError::Config)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Sockets that were handed over at start stand for the listeners of their kind; what they do not cover is bound.
fn bind_all(options: &Options, config: &Config, shares: usize) -> Result<Vec<Bound>, StartError> {
    let mut bound = Vec::new();
    for (kind, socket) in &options.adopted {
        let socket = socket.try_clone()?;
        bound.push(Bound::adopt(*kind, socket).map_err(StartError::listen)?);
    }
    let adopted: Vec<ListenerKind> = options.adopted.iter().map(|(kind, _)| *kind).collect();
    for name in listener::beside(listener::wanted(config), &adopted) {
        bound.push(Bound::bind(name, shares).map_err(StartError::listen)?);
    }
    Ok(bound)
}

/// Opens the connection log; a database that cannot be read is set aside, and the connection log say so among the problems.
async fn open_connection_log(
    options: &Options,
    config: &Config,
) -> Result<ConnectionLog, StartError> {
    let settings = connection_log::settings(&options.data_dir, config);
    Ok(
        tokio::task::spawn_blocking(move || ConnectionLog::start(settings))
            .await
            .map_err(std::io::Error::other)?,
    )
}

/// What earlier runs wrote of the rules and of the changes; what cannot be read is set aside, and said.
async fn read_own_files(
    options: &Options,
    problems: &Problems,
) -> Result<(Counts, Timeline), StartError> {
    let folder = options.data_dir.clone();
    let read =
        tokio::task::spawn_blocking(move || (Counts::load(&folder), Timeline::load(&folder)));
    let ((counts, of_counts), (timeline, of_timeline)) =
        read.await.map_err(std::io::Error::other)?;
    for (about, said) in [("rules", of_counts), ("changes", of_timeline)] {
        if let Some(said) = said {
            problems.raise(about, said, "nothing; what was set aside may be deleted");
        }
    }
    Ok((counts, timeline))
}

async fn read_lists(options: &Options, config: &Config) -> Lists {
    let (filter, folder) = (config.filter.clone(), options.data_dir.clone());
    let read = tokio::task::spawn_blocking(move || {
        let mut lists = Lists::open(folder);
        lists.load(&filter);
        lists
    });
    read.await.unwrap_or_default()
}

async fn start_supervisor(
    options: Arc<Options>,
    shared: Arc<Shared>,
    workers: Workers,
    lists: Lists,
    (mut counts, timeline): (Counts, Timeline),
    config: &Config,
    bound: Vec<Bound>,
) -> tokio::sync::mpsc::Sender<crate::supervise::command::Command> {
    let (commands, received) = channel();
    let (watching, changed, error) = watch(std::slice::from_ref(&options.config_path));
    if let Some(error) = error {
        tracing::debug!("the configuration's folder is not watched: {error}");
    }
    let seen = fingerprint_of(&options.config_path).await;
    counts.adopt(&shared.snapshot.load().policy, now_ms());
    let mut supervisor = Supervisor {
        options: (*options).clone(),
        shared,
        workers,
        open: Default::default(),
        lists,
        modes: Modes::new(config.mode.clone()),
        checks: None,
        fetches: JoinSet::new(),
        commands: commands.clone(),
        from_file: seen.is_some(),
        seen,
        text: String::new(),
        timeline,
        temporary: Vec::new(),
        counts,
        counts_saved: Instant::now(),
        reported_log_problems: Vec::new(),
        lists_saved: Instant::now(),
        list_files: ListFiles::default(),
        refreshing: Vec::new(),
    };
    supervisor.text = supervisor.file_text().await.unwrap_or_default();
    supervisor.say_list_errors();
    supervisor.watch_list_files();
    supervisor.open_doors(bound).await;
    tokio::spawn(async move {
        supervisor.run(received, changed).await;
        drop(watching);
    });
    commands
}
