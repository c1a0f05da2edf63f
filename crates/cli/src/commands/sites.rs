//! `privet sites`: sites with their backends; drain and weight by hand.

use privet_api::sites::{BackendUpdate, SiteBackend, Sites};

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{Style, Terminal, millis, plain};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Send no new requests to a backend; those in flight end
    Drain(BackendArgs),
    /// Use a drained backend again
    Resume(BackendArgs),
    /// Set a backend's weight until the engine ends; without a weight the one of the configuration
    Weight {
        #[command(flatten)]
        backend: BackendArgs,
        #[arg(value_parser = clap::value_parser!(u32).range(0..=1000))]
        weight: Option<u32>,
    },
}

#[derive(Debug, clap::Args)]
struct BackendArgs {
    /// The site's name
    site: String,
    /// The backend's URL, or its id
    backend: String,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let (of, update) = match &args.action {
        None => return show(context).await,
        Some(Action::Drain(of)) => (of, draining(true)),
        Some(Action::Resume(of)) => (of, draining(false)),
        Some(Action::Weight { backend, weight }) => {
            let update = BackendUpdate {
                weight: Some(*weight),
                ..BackendUpdate::default()
            };
            (backend, update)
        }
    };
    change(context, of, &update).await
}

fn draining(draining: bool) -> BackendUpdate {
    BackendUpdate {
        draining: Some(draining),
        ..BackendUpdate::default()
    }
}

async fn show(context: &Context) -> Result<Exit, Failure> {
    let sites = context.client()?.sites().await?;
    let terminal = &context.terminal;
    if terminal.json {
        terminal.json(&sites)?;
    } else if sites.sites.is_empty() {
        terminal.print("no sites: add a [[site]] to the configuration (docs/sites.md)")?;
    } else {
        terminal.print(&human(terminal, &sites))?;
    }
    Ok(Exit::Done)
}

/// A URL may be a backend of several routes: all of them are changed.
async fn change(
    context: &Context,
    of: &BackendArgs,
    update: &BackendUpdate,
) -> Result<Exit, Failure> {
    let client = context.client()?;
    let sites = client.sites().await?;
    if !sites.sites.iter().any(|site| site.name == of.site) {
        let text = format!("there is no site {:?}", of.site);
        return Err(Failure::with_help(text, "`privet sites` shows all"));
    }
    let found = sites.backends(&of.site, &of.backend);
    if found.is_empty() {
        let text = format!("site {:?} has no backend {:?}", of.site, of.backend);
        return Err(Failure::with_help(text, "`privet sites` shows all"));
    }
    let mut changed = Vec::new();
    for backend in found {
        changed.push(client.change_backend(&of.site, &backend.id, update).await?);
    }
    let terminal = &context.terminal;
    if terminal.json {
        terminal.json(&changed)?;
    } else {
        for backend in &changed {
            terminal.print(&format!(
                "{}: {}, weight {}",
                terminal.paint(&backend.url, Style::Plain),
                backend.state,
                backend.weight
            ))?;
        }
    }
    Ok(Exit::Done)
}

fn human(terminal: &Terminal, sites: &Sites) -> String {
    let mut parts = Vec::new();
    for site in &sites.sites {
        let title = format!(
            "{}: {} on {} ({}), {} requests, {} refused, {} retries",
            site.name,
            site.hosts.join(", "),
            site.listen.join(", "),
            site.balance,
            site.requests,
            site.refused,
            site.retries
        );
        let mut table = terminal.table(&[
            "path",
            "backend",
            "state",
            "weight",
            "in flight",
            "requests",
            "failures",
            "latency",
            "last check",
        ]);
        for route in &site.routes {
            for backend in &route.backends {
                table.row(row(route.path.as_deref().unwrap_or("*"), backend));
            }
        }
        parts.push(format!(
            "{}\n{}",
            terminal.paint(&title, Style::Plain),
            table.text()
        ));
    }
    parts.join("\n\n")
}

fn row(path: &str, backend: &SiteBackend) -> [(String, Style); 9] {
    let style = match backend.state.as_str() {
        "healthy" => Style::Success,
        "unhealthy" | "ejected" => Style::Error,
        _ => Style::Dim,
    };
    let weight = match backend.manual_weight {
        Some(weight) => format!("{weight} (by hand)"),
        None => backend.weight.to_string(),
    };
    let latency = millis(backend.latency_ms);
    let check = match &backend.last_check {
        None => "-".to_owned(),
        Some(check) => match (check.status, &check.error) {
            (Some(status), _) => format!("{status} in {}", millis(Some(check.took_ms))),
            (None, Some(error)) => error.clone(),
            (None, None) => "-".to_owned(),
        },
    };
    [
        plain(path),
        plain(backend.url.as_str()),
        (backend.state.clone(), style),
        plain(weight),
        plain(backend.in_flight.to_string()),
        plain(backend.requests.to_string()),
        plain(backend.failures.to_string()),
        plain(latency),
        plain(check),
    ]
}
