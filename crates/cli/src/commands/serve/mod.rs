//! `privet serve`: runs the engine in the foreground until a signal stops it.

mod addresses;
mod follower;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use privet_config::{Config, LogFormat};
use privet_control::{ControlServer, SwitchError, SystemProxyControl};
use privet_engine::{Engine, EngineOptions, StartError};
use privet_system::SystemKeyring;
use privet_system::notify::{ServiceState, notify};
use tokio::sync::Notify;

use crate::activation::InheritedSockets;
use crate::commands::Context;
use crate::commands::check::start_faults;
use crate::exit::{Exit, Failure};
use crate::logging;
use crate::signals::{Signal, Signals};
use addresses::print_addresses;
use follower::Follower;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How long open connections may continue after a stop signal
    #[arg(long, value_name = "TIME", default_value = "10s")]
    drain: String,
    /// Threads of the data plane [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<std::num::NonZeroUsize>,
}

/// How to run the engine.
pub struct ServeOptions {
    pub drain: Duration,
    pub threads: Option<std::num::NonZeroUsize>,
    /// Show a tray icon.
    pub tray: bool,
    /// Turn the system proxy on at start.
    pub system_proxy: bool,
}

pub async fn run(
    context: &Context,
    args: Args,
    inherited: InheritedSockets,
) -> Result<Exit, Failure> {
    let drain = privet_config::parse_duration(&args.drain).ok_or_else(|| {
        Failure::usage(format!("\"{}\" is not a time; write 10s or 1m", args.drain))
    })?;
    // Before the socket shows an engine.
    context.options.existing_config()?;
    let serve_options = ServeOptions {
        drain,
        threads: args.threads,
        tray: false,
        system_proxy: false,
    };
    // Before any socket is visible, so that no later signal kills the process.
    let signals = Signals::listen()?;
    #[cfg(unix)]
    let socket = privet_control::servers::unix::bind(&context.options.socket()?)
        .await
        .map_err(|error| Failure::failed(error.to_string()))?;
    start(
        context,
        serve_options,
        signals,
        #[cfg(unix)]
        socket,
        inherited,
    )
    .await
}

/// Starts the engine with its control, and keeps it until a signal or the tray ends it.
pub async fn start(
    context: &Context,
    serve_options: ServeOptions,
    mut signals: Signals,
    #[cfg(unix)] socket: privet_control::ControlSocket,
    inherited: InheritedSockets,
) -> Result<Exit, Failure> {
    let (config_path, data_dir) = (context.options.config()?, context.options.data_dir()?);
    let mut level = start_log(&config_path);
    crate::panic::hook();
    // Before an upgrade replaces it.
    let _ = privet_system::own_program();
    privet_system::limits::raise_open_files();
    make_data_dir(&data_dir)?;
    let desktop = SystemProxyControl::of_session();
    // Restore settings that a crashed Privet left behind, which point at a dead port.
    let recovered = desktop.recover().await;
    let options = EngineOptions {
        config_path,
        data_dir: data_dir.clone(),
        keyring: Arc::new(SystemKeyring),
        adopted: adopted(inherited)?,
        threads: serve_options.threads.map(usize::from),
    };
    let Some(engine) = start_engine(options, &mut signals).await? else {
        return Ok(Exit::Done);
    };
    let control = open_control(
        &engine,
        #[cfg(unix)]
        socket,
        &data_dir,
        desktop.clone(),
    );
    let mut control = control.await?;
    report_system_proxy(&engine, recovered);
    if serve_options.system_proxy {
        report_system_proxy(&engine, desktop.turn_on(&engine, None).await);
    }
    print_addresses(&context.terminal, &engine, &control)?;
    let _ = notify(ServiceState::Ready);
    let (quit, changed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let tray = match serve_options.tray {
        true => Some(start_tray(context, quit.clone(), changed.clone())?),
        false => None,
    };
    let mut follower = Follower {
        engine: &engine,
        control: &mut control,
        level: &mut level,
        changed: &changed,
    };
    let signals = follower.run_until_stopped(signals, &quit).await;
    drop(tray);
    stop(context, &engine, control, signals, serve_options.drain).await
}

/// `None`: a signal ended the start, which may wait for the keyring or for a disk.
async fn start_engine(
    options: EngineOptions,
    signals: &mut Signals,
) -> Result<Option<Engine>, Failure> {
    let config_path = options.config_path.clone();
    tokio::select! {
        started = Engine::start(options) => match started {
            Ok(engine) => Ok(Some(engine)),
            Err(error) => Err(refused(&config_path, error).await),
        },
        () = until_stop(signals) => Ok(None),
    }
}

/// Opens the servers of the control API. The engine stops where they cannot be opened.
async fn open_control(
    engine: &Engine,
    #[cfg(unix)] socket: privet_control::ControlSocket,
    data_dir: &Path,
    desktop: SystemProxyControl,
) -> Result<ControlServer, Failure> {
    let control = ControlServer::open(
        engine.clone(),
        #[cfg(unix)]
        Some(socket),
        data_dir,
        desktop,
    );
    match control.await {
        Ok(control) => Ok(control),
        Err(error) => {
            engine.stop(Duration::ZERO).await;
            Err(Failure::failed(error.to_string()))
        }
    }
}

/// Shows the tray icon. It notifies `quit` when "Quit" was clicked; `changed` tells it that the state of the engine changed.
fn start_tray(
    context: &Context,
    quit: Arc<Notify>,
    changed: Arc<Notify>,
) -> Result<AbortOnDrop, Failure> {
    let client = context.client()?.with_kind(privet_api::ClientKind::Tray);
    let places = context.options.paths().to_args()?;
    Ok(AbortOnDrop(tokio::spawn(async move {
        privet_tray::run(client, places, changed).await;
        quit.notify_one();
    })))
}

/// A failed system proxy change does not stop the engine; `status` and `doctor` show it.
fn report_system_proxy<T>(engine: &Engine, done: Result<T, SwitchError>) {
    if let Err(error) = done {
        engine.raise_problem(
            "system-proxy",
            &error.to_string(),
            "check the desktop's proxy settings, then run: privet system-proxy status",
        );
    }
}

/// Starts logging as configured. An invalid configuration is reported by the start itself.
fn start_log(config_path: &Path) -> logging::LogLevel {
    let log = Config::load(config_path).map(|loaded| loaded.config.log);
    match log {
        Ok(log) => logging::start(&log.level, log.format),
        Err(_) => logging::start("info", LogFormat::Text),
    }
}

fn make_data_dir(data_dir: &Path) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(data_dir).map_err(|error| {
        Failure::with_help(
            format!(
                "cannot create the data folder {}: {error}",
                data_dir.display()
            ),
            "choose another with --data-dir",
        )
    })
}

