//! `privet serve`: runs the engine in the foreground until a signal stops it.

use std::path::Path;
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
use crate::terminal::{Style, Terminal};

/// How often changes of `[control]` and `[log]` are applied.
const CONFIG_POLL_INTERVAL: Duration = Duration::from_secs(1);

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
    signals: Signals,
    #[cfg(unix)] socket: privet_control::ControlSocket,
    inherited: InheritedSockets,
) -> Result<Exit, Failure> {
    let (config_path, data_dir) = (context.options.config()?, context.options.data_dir()?);
    let mut level = start_log(&config_path);
    crate::panic::hook();
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
    let engine = Engine::start(options).await.map_err(refused)?;
    let control = ControlServer::open(
        engine.clone(),
        #[cfg(unix)]
        Some(socket),
        &data_dir,
        desktop.clone(),
    )
    .await;
    let mut control = match control {
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
    let client = serve_options.tray.then(|| context.client()).transpose()?;
    let client = client.map(|client| client.with_kind(privet_api::ClientKind::Tray));
    let places = context.options.paths().to_args()?;
    // The tray task ends when "Quit" is clicked.
    let quit = Arc::new(Notify::new());
    let tray = client.map(|client| {
        let quit = quit.clone();
        AbortOnDrop(tokio::spawn(async move {
            privet_tray::run(client, places).await;
            quit.notify_one();
        }))
    });
    let signals = run_until_stopped(&engine, &mut control, signals, &mut level, &quit).await;
    drop(tray);
    stop(context, &engine, control, signals, serve_options.drain).await
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

/// Runs until a signal or the tray stops the engine. Returns the signals, to listen for a second one.
async fn run_until_stopped(
    engine: &Engine,
    control: &mut ControlServer,
    mut signals: Signals,
    level: &mut logging::LogLevel,
    quit: &Notify,
) -> Signals {
    loop {
        let signal = tokio::select! {
            signal = signals.next() => signal,
            () = quit.notified() => Signal::Stop,
            () = tokio::time::sleep(CONFIG_POLL_INTERVAL) => {
                control.follow().await;
                level.set(&engine.config().log.level);
                continue;
            }
        };
        match signal {
            Signal::Reload => {
                let _ = notify(ServiceState::Reloading);
                reload(engine, level).await;
                control.follow().await;
                let _ = notify(ServiceState::Ready);
            }
            Signal::Stop => return signals,
        }
    }
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
    let again = async { while !matches!(signals.next().await, Signal::Stop) {} };
    tokio::pin!(draining);
    tokio::select! {
        () = &mut draining => {}
        () = again => tracing::info!("second signal: stopping at once"),
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

enum Signal {
    Reload,
    Stop,
}

#[cfg(unix)]
pub struct Signals {
    hangup: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    pub fn listen() -> Result<Self, Failure> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.hangup.recv() => Signal::Reload,
            _ = self.terminate.recv() => Signal::Stop,
            _ = self.interrupt.recv() => Signal::Stop,
        }
    }
}

#[cfg(not(unix))]
pub struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub fn listen() -> Result<Self, Failure> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        let _ = tokio::signal::ctrl_c().await;
        Signal::Stop
    }
}
