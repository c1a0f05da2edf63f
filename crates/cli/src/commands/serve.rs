//! `privet serve`: the engine in the foreground, until a signal ends it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use privet_config::{Config, LogFormat};
use privet_control::{Doors, SwitchError, SystemProxy};
use privet_engine::{Engine, Options, StartError};
use privet_system::SystemKeyring;
use privet_system::notify::{ServiceState, notify};
use tokio::sync::Notify;

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::handed::Handed;
use crate::logging;
use crate::terminal::{Terminal, Tone};

/// How soon a changed `[control]` and `[log]` are followed.
const LOOK: Duration = Duration::from_secs(1);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// How long standing connections may go on once a signal asks for the end
    #[arg(long, value_name = "TIME", default_value = "10s")]
    drain: String,
    /// Threads of the data plane [default: one a core]
    #[arg(long, value_name = "N")]
    threads: Option<std::num::NonZeroUsize>,
}

/// What else an engine is beside its listeners.
pub struct Face {
    pub drain: Duration,
    pub threads: Option<std::num::NonZeroUsize>,
    /// Show an icon.
    pub tray: bool,
    /// Point the desktop at the engine from the start.
    pub system_proxy: bool,
}

pub async fn run(context: &Context, args: Args, handed: Handed) -> Result<Exit, Failure> {
    let drain = privet_config::parse_duration(&args.drain).ok_or_else(|| {
        Failure::usage(format!("\"{}\" is not a time; write 10s or 1m", args.drain))
    })?;
    let face = Face {
        drain,
        threads: args.threads,
        tray: false,
        system_proxy: false,
    };
    // Before anything can be seen from outside: a signal from then on is a wish, not a death.
    let signals = Signals::listen()?;
    #[cfg(unix)]
    let socket = privet_control::doors::unix::bind(&context.places.socket()?)
        .await
        .map_err(|error| Failure::failed(error.to_string()))?;
    start(
        context,
        face,
        signals,
        #[cfg(unix)]
        socket,
        handed,
    )
    .await
}

/// Starts the engine with its doors, and keeps it until a signal or the tray ends it.
pub async fn start(
    context: &Context,
    face: Face,
    signals: Signals,
    #[cfg(unix)] socket: privet_control::open::Socket,
    handed: Handed,
) -> Result<Exit, Failure> {
    let (config_path, data_dir) = (context.places.config()?, context.places.data_dir()?);
    let mut level = start_log(&config_path);
    crate::panic::hook();
    privet_system::limits::raise_open_files();
    make_data_dir(&data_dir)?;
    let desktop = SystemProxy::of_session();
    // Programs must not go on to a port that is dead since another Privet died.
    let recovered = desktop.recover().await;
    let options = Options {
        config_path,
        data_dir: data_dir.clone(),
        keyring: Arc::new(SystemKeyring),
        adopted: adopted(handed)?,
        threads: face.threads.map(usize::from),
    };
    let engine = Engine::start(options).await.map_err(refused)?;
    let doors = Doors::open_with(
        engine.clone(),
        #[cfg(unix)]
        Some(socket),
        &data_dir,
        desktop.clone(),
    )
    .await;
    let mut doors = match doors {
        Ok(doors) => doors,
        Err(error) => {
            engine.stop(Duration::ZERO).await;
            return Err(Failure::failed(error.to_string()));
        }
    };
    say_refused(&engine, recovered);
    if face.system_proxy {
        say_refused(&engine, desktop.turn_on(&engine, None).await);
    }
    greet(&context.terminal, &engine, &doors)?;
    let _ = notify(ServiceState::Ready);
    let client = face.tray.then(|| context.client()).transpose()?;
    let client = client.map(|client| client.by("tray"));
    let places = context.places.named().to_args()?;
    // It ends when "Quit" is clicked, and with this process.
    let quit = Arc::new(Notify::new());
    let tray = client.map(|client| {
        let quit = quit.clone();
        AbortOnDrop(tokio::spawn(async move {
            privet_tray::run(client, places).await;
            quit.notify_one();
        }))
    });
    let told = until_told(&engine, &mut doors, signals, &mut level, &quit).await;
    drop(tray);
    stop(context, &engine, doors, told, face.drain).await
}

/// A desktop that refuses never stops the engine: status and doctor show it.
fn say_refused<T>(engine: &Engine, done: Result<T, SwitchError>) {
    if let Err(error) = done {
        engine.raise(
            "system-proxy",
            &error.to_string(),
            "look at the desktop's proxy settings, then: privet system-proxy status",
        );
    }
}

