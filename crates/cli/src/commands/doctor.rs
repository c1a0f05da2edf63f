//! `privet doctor`: diagnostics of the running engine, or of what prevents one from starting.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use privet_api::ClientError;
use privet_api::diagnostics::{Diagnosis, Finding, FindingState};
use privet_config::{Config, SiteTls};
use privet_control::diagnostics::{self, CheckInputs};
use privet_system::SystemKeyring;

use crate::blocking::blocking;
use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::Style;

pub async fn run(context: &Context) -> Result<Exit, Failure> {
    context.options.existing_config()?;
    let client = context.client()?;
    let findings = match client.doctor().await {
        Ok(diagnosis) => {
            let mut findings = diagnosis.findings;
            test_upstreams(&client, &mut findings).await;
            findings
        }
        Err(ClientError::NotRunning(endpoint)) => without_engine(context, &endpoint).await?,
        Err(error) => vec![Finding::wrong("engine", error.to_string(), "restart it")],
    };
    let diagnosis = Diagnosis::new(findings);
    if context.terminal.json {
        context.terminal.json(&diagnosis)?;
    } else {
        show(context, &diagnosis)?;
    }
    Ok(if diagnosis.healthy {
        Exit::Done
    } else {
        Exit::CheckFailed
    })
}

/// Tests each upstream now, because the engine's health data may be old.
async fn test_upstreams(client: &privet_api::Client, findings: &mut Vec<Finding>) {
    let Ok(outbounds) = client.upstreams().await else {
        return;
    };
    for upstream in outbounds.upstreams {
        let Ok(tested) = client.test_upstream(&upstream.name).await else {
            continue;
        };
        let about = format!("{} ", upstream.name);
        findings.retain(|finding| finding.check != "upstream" || !finding.text.starts_with(&about));
        findings.push(match tested.error {
            None => Finding::ok("upstream", format!("{} works", upstream.name)),
            Some(error) => Finding::wrong(
                "upstream",
                format!(
                    "{} ({}) does not work: {error}",
                    upstream.name, upstream.url
                ),
                "start it, or correct its url, username or password in the configuration",
            ),
        });
    }
}

async fn without_engine(context: &Context, endpoint: &str) -> Result<Vec<Finding>, Failure> {
    let mut findings = vec![Finding::wrong(
        "engine",
        format!("no engine answers on {endpoint}"),
        "start it: privet serve",
    )];
    let (config_path, data_dir) = (context.options.config()?, context.options.data_dir()?);
    let at = CheckInputs {
        config_path: config_path.clone(),
        data_dir,
        keyring: Arc::new(SystemKeyring),
    };
    let checks = blocking(move || {
        let mut findings = diagnostics::run_checks(&at);
        findings.extend(ports(&config_path));
        findings.push(privet_control::diagnostics::system_proxy(
            privet_system::proxy::SystemProxySession::of_session().report(),
        ));
        findings
    });
    findings.extend(checks.await?);
    Ok(findings)
}

/// Whether the listener addresses are free, and which process holds them.
fn ports(config_path: &std::path::Path) -> Vec<Finding> {
    let Ok(loaded) = Config::load(config_path) else {
        return Vec::new();
    };
    let Config {
        listen,
        control,
        sites,
        ..
    } = loaded.config;
    // Those with ACME are not served yet.
    let sites = sites
        .into_iter()
        .filter(|site| !matches!(site.tls, Some(SiteTls::Acme { .. })));
    let listeners = listen.mixed.into_iter().chain(listen.socks);
    let listeners = listeners.chain(listen.http).chain(listen.https);
    let addresses = listeners
        .chain(listen.pac)
        .chain(sites.flat_map(|site| site.listen))
        .chain(control.http)
        .chain(control.metrics);
    // Sites may share an address.
    let addresses: BTreeSet<SocketAddr> = addresses.collect();
    addresses.into_iter().map(port).collect()
}

fn port(address: SocketAddr) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => Finding::ok("port", format!("{address} is free")),
        Err(error) => {
            let holder = privet_system::who_listens(address).map_or_else(String::new, |app| {
                format!(", held by {} (pid {})", app.name, app.pid)
            });
            Finding::wrong(
                "port",
                format!("cannot listen on {address}: {error}{holder}"),
                "stop that program, or choose another address in the configuration",
            )
        }
    }
}

fn show(context: &Context, diagnosis: &Diagnosis) -> Result<(), Failure> {
    let terminal = &context.terminal;
    let mut lines = Vec::new();
    for finding in &diagnosis.findings {
        let (mark, style) = match finding.state {
            FindingState::Ok => ("ok     ", Style::Success),
            FindingState::Warning => ("warning", Style::Warning),
            FindingState::Wrong => ("wrong  ", Style::Error),
        };
        lines.push(format!(
            "{} {}: {}",
            terminal.paint(mark, style),
            terminal.paint(&finding.check, Style::Plain),
            terminal.paint(&finding.text, Style::Plain)
        ));
        if let Some(fix) = &finding.fix {
            lines.push(format!("        → {}", terminal.paint(fix, Style::Plain)));
        }
    }
    let count = |state| {
        let findings = diagnosis.findings.iter();
        findings.filter(|finding| finding.state == state).count()
    };
    let (text, style) = summary(count(FindingState::Wrong), count(FindingState::Warning));
    lines.push(terminal.paint(&text, style));
    terminal.print(&lines.join("\n"))
}

/// The last line: what there is to do.
fn summary(wrong: usize, warnings: usize) -> (String, Style) {
    let noted = match warnings {
        1 => "1 warning".to_owned(),
        more => format!("{more} warnings"),
    };
    match (wrong, warnings) {
        (0, 0) => ("nothing is wrong".to_owned(), Style::Success),
        (0, _) => (noted, Style::Warning),
        (wrong, 0) => (format!("{wrong} to fix"), Style::Error),
        (wrong, _) => (format!("{wrong} to fix, {noted}"), Style::Error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_wrong_only_without_warnings() {
        assert_eq!(summary(0, 0).0, "nothing is wrong");
        assert_eq!(summary(0, 1).0, "1 warning");
        assert_eq!(summary(2, 3).0, "2 to fix, 3 warnings");
    }
}
