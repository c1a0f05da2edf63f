//! `privet test NAME`: tests an upstream or a group.

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{Style, millis};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Name of the upstream or group
    name: String,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let tested = context.client()?.test_upstream(&args.name).await?;
    if context.terminal.json {
        context.terminal.json(&tested)?;
    } else {
        let terminal = &context.terminal;
        let line = if tested.ok {
            format!(
                "{} {}: connect {}, first byte {}",
                terminal.paint(&tested.name, Style::Plain),
                terminal.paint("up", Style::Success),
                millis(tested.connect_ms),
                millis(tested.first_byte_ms)
            )
        } else {
            format!(
                "{} {}: {}",
                terminal.paint(&tested.name, Style::Plain),
                terminal.paint("down", Style::Error),
                terminal.paint(
                    tested.error.as_deref().unwrap_or("unknown error"),
                    Style::Plain
                )
            )
        };
        terminal.print(&line)?;
    }
    Ok(if tested.ok {
        Exit::Done
    } else {
        Exit::CheckFailed
    })
}