/// The file's `[log]`; where it cannot be read, the start says so in a moment.
fn start_log(config_path: &Path) -> logging::Level {
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
                "cannot make the data folder {}: {error}",
                data_dir.display()
            ),
            "name another with --data-dir",
        )
    })
}

#[cfg(unix)]
fn adopted(
    handed: Handed,
) -> Result<Vec<(privet_engine::ListenerKind, Arc<std::net::TcpListener>)>, Failure> {
    use privet_system::activation::ActivatedKind;
    let handed = handed.map_err(|error| Failure::failed(error.to_string()))?;
    Ok(handed
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
    (): Handed,
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

/// Where programs are to be pointed at; the token once, when it is new.
fn greet(terminal: &Terminal, engine: &Engine, doors: &Doors) -> Result<(), Failure> {
    let listeners = engine.listeners();
    if terminal.json {
        return terminal.json(&serde_json::json!({
            "listeners": listeners,
            "control": doors.http().map(|address| format!("http://{address}/")),
            "metrics": doors.metrics().map(|address| format!("http://{address}/metrics")),
            "token": doors.new_token.as_ref().map(|token| token.expose()),
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
    if let Some(address) = doors.http() {
        // The part after # never leaves the browser; the page takes it out of the address at once.
        let token = doors.new_token.as_ref();
        let token = token.map(|token| format!("#token={}", token.expose()));
        lines.push(format!(
            "page     http://{address}/{}",
            token.unwrap_or_default()
        ));
    }
    if let Some(address) = doors.metrics() {
        lines.push(format!("metrics  http://{address}/metrics"));
    }
    if let Some(token) = &doors.new_token {
        lines.push(format!("token    {}", token.expose()));
        lines.push(terminal.paint(
            "         (shown this once; it is kept in control.token in the data folder)",
            Tone::Dim,
        ));
    }
    lines.push(terminal.paint("Ctrl-C stops.", Tone::Dim));
    // A reader that is gone does not stop the engine.
    match terminal.say(&lines.join("\n")) {
        Err(Failure::PipeClosed) => Ok(()),
        said => said,
    }
}

/// A task that does not outlive who owns it.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Keeps the engine until a signal or the tray ends it; the signals are given back for a second one.
async fn until_told(
    engine: &Engine,
    doors: &mut Doors,
    mut signals: Signals,
    level: &mut logging::Level,
    quit: &Notify,
) -> Signals {
    loop {
        let signal = tokio::select! {
            signal = signals.next() => signal,
            () = quit.notified() => Signal::End,
            () = tokio::time::sleep(LOOK) => {
                doors.follow_or_say().await;
                level.follow(&engine.config().log.level);
                continue;
            }
        };
        match signal {
            Signal::Reload => {
                let _ = notify(ServiceState::Reloading);
                reload(engine, level).await;
                doors.follow_or_say().await;
                let _ = notify(ServiceState::Ready);
            }
            Signal::End => return signals,
        }
    }
}

async fn stop(
    context: &Context,
    engine: &Engine,
    doors: Doors,
    mut signals: Signals,
    drain: Duration,
) -> Result<Exit, Failure> {
    let _ = notify(ServiceState::Stopping);
    context.complain(&format!(
        "stopping: standing connections have {} s; a second signal ends them at once",
        drain.as_secs()
    ));
    let draining = async {
        // First of all: who uses the desktop's proxy must not run into closed doors.
        if let Err(error) = doors.give_back().await {
            context.complain(&format!("the system proxy was not put back: {error}"));
        }
        engine.stop(drain).await;
        doors.close().await;
    };
    let again = async { while !matches!(signals.next().await, Signal::End) {} };
    tokio::pin!(draining);
    tokio::select! {
        () = &mut draining => {}
        () = again => tracing::info!("a second signal: ending at once"),
    }
    let connection_log = engine.connection_log().clone();
    let _ = tokio::task::spawn_blocking(move || connection_log.flush()).await;
    Ok(Exit::Done)
}

async fn reload(engine: &Engine, level: &mut logging::Level) {
    let reloaded = engine.reload().await;
    level.follow(&engine.config().log.level);
    match reloaded {
        Ok(applied) => tracing::info!("reloaded: {applied}"),
        Err(error) => {
            tracing::error!("the new configuration is not in force, the running one is: {error}")
        }
    }
}

enum Signal {
    Reload,
    End,
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
            _ = self.terminate.recv() => Signal::End,
            _ = self.interrupt.recv() => Signal::End,
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
        Signal::End
    }
}
