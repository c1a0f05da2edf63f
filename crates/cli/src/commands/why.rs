//! `privet why TARGET`: asks the running engine, or, with --config and none running, the configuration alone.

use std::sync::Arc;

use privet_control::ClientError;
use privet_control::calls::why::{Explanation, WhyQuery};
use privet_engine::SimulatedRequest;
use privet_system::SystemKeyring;

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{Terminal, Tone};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// host, host:port or a URL
    target: String,
    /// The program that would ask: its name or full path
    #[arg(long)]
    app: Option<String>,
    /// Whom it would be logged in as
    #[arg(long)]
    user: Option<String>,
    /// Ask the configuration file, not the running engine
    #[arg(long)]
    offline: bool,
}

pub async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let query = WhyQuery {
        target: args.target,
        app: args.app,
        user: args.user,
    };
    let explanation = if args.offline {
        offline(context, query).await?
    } else {
        match context.client()?.why(&query).await {
            Ok(explanation) => explanation,
            Err(ClientError::NotRunning(_)) if context.places.config.is_some() => {
                offline(context, query).await?
            }
            Err(error) => return Err(error.into()),
        }
    };
    if context.terminal.json {
        context.terminal.json(&explanation)?;
    } else {
        context
            .terminal
            .say(&human(&context.terminal, &explanation))?;
    }
    Ok(if explanation.is_blocked() {
        Exit::No
    } else {
        Exit::Done
    })
}

/// The same function on the file's policy, its lists read from disk; nothing is fetched.
async fn offline(context: &Context, query: WhyQuery) -> Result<Explanation, Failure> {
    let question = SimulatedRequest {
        target: query.target.clone(),
        app: query.app,
        user: query.user,
    };
    let (config, data_dir) = (context.places.config()?, context.places.data_dir()?);
    let explained = question
        .ask_file(&config, &data_dir, Arc::new(SystemKeyring))
        .await
        .map_err(|error| Failure::usage(error.to_string()))?;
    Ok(Explanation::of(&query.target, &explained))
}

fn human(terminal: &Terminal, explanation: &Explanation) -> String {
    let outcome = &explanation.outcome;
    let (verdict, tone) = match outcome.action.as_str() {
        "block" => ("blocked".to_owned(), Tone::Bad),
        "direct" => ("direct".to_owned(), Tone::Warn),
        _ => (
            format!(
                "through {}",
                outcome.outlet.as_deref().unwrap_or("an upstream")
            ),
            Tone::Good,
        ),
    };
    let mut lines = vec![format!(
        "{}: {} — {}",
        terminal.paint(&explanation.target, Tone::Plain),
        terminal.paint(&verdict, tone),
        terminal.paint(&outcome.text, Tone::Plain)
    )];
    if outcome.otherwise_direct {
        lines.push("  (direct, when it is down)".to_owned());
    }
    for step in &explanation.steps {
        let mark = if step.matched { "✓" } else { "·" };
        let line = step
            .line
            .map_or_else(String::new, |line| format!(":{line}"));
        let text = format!("  {mark} {}{line}: {}", step.what, step.text);
        lines.push(terminal.paint(&text, if step.matched { Tone::Plain } else { Tone::Dim }));
        if let (Some(source), true) = (&step.source, step.matched) {
            lines.push(terminal.paint(&format!("      {source}"), Tone::Dim));
        }
    }
    lines.join("\n")
}
