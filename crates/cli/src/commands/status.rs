//! `privet status`: state of the running engine.

use privet_api::now_ms;
use privet_api::status::Status;

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{Style, Terminal, bytes, span};

pub async fn run(context: &Context) -> Result<Exit, Failure> {
    let status = context.status().await?;
    if context.terminal.json {
        context.terminal.json(&status)?;
    } else {
        context
            .terminal
            .print(&human(&context.terminal, &status, now_ms()))?;
    }
    Ok(Exit::Done)
}

fn human(terminal: &Terminal, status: &Status, now: u64) -> String {
    let plain = |text: &str| terminal.paint(text, Style::Plain);
    let mut lines = vec![format!(
        "privet {}, process {}, up {}",
        plain(&status.version),
        status.pid,
        span(now.saturating_sub(status.started_ms))
    )];
    lines.push(format!("mode       {}", mode_line(terminal, status, now)));
    lines.push(format!("route      {}", route_line(terminal, status)));
    for listener in &status.listeners {
        lines.push(format!(
            "{:<10} {}",
            plain(&listener.kind),
            plain(&listener.address)
        ));
    }
    let totals = &status.totals;
    lines.push(format!(
        "now        {} connections, ↑ {}/s ↓ {}/s",
        totals.active,
        bytes(totals.up_speed),
        bytes(totals.down_speed)
    ));
    lines.push(format!(
        "total      {} connections, {} blocked, {} failed, ↑ {} ↓ {}",
        totals.connections,
        totals.blocked,
        totals.failed,
        bytes(totals.up),
        bytes(totals.down)
    ));
    for problem in &status.problems {
        lines.push(format!(
            "{} {} — {}",
            terminal.paint("problem   ", Style::Error),
            plain(&problem.text),
            plain(&problem.fix)
        ));
    }
    lines.join("\n")
}

fn mode_line(terminal: &Terminal, status: &Status, now: u64) -> String {
    let mode = &status.mode;
    let mut line = terminal.paint(&mode.name, Style::Success);
    if mode.kill_switch {
        line.push_str(", kill switch on");
    }
    if let (Some(until), Some(then)) = (mode.until_ms, &mode.then) {
        let left = span(until.saturating_sub(now));
        line.push_str(&format!(
            ", for {left} more, then {}",
            terminal.paint(then, Style::Plain)
        ));
    }
    line
}

fn route_line(terminal: &Terminal, status: &Status) -> String {
    let route = &status.route;
    let health = match route.healthy {
        Some(true) => terminal.paint(" up", Style::Success),
        Some(false) => terminal.paint(" down", Style::Error),
        None => String::new(),
    };
    let latency = route
        .latency_ms
        .map_or_else(String::new, |ms| format!(", {ms:.0} ms"));
    format!(
        "{}{health}{latency}",
        terminal.paint(&route.name, Style::Plain)
    )
}
