//! `privet mode [NAME] [--for 15m]`: shows or switches the mode.

use privet_api::now_ms;
use privet_api::status::{Mode, ModeRequest};

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{Style, span};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// "off", "standard", "strict", or a mode from the configuration [default: show the current mode]
    name: Option<String>,
    /// Switch back after this time: 90s, 15m, 1h, or restart
    #[arg(long = "for", value_name = "TIME", requires = "name")]
    duration: Option<String>,
}

pub async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let mode = match args.name {
        None => client.status().await?.mode,
        Some(mode) => {
            let request = ModeRequest {
                mode,
                duration: args.duration,
            };
            client.set_mode(&request).await?
        }
    };
    if context.terminal.json {
        context.terminal.json(&mode)?;
    } else {
        context.terminal.print(&human(context, &mode))?;
    }
    Ok(Exit::Done)
}

fn human(context: &Context, mode: &Mode) -> String {
    let others: Vec<&str> = mode
        .available
        .iter()
        .map(String::as_str)
        .filter(|name| *name != mode.name)
        .collect();
    let mut line = context.terminal.paint(&mode.name, Style::Success);
    if let (Some(until), Some(then)) = (mode.until_ms, &mode.then) {
        line.push_str(&format!(
            ", for {} more, then {then}",
            span(until.saturating_sub(now_ms()))
        ));
    }
    line.push_str(
        &context
            .terminal
            .paint(&format!("  (others: {})", others.join(", ")), Style::Dim),
    );
    line
}
