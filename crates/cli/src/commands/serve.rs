//! `privet serve`: runs the engine in the foreground until a signal stops it.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use privet_api::address::reachable;
use privet_config::{Config, LogFormat};
use privet_control::{ControlServer, SwitchError, SystemProxyControl};
use privet_engine::{Engine, EngineOptions, StartError};
use privet_system::SystemKeyring;
use privet_system::notify::{ServiceState, notify};
use tokio::sync::Notify;

use crate::activation::InheritedSockets;
use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::logging;
use crate::signals::{Signal, Signals};
use crate::terminal::{Style, Terminal};

/// How often the servers, the log level and the system proxy are compared with what is configured after a change:
/// listeners open after the configuration was applied.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(1);
/// Comparisons at that interval after each change.
const FOLLOW_AFTER_CHANGE: u32 = 3;
/// How often they are compared when nothing changes: another program may have ended the guardian of the system proxy.
const REST_INTERVAL: Duration = Duration::from_secs(10);

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
    let engine = tokio::select! {
        started = Engine::start(options) => started.map_err(refused)?,
        // A start may wait for the keyring or for a disk.
        () = until_stop(&mut signals) => return Ok(Exit::Done),
    };
    let control = ControlServer::open(
        engine.clone(),
        #[cfg(unix)]
        Some(socket),
        &data_dir,
        desktop.clone(),
    );
    let mut control = match control.await {
        Ok(control) => control,
        Err(error) => {
            engine.stop(Duration::ZERO).await;
            return Err(Failure::failed(error.to_string()));
        }
    };
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
    let log = Config::load_file(config_path).map(|loaded| loaded.config.log);
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

fn refused(error: StartError) -> Failure {
    match error {
        StartError::Config(found) => Failure::Config {
            text: found.to_string(),
            help: None,
            diagnostics: Vec::new(),
        },
        other => Failure::failed(other.to_string()),
    }
}

/// Prints the listener addresses, and the token if it is new. The token is printed on a terminal only: other output is kept
/// in journals and files.
fn print_addresses(
    terminal: &Terminal,
    engine: &Engine,
    control: &ControlServer,
) -> Result<(), Failure> {
    let listeners = engine.listeners();
    let is_new = control.new_token.is_some();
    let token = control.new_token.as_ref().filter(|_| terminal.is_tty());
    if terminal.json {
        return terminal.json(&serde_json::json!({
            "listeners": listeners,
            "control": control.http().map(|address| format!("http://{}/", reachable(address))),
            "metrics": control.metrics().map(|address| format!("http://{}/metrics", reachable(address))),
            "token": token.map(|token| token.expose()),
        }));
    }
    let mut lines: Vec<String> = listeners
        .iter()
        .map(|listener| {
            let kind = serde_json::to_value(listener.kind).unwrap_or_default();
            format!(
                "{:<8} {}",
                kind.as_str().unwrap_or_default(),
                listener.address
            )
        })
        .collect();
    if let Some(authority) = engine.https().and_then(|https| https.authority) {
        lines.push(format!("trust    {}", authority.path.display()));
        lines.push(format!("         SHA-256 {}", authority.fingerprint));
    }
    if let Some(address) = control.http() {
        // Browsers do not send the fragment, and the page removes it from the address at once.
        let token = token.map(|token| format!("#token={}", token.expose()));
        lines.push(format!(
            "page     http://{}/{}",
            reachable(address),
            token.unwrap_or_default()
        ));
    }
    if let Some(address) = control.metrics() {
        lines.push(format!("metrics  http://{}/metrics", reachable(address)));
    }
    if let Some(token) = token {
        lines.push(format!("token    {}", token.expose()));
    }
    if is_new {
        lines.push(terminal.paint(
            "         a new token is in control.token in the data folder; `privet token show` prints it",
            Style::Dim,
        ));
    }
    lines.push(terminal.paint("Ctrl-C stops.", Style::Dim));
    // A closed standard output does not stop the engine.
    match terminal.print(&lines.join("\n")) {
        Err(Failure::PipeClosed) => Ok(()),
        printed => printed,
    }
}

/// Aborts the task when dropped.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What follows the engine: the control servers, the log level, the system proxy, the tray.
struct Follower<'a> {
    engine: &'a Engine,
    control: &'a mut ControlServer,
    level: &'a mut logging::LogLevel,
    /// Notified after each change.
    changed: &'a Notify,
}

impl Follower<'_> {
    /// Runs until a signal or the tray stops the engine. Returns the signals, to listen for a second one.
    async fn run_until_stopped(&mut self, mut signals: Signals, quit: &Notify) -> Signals {
        let mut changed = pin!(self.engine.changed());
        let mut soon = FOLLOW_AFTER_CHANGE;
        loop {
            let interval = match soon {
                0 => REST_INTERVAL,
                _ => FOLLOW_INTERVAL,
            };
            let signal = tokio::select! {
                signal = signals.next() => Some(signal),
                () = quit.notified() => Some(Signal::Stop),
                () = &mut changed => {
                    changed.set(self.engine.changed());
                    soon = FOLLOW_AFTER_CHANGE;
                    None
                }
                () = tokio::time::sleep(interval) => {
                    soon = soon.saturating_sub(1);
                    None
                }
            };
            match signal {
                None => self.follow(soon > 0).await,
                Some(Signal::Reload) => {
                    let _ = notify(ServiceState::Reloading);
                    reload(self.engine, self.level).await;
                    self.control.follow().await;
                    let _ = notify(ServiceState::Ready);
                }
                Some(Signal::Stop) => return signals,
            }
        }
    }

    async fn follow(&mut self, has_changed: bool) {
        self.control.follow().await;
        self.level.set(&self.engine.config().log.level);
        if has_changed {
            self.changed.notify_one();
        }
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

async fn reload(engine: &Engine, level: &mut logging::LogLevel) {
    let reloaded = engine.reload().await;
    level.set(&engine.config().log.level);
    match reloaded {
        Ok(applied) => tracing::info!("reloaded: {applied}"),
        Err(error) => {
            tracing::error!("reload failed, the previous configuration stays in use: {error}")
        }
    }
}