#[cfg(unix)]
fn adopted(
    inherited: InheritedSockets,
) -> Result<Vec<(privet_engine::ListenerKind, Arc<std::net::TcpListener>)>, Failure> {
    use privet_system::activation::ActivatedKind;
    let inherited = inherited.map_err(|error| Failure::failed(error.to_string()))?;
    Ok(inherited
        .into_iter()
        .map(|socket| {
            let kind = match socket.kind {
                ActivatedKind::Mixed => privet_engine::ListenerKind::Mixed,
                ActivatedKind::Socks => privet_engine::ListenerKind::Socks,
                ActivatedKind::Http => privet_engine::ListenerKind::Http,
                ActivatedKind::Pac => privet_engine::ListenerKind::Pac,
            };
            (kind, Arc::new(socket.listener))
        })
        .collect())
}

#[cfg(not(unix))]
fn adopted(
    (): InheritedSockets,
) -> Result<Vec<(privet_engine::ListenerKind, Arc<std::net::TcpListener>)>, Failure> {
    Ok(Vec::new())
}

/// A fault of the configuration is reported as `privet check` does.
async fn refused(config_path: &Path, error: StartError) -> Failure {
    let found = match error {
        StartError::Config(ref found) => Some(found.clone()),
        _ => match Config::load(config_path) {
            Ok(loaded) => start_faults(config_path, &loaded.config).await,
            Err(_) => None,
        },
    };
    match found {
        Some(found) => Failure::usage(found.to_string()),
        None => Failure::failed(error.to_string()),
    }
}

/// Aborts the task when dropped.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn until_stop(signals: &mut Signals) {
    while !matches!(signals.next().await, Signal::Stop) {}
}

async fn stop(
    context: &Context,
    engine: &Engine,
    control: ControlServer,
    mut signals: Signals,
    drain: Duration,
) -> Result<Exit, Failure> {
    let _ = notify(ServiceState::Stopping);
    context.print_error(&format!(
        "stopping: open connections have {} s; a second signal closes them at once",
        drain.as_secs()
    ));
    let draining = async {
        // First, so that programs that use the system proxy do not meet closed listeners.
        if let Err(error) = control.restore_system_proxy().await {
            context.print_error(&format!("the system proxy was not restored: {error}"));
        }
        engine.stop(drain).await;
        control.close().await;
    };
    tokio::pin!(draining);
    tokio::select! {
        () = &mut draining => {}
        () = until_stop(&mut signals) => tracing::info!("second signal: stopping at once"),
    }
    let connection_log = engine.connection_log().clone();
    let _ = tokio::task::spawn_blocking(move || connection_log.flush()).await;
    Ok(Exit::Done)
}
