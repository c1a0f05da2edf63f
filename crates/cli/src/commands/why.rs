//! `privet why TARGET`: explains a verdict, from the running engine or from the configuration file.

use privet_api::ClientError;
use privet_api::why::{Explanation, WhyQuery};
use privet_engine::{SimulatedRequest, parse_client, parse_protocol};

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{Style, Terminal};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Host, host:port or URL; IPv6 addresses with or without brackets: ::1, [::1]:443
    target: String,
    /// Program that connects: file name or full path
    #[arg(long)]
    app: Option<String>,
    /// User of the proxy
    #[arg(long)]
    user: Option<String>,
    /// Address of the client that connects [default: this machine]
    #[arg(long, value_name = "ADDRESS")]
    client: Option<String>,
    /// How it asks: socks4, socks5, udp, http or connect [default: by the target]
    #[arg(long, value_name = "NAME")]
    protocol: Option<String>,
    /// Explain a request to this site, or to the site's listener at this address
    #[arg(long)]
    site: Option<String>,
    /// Use the configuration file, not the running engine
    #[arg(long, conflicts_with = "site")]
    offline: bool,
}

pub async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let query = WhyQuery {
        target: args.target,
        app: args.app,
        user: args.user,
        client: args.client,
        protocol: args.protocol,
        site: args.site,
    };
    let explanation = if args.offline {
        offline(context, query).await?
    } else {
        match context.client()?.why(&query).await {
            Ok(explanation) => explanation,
            Err(ClientError::NotRunning(_)) if context.options.config.is_some() => {
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
            .print(&human(&context.terminal, &explanation))?;
        if !args.offline
            && let Some(down) = outage(context, &explanation).await
        {
            context.terminal.print(&down)?;
        }
    }
    Ok(if explanation.is_blocked() {
        Exit::Negative
    } else {
        Exit::Done
    })
}

/// That the upstream or group is down through which the target would go.
async fn outage(context: &Context, explanation: &Explanation) -> Option<String> {
    let name = explanation.outcome.outbound.as_deref()?;
    let outbounds = context.client().ok()?.upstreams().await.ok()?;
    let upstreams = outbounds.upstreams.iter();
    let upstreams = upstreams.map(|one| (&one.name, &one.state, &one.last_error));
    let groups = outbounds.groups.iter();
    let groups = groups.map(|one| (&one.name, &one.state, &one.last_error));
    let (.., error) = upstreams
        .chain(groups)
        .find(|(known, state, _)| *known == name && *state == "down")?;
    let error = error.as_deref().unwrap_or("it does not answer");
    let text = format!("  ! {name} is down: {error} (try it: privet test {name})");
    Some(context.terminal.paint(&text, Style::Error))
}

/// Explains from the configuration file and the lists on disk; nothing is downloaded.
async fn offline(context: &Context, query: WhyQuery) -> Result<Explanation, Failure> {
    let question = SimulatedRequest {
        target: query.target.clone(),
        app: query.app,
        user: query.user,
        client: parsed(query.client.as_deref(), parse_client)?,
        protocol: parsed(query.protocol.as_deref(), parse_protocol)?,
    };
    let (config, data_dir) = (context.options.config()?, context.options.data_dir()?);
    let explained = question
        .explain_with_file(&config, &data_dir)
        .await
        .map_err(|error| Failure::usage(error.to_string()))?;
    Ok(privet_control::convert::explanation(
        query.target,
        &explained,
    ))
}

fn parsed<T>(
    text: Option<&str>,
    parse: fn(&str) -> Result<T, String>,
) -> Result<Option<T>, Failure> {
    text.map(parse).transpose().map_err(Failure::usage)
}

fn human(terminal: &Terminal, explanation: &Explanation) -> String {
    let outcome = &explanation.outcome;
    let (verdict, style) = match outcome.action.as_str() {
        "block" => ("blocked".to_owned(), Style::Error),
        "direct" => ("direct".to_owned(), Style::Warning),
        "site" => (
            format!("to {}", outcome.outbound.as_deref().unwrap_or("a backend")),
            Style::Success,
        ),
        _ => (
            format!(
                "through {}",
                outcome.outbound.as_deref().unwrap_or("an upstream")
            ),
            Style::Success,
        ),
    };
    let mut lines = vec![format!(
        "{}: {} — {}",
        terminal.paint(&explanation.target, Style::Plain),
        terminal.paint(&verdict, style),
        terminal.paint(&outcome.text, Style::Plain)
    )];
    if outcome.direct_fallback {
        lines.push("  (direct if it is down)".to_owned());
    }
    for step in &explanation.steps {
        let mark = if step.matched { "✓" } else { "·" };
        let line = step
            .line
            .map_or_else(String::new, |line| format!(":{line}"));
        let text = format!("  {mark} {}{line}: {}", step.what, step.text);
        lines.push(terminal.paint(
            &text,
            if step.matched {
                Style::Plain
            } else {
                Style::Dim
            },
        ));
        if let (Some(source), true) = (&step.source, step.matched) {
            lines.push(terminal.paint(&format!("      {source}"), Style::Dim));
        }
    }
    lines.join("\n")
}
