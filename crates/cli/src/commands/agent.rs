//! `privet agent`: engine, tray and system proxy in one small process, one a user. The desktop's way to run Privet.

use std::time::Duration;

use privet_control::doors::unix::SocketError;

use crate::commands::Context;
use crate::commands::serve::{self, Face};
use crate::exit::{Exit, Failure};
use crate::handed::Handed;

/// Who quits from a tray does not want to wait.
const DRAIN: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Point the desktop at the engine from the start
    #[arg(long)]
    system_proxy: bool,
    /// Show no icon
    #[arg(long)]
    no_tray: bool,
    /// Threads of the data plane [default: one a core]
    #[arg(long, value_name = "N")]
    threads: Option<std::num::NonZeroUsize>,
}

pub async fn run(context: &Context, args: Args, handed: Handed) -> Result<Exit, Failure> {
    let signals = serve::Signals::listen()?;
    let socket = match privet_control::doors::unix::bind(&context.places.socket()?).await {
        Ok(socket) => socket,
        Err(SocketError::Held { pid, .. }) => return already_runs(context, &pid).await,
        Err(error) => return Err(Failure::failed(error.to_string())),
    };
    let face = Face {
        drain: DRAIN,
        threads: args.threads,
        tray: !args.no_tray,
        system_proxy: args.system_proxy,
    };
    serve::start(context, face, signals, socket, handed).await
}

/// A second start shows the window of the first.
async fn already_runs(context: &Context, pid: &str) -> Result<Exit, Failure> {
    context.complain(&format!("Privet already runs, as process {pid}"));
    let page = context.client()?.page().await;
    let places = context.places.named().to_args()?;
    if let Err(error) = privet_system::window::open(&places, page.as_deref()) {
        context.complain(&error.to_string());
    }
    Ok(Exit::Done)
}
