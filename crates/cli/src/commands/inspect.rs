//! `privet inspect`: HTTPS inspection, its authority and who trusts it.

use privet_api::inspect::{
    ExceptRequest, ExceptionQuery, Inspection, TrustRequest, TrustStore, TrustStores,
};

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{Style, Terminal, plain};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show what is inspected, who trusts the authority, and what passes untouched
    Status,
    /// Print the authority's certificate in PEM; the authority is made if there is none
    Ca,
    /// Add the authority to the stores of this machine that can be changed
    Trust(StoreArgs),
    /// Remove the authority from the stores of this machine
    Untrust(StoreArgs),
    /// Never inspect a host: add it to `[inspect] except`
    Except {
        /// A host, or *.DOMAIN for the hosts below one
        host: String,
    },
    /// End the exceptions that were made because a program refused the certificate
    Retry {
        /// The host
        host: String,
        /// The program, as `privet inspect` shows it [default: all]
        #[arg(long)]
        app: Option<String>,
    },
}

#[derive(Debug, clap::Args)]
struct StoreArgs {
    /// Only this store, by its id or its kind: system, nss or java; may be given several times
    #[arg(long, value_name = "STORE")]
    store: Vec<String>,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    match &args.command {
        None | Some(Command::Status) => status(context).await,
        Some(Command::Ca) => ca(context).await,
        Some(Command::Trust(args)) => change(context, args, true).await,
        Some(Command::Untrust(args)) => change(context, args, false).await,
        Some(Command::Except { host }) => except(context, host).await,
        Some(Command::Retry { host, app }) => retry(context, host, app.clone()).await,
    }
}

async fn ca(context: &Context) -> Result<Exit, Failure> {
    let inspection = context.client()?.ensure_inspection_authority().await?;
    let ca = inspection
        .ca
        .ok_or_else(|| Failure::failed("there is no authority"))?;
    match context.terminal.json {
        true => context.terminal.json(&ca)?,
        false => context.terminal.print(ca.pem.trim_end())?,
    }
    Ok(Exit::Done)
}

async fn status(context: &Context) -> Result<Exit, Failure> {
    let inspection = context.client()?.inspection().await?;
    match context.terminal.json {
        true => context.terminal.json(&inspection)?,
        false => context
            .terminal
            .print(&human(&context.terminal, &inspection))?,
    }
    Ok(Exit::Done)
}

fn human(terminal: &Terminal, inspection: &Inspection) -> String {
    let mut lines = Vec::new();
    lines.push(match (inspection.enabled, inspection.hosts.is_empty()) {
        (false, _) => "HTTPS inspection is off: [inspect] enabled = true turns it on.".to_owned(),
        (true, true) => "HTTPS inspection is on, and `hosts` names no host.".to_owned(),
        (true, false) => format!("Inspected: {}", inspection.hosts.join(", ")),
    });
    if !inspection.except.is_empty() {
        lines.push(format!("Never: {}", inspection.except.join(", ")));
    }
    match &inspection.ca {
        None => lines.push("There is no authority yet: `privet inspect ca` makes it.".to_owned()),
        Some(ca) => {
            lines.push(format!(
                "Authority: {}, until {}, key in the {}\n  SHA-256 {}",
                ca.subject, ca.not_after, ca.key_storage, ca.fingerprint
            ));
            lines.push(stores(terminal, &inspection.stores));
        }
    }
    let counts = &inspection.counts;
    lines.push(format!(
        "Since the start: {} inspected, {} passed untouched, {} not acceptable or not reachable, {} refused by the client",
        counts.inspected, counts.untouched, counts.bad_certificates, counts.refused
    ));
    for exception in &inspection.exceptions {
        let whose = exception.app.as_deref().unwrap_or("every program");
        let why = match exception.reason.as_str() {
            "client-certificate" => "the host asks for a client certificate",
            _ => "it refused the certificate",
        };
        lines.push(format!(
            "Untouched until {}: {} for {whose}: {why}",
            exception.until, exception.host
        ));
    }
    lines.join("\n")
}

