//! `privet status`: state of the running engine.

use std::time::{Duration, UNIX_EPOCH};

use privet_api::now_ms;
use privet_api::status::{ListenerCertificate, Status};

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
        if let Some(certificate) = &listener.certificate {
            lines.extend(certificate_lines(certificate));
        }
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

/// The certificate of an https listener, and what clients have to trust.
fn certificate_lines(certificate: &ListenerCertificate) -> Vec<String> {
    let end = UNIX_EPOCH + Duration::from_millis(certificate.not_after_ms);
    let mut lines = vec![format!(
        "{:<10} certificate for {}, until {}",
        "",
        certificate.names.join(", "),
        privet_config::format_timestamp_seconds(end)
    )];
    if let Some(authority) = &certificate.authority {
        lines.push(format!(
            "{:<10} clients have to trust {}",
            "", authority.path
        ));
        lines.push(format!("{:<10} SHA-256 {}", "", authority.fingerprint));
    }
    lines
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
