//! `privet open`: opens the window, or the page in a browser, logged in.

use privet_tray::open::{OpenError, Opened, Target, open};

use crate::commands::Context;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Open the page in a browser, also where the window is installed
    #[arg(long, conflicts_with = "address")]
    browser: bool,
    /// Open nothing: print an address that logs a browser in once, within two minutes
    #[arg(long)]
    address: bool,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let target = match (args.browser, args.address) {
        (_, true) => Target::Address,
        (true, _) => Target::Page,
        _ => Target::WindowOrPage,
    };
    show(context, target).await?;
    Ok(Exit::Done)
}

/// Opens it, and prints what was opened, or the address where nothing could be.
pub async fn show(context: &Context, target: Target) -> Result<(), Failure> {
    let places = context.options.paths().to_args()?;
    let opened = open(&context.client()?, &places, target).await?;
    let (what, url) = match &opened {
        Opened::Window => ("window", None),
        Opened::Browser => ("browser", None),
        Opened::Nothing { url } => ("nothing", Some(url)),
    };
    if context.terminal.json {
        let answer = serde_json::json!({ "opened": what, "url": url });
        return context.terminal.json(&answer);
    }
    let Some(url) = url else {
        return context.terminal.print(&format!("opened the {what}"));
    };
    if target != Target::Address {
        context.print_error("there is no display or no browser here; open this address in one");
    }
    context.print_error("the address works once, within two minutes");
    context.terminal.print(url)
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Call(error) => error.into(),
            error => Self::failed(error.to_string()),
        }
    }
}
