//! `privet upstreams`: upstreams and groups with their health.

use privet_api::upstreams::Outbounds;

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{Style, Terminal, millis, plain};

pub async fn run(context: &Context) -> Result<Exit, Failure> {
    let outbounds = context.client()?.upstreams().await?;
    if context.terminal.json {
        context.terminal.json(&outbounds)?;
    } else if outbounds.upstreams.is_empty() {
        context.terminal.print(
            "no upstreams: everything goes direct, or is refused in a mode with a kill switch",
        )?;
    } else {
        context
            .terminal
            .print(&human(&context.terminal, &outbounds))?;
    }
    Ok(Exit::Done)
}

fn human(terminal: &Terminal, outbounds: &Outbounds) -> String {
    let mut table = terminal.table(&[
        "upstream",
        "url",
        "route",
        "state",
        "latency",
        "failures",
        "last error",
    ]);
    for upstream in &outbounds.upstreams {
        let style = match upstream.state.as_str() {
            "up" => Style::Success,
            "down" => Style::Error,
            _ => Style::Dim,
        };
        table.row([
            plain(upstream.name.as_str()),
            plain(upstream.url.as_str()),
            plain(upstream.route.as_str()),
            (upstream.state.clone(), style),
            plain(millis(upstream.latency_ms)),
            plain(upstream.failures.to_string()),
            plain(upstream.last_error.as_deref().unwrap_or("-")),
        ]);
    }
    let mut text = table.text();
    if !outbounds.groups.is_empty() {
        let mut table = terminal.table(&["group", "policy", "members", "next"]);
        for group in &outbounds.groups {
            table.row([
                plain(group.name.as_str()),
                plain(group.policy.as_str()),
                plain(group.members.join(", ")),
                plain(group.current.as_deref().unwrap_or("-")),
            ]);
        }
        text.push_str("\n\n");
        text.push_str(&table.text());
    }
    text
}
