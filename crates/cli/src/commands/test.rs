//! `privet test NAME`: one test of one upstream.

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::Tone;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The upstream's name
    name: String,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let tested = context.client()?.test_upstream(&args.name).await?;
    if context.terminal.json {
        context.terminal.json(&tested)?;
    } else {
        let terminal = &context.terminal;
        let ms =
            |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1} ms"));
        let line = if tested.ok {
            format!(
                "{} {}: connect {}, first byte {}",
                terminal.paint(&tested.name, Tone::Plain),
                terminal.paint("up", Tone::Good),
                ms(tested.connect_ms),
                ms(tested.first_byte_ms)
            )
        } else {
            format!(
                "{} {}: {}",
                terminal.paint(&tested.name, Tone::Plain),
                terminal.paint("down", Tone::Bad),
                terminal.paint(
                    tested.error.as_deref().unwrap_or("no reason known"),
                    Tone::Plain
                )
            )
        };
        terminal.say(&line)?;
    }
    Ok(if tested.ok { Exit::Done } else { Exit::Wrong })
}
