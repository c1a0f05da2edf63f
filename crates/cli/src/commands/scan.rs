//! `privet scan`: the scanners, what they stopped, and trying them.

use std::path::PathBuf;

use privet_api::scan::{ScanAllowance, ScanEngine, ScanFileQuery, ScanState, ScanTest};

use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{Style, Terminal, bytes, plain};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show the scanners, what they did and what they stopped
    Status,
    /// Ask the scanners about a file; without one, fetch a harmless test file through the whole way
    Test {
        /// At most 64 MiB
        file: Option<PathBuf>,
    },
    /// Let the client that was stopped take a body once, within 15 minutes
    Allow {
        /// SHA-256 of the body, as `status` shows it
        sha256: String,
        /// The address of another client that was stopped
        #[arg(long)]
        client: Option<String>,
    },
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    match &args.command {
        Command::Status => status(context).await,
        Command::Allow { sha256, client } => {
            let body = ScanAllowance {
                sha256: sha256.clone(),
                client: client.clone(),
            };
            let allowed = context.client()?.allow_once(&body).await?;
            if context.terminal.json {
                context.terminal.json(&allowed)?;
            } else {
                let who = allowed.client.as_deref().unwrap_or("the client");
                let text = format!("{who} may take it once within 15 minutes.");
                context.terminal.print(&text)?;
            }
            Ok(Exit::Done)
        }
        Command::Test { file: None } => {
            let test = context.client()?.test_scan().await?;
            let passed = test.passed;
            show(context, &test)?;
            Ok(if passed {
                Exit::Done
            } else {
                Exit::CheckFailed
            })
        }
        Command::Test { file: Some(file) } => {
            let content = tokio::fs::read(file).await.map_err(|error| {
                Failure::failed(format!("{} cannot be read: {error}", file.display()))
            })?;
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let query = ScanFileQuery {
                name: name.chars().take(255).collect(),
            };
            let client = context.client()?;
            let test = client.scan_file(&query, content.into()).await?;
            show(context, &test)?;
            Ok(match test.verdict.as_str() {
                "clean" => Exit::Done,
                _ => Exit::CheckFailed,
            })
        }
    }
}

fn show(context: &Context, test: &ScanTest) -> Result<(), Failure> {
    if context.terminal.json {
        context.terminal.json(test)?;
        return Ok(());
    }
    let hash = test.sha256.as_ref();
    let hash = hash.map_or_else(String::new, |hash| format!("\nSHA-256 {hash}"));
    context
        .terminal
        .print(&format!("{}: {}{hash}", test.verdict, test.text))?;
    Ok(())
}

async fn status(context: &Context) -> Result<Exit, Failure> {
    let state = context.client()?.scan().await?;
    if context.terminal.json {
        context.terminal.json(&state)?;
    } else {
        context.terminal.print(&text(&context.terminal, &state))?;
    }
    Ok(Exit::Done)
}

fn text(terminal: &Terminal, state: &ScanState) -> String {
    if !state.enabled {
        return "Scanning is off: a [scan] section with enabled = true turns it on.".to_owned();
    }
    let mut out = vec![engines(terminal, &state.engines)];
    for engine in &state.engines {
        let faults = engine.faults.iter();
        out.extend(faults.map(|fault| format!("{}: {fault}", engine.engine)));
    }
    out.push(format!(
        "{} clean, {} stopped, {} failed ({}), {} larger than {} ({})",
        state.clean,
        state.bad,
        state.failed,
        state.on_error,
        state.oversize_passed,
        bytes(state.max_body),
        state.oversize,
    ));
    if !state.recent.is_empty() {
        let mut table = terminal.table(&["stopped", "by", "rule", "sha256"]);
        for found in &state.recent {
            table.row(
                [&found.url, &found.engine, &found.rule, &found.sha256]
                    .map(|text| plain(text.as_str())),
            );
        }
        out.push(table.text());
    }
    out.join("\n")
}

fn engines(terminal: &Terminal, engines: &[ScanEngine]) -> String {
    let mut table = terminal.table(&[
        "scanner", "state", "version", "rules", "scanned", "stopped", "errors", "speed",
    ]);
    for engine in engines {
        let state = match (engine.state.as_str(), engine.signatures_old) {
            ("ready", false) => ("ready".to_owned(), Style::Success),
            ("ready", true) => ("old signatures".to_owned(), Style::Warning),
            (other, _) => (other.to_owned(), Style::Warning),
        };
        table.row([
            plain(engine.engine.as_str()),
            state,
            plain(engine.version.as_deref().unwrap_or("-")),
            plain(
                engine
                    .rules
                    .map_or_else(|| "-".to_owned(), |rules| rules.to_string()),
            ),
            plain(engine.scanned.to_string()),
            plain(engine.bad.to_string()),
            plain(engine.errors.to_string()),
            plain(engine.bytes_per_second.map_or_else(
                || "-".to_owned(),
                |speed| format!("{}/s", bytes(speed as u64)),
            )),
        ]);
    }
    table.text()
}
