//! `privet agent`: engine, tray icon and system proxy in one process per user.

use std::time::Duration;

use privet_control::servers::unix::SocketError;
use privet_tray::open::Target;

use crate::activation::InheritedSockets;
use crate::commands::Context;
use crate::commands::open;
use crate::commands::serve::{self, ServeOptions};
use crate::exit::{Exit, Failure};
use crate::signals::Signals;

/// Quitting from the tray waits only this long for open connections.
const DRAIN: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Turn the system proxy on at start
    #[arg(long)]
    system_proxy: bool,
    /// Do not show a tray icon
    #[arg(long)]
    no_tray: bool,
    /// Threads of the data plane [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<std::num::NonZeroUsize>,
}

pub async fn run(
    context: &Context,
    args: Args,
    inherited: InheritedSockets,
) -> Result<Exit, Failure> {
    let signals = Signals::listen()?;
    let socket = match privet_control::servers::unix::bind(&context.options.socket()?).await {
        Ok(socket) => socket,
        Err(SocketError::InUse { pid, .. }) => return already_runs(context, &pid).await,
        Err(error) => return Err(Failure::failed(error.to_string())),
    };
    context.options.existing_config()?;
    let serve_options = ServeOptions {
        drain: DRAIN,
        threads: args.threads,
        tray: !args.no_tray,
        system_proxy: args.system_proxy,
    };
    serve::start(context, serve_options, signals, socket, inherited).await
}

/// A second start opens the window of the running agent.
async fn already_runs(context: &Context, pid: &str) -> Result<Exit, Failure> {
    context.print_error(&format!("Privet is already running as process {pid}"));
    if let Err(failure) = open::show(context, Target::WindowOrPage).await {
        context.print_error(&failure.to_string());
        if let Some(help) = failure.help() {
            context.print_error(help);
        }
    }
    Ok(Exit::Done)
}