fn stores(terminal: &Terminal, stores: &[TrustStore]) -> String {
    let mut table = terminal.table(&["store", "trusts it", "id"]);
    for store in stores {
        let trusted = match store.trusted {
            Some(true) => ("yes".to_owned(), Style::Success),
            Some(false) => ("no".to_owned(), Style::Plain),
            None => ("not known".to_owned(), Style::Dim),
        };
        table.row([
            plain(store.name.as_str()),
            trusted,
            plain(store.id.as_str()),
        ]);
    }
    table.text()
}

async fn change(context: &Context, args: &StoreArgs, trusted: bool) -> Result<Exit, Failure> {
    let client = context.client()?;
    let wanted = match args.store.is_empty() {
        true => None,
        false => {
            let known = client.ensure_inspection_authority().await?.stores;
            Some(chosen(&known, &args.store)?)
        }
    };
    let request = TrustRequest {
        trusted,
        stores: wanted.clone(),
    };
    let TrustStores { stores: after } = client.change_trust(&request).await?;
    let concerned: Vec<&TrustStore> = after
        .iter()
        .filter(|store| {
            wanted
                .as_ref()
                .is_none_or(|wanted| wanted.contains(&store.id))
        })
        .collect();
    if context.terminal.json {
        context.terminal.json(&concerned)?;
    } else {
        let texts: Vec<String> = concerned.iter().map(|store| line(store, trusted)).collect();
        context.terminal.print(&texts.join("\n"))?;
    }
    let failed = concerned
        .iter()
        .any(|store| store.trusted == Some(!trusted));
    // Without a choice, stores that cannot be changed are only told about.
    let counts = wanted.is_some()
        || concerned
            .iter()
            .all(|store| store.trusted == Some(!trusted));
    Ok(match failed && counts {
        true => Exit::CheckFailed,
        false => Exit::Done,
    })
}

/// The ids of the stores that were asked for by id or kind.
fn chosen(known: &[TrustStore], asked: &[String]) -> Result<Vec<String>, Failure> {
    let mut ids = Vec::new();
    for name in asked {
        let found = known
            .iter()
            .filter(|store| store.id == *name || store.kind == *name);
        let before = ids.len();
        ids.extend(found.map(|store| store.id.clone()));
        if ids.len() == before {
            return Err(Failure::with_help(
                format!("there is no store {name}"),
                "`privet inspect` lists them",
            ));
        }
    }
    ids.sort();
    ids.dedup();
    Ok(ids)
}

fn line(store: &TrustStore, trusted: bool) -> String {
    let name = format!("{} ({})", store.name, store.path);
    match (store.trusted, trusted) {
        (Some(true), true) => format!("{name}: trusts the authority"),
        (Some(false), false) => format!("{name}: does not trust the authority"),
        (_, true) => {
            let why = store
                .problem
                .as_deref()
                .unwrap_or("it cannot be changed by this user");
            let steps: Vec<String> = store
                .steps
                .iter()
                .map(|step| format!("    {step}"))
                .collect();
            format!("{name}: {why}; by hand:\n{}", steps.join("\n"))
        }
        (_, false) => {
            let why = store
                .problem
                .as_deref()
                .unwrap_or("it cannot be changed by this user");
            format!("{name}: {why}; remove the authority there by hand")
        }
    }
}

async fn except(context: &Context, host: &str) -> Result<Exit, Failure> {
    let request = ExceptRequest {
        host: host.to_owned(),
    };
    let change = context.client()?.except_from_inspection(&request).await?;
    match context.terminal.json {
        true => context.terminal.json(&change)?,
        false => context
            .terminal
            .print(&format!("{host} is not inspected from now on"))?,
    }
    Ok(Exit::Done)
}

async fn retry(context: &Context, host: &str, app: Option<String>) -> Result<Exit, Failure> {
    let query = ExceptionQuery {
        host: host.to_owned(),
        app,
    };
    let ended = context.client()?.end_inspection_exceptions(&query).await?;
    match context.terminal.json {
        true => context.terminal.json(&ended)?,
        false => context
            .terminal
            .print(&format!("{} exceptions ended", ended.count))?,
    }
    Ok(match ended.count {
        0 => Exit::Negative,
        _ => Exit::Done,
    })
}
