//! `privet secret set|delete|list`: passwords in the system's keyring that the configuration refers to.

use std::io::{BufRead, IsTerminal, Read, Write};

use privet_api::secrets::SecretEntry;
use privet_config::{Keyring, KeyringError, MAX_SECRET};
use privet_system::{HiddenInput, SystemKeyring};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use crate::blocking::blocking;
use crate::commands::Context;
use crate::exit::{Exit, Failure};
use crate::terminal::{Style, plain};

/// A line end may follow, and one more byte shows that it is too long.
const MAX_READ: u64 = MAX_SECRET as u64 + 3;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Store a password under NAME: typed without being shown, or the first line of standard input where that is no terminal
    Set {
        /// The name by which the configuration refers to it: { keyring = "NAME" }
        name: String,
    },
    /// Show which entries the running configuration refers to, and whether the keyring has them
    List,
    /// Delete NAME from the keyring
    Delete {
        /// The name by which the configuration refers to it
        name: String,
    },
}

pub async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let (what, name) = match args.action {
        Action::List => return list(context).await,
        Action::Set { name } => {
            let secret = ask(context, &name).await?;
            in_background(move || SystemKeyring.write(&name, &secret).map(|()| ("set", name))).await
        }
        Action::Delete { name } => {
            in_background(move || SystemKeyring.delete(&name).map(|()| ("deleted", name))).await
        }
    }?;
    if context.terminal.json {
        context.terminal.json(&serde_json::json!({ what: name }))?;
    } else if what == "set" {
        context.terminal.print(&format!(
            "stored; in the configuration: password = {{ keyring = \"{name}\" }}"
        ))?;
    } else {
        context.terminal.print("deleted")?;
    }
    Ok(Exit::Done)
}

async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, KeyringError> + Send + 'static,
) -> Result<T, Failure> {
    blocking(work).await?.map_err(failed)
}

async fn list(context: &Context) -> Result<Exit, Failure> {
    let secrets = context.client()?.secrets().await?;
    let terminal = &context.terminal;
    if terminal.json {
        terminal.json(&secrets)?;
        return Ok(Exit::Done);
    }
    let mut table = terminal.table(&["entry", "stored", "used by"]);
    for entry in &secrets.secrets {
        table.row([
            plain(entry.name.as_str()),
            stored(entry),
            plain(entry.used_by.join(", ")),
        ]);
    }
    let keyring = secrets.text.map(|text| format!("{text}\n"));
    let entries = match secrets.secrets.is_empty() {
        true => "the configuration refers to no entry".to_owned(),
        false => table.text(),
    };
    terminal.print(&format!("{}{entries}", keyring.unwrap_or_default()))?;
    Ok(Exit::Done)
}

fn stored(entry: &SecretEntry) -> (String, Style) {
    match entry.stored {
        Some(true) => ("yes".to_owned(), Style::Success),
        Some(false) => ("no".to_owned(), Style::Error),
        None => ("unknown".to_owned(), Style::Dim),
    }
}

/// The password: typed on a terminal without being shown, else the first line of standard input.
async fn ask(context: &Context, name: &str) -> Result<SecretString, Failure> {
    let interrupted = || Err(Failure::failed("nothing was stored"));
    let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
    // Polled once before the terminal hides anything: from here on an interrupt does not end the program as it is.
    tokio::select! {
        biased;
        _ = &mut interrupt => return interrupted(),
        () = std::future::ready(()) => {}
    }
    let hidden = match std::io::stdin().is_terminal() {
        true => Some(hide_input(context, name)?),
        false => None,
    };
    let is_typed = hidden.is_some();
    let read = tokio::select! {
        read = blocking(move || read_secret(is_typed)) => read?,
        // The terminal is restored before the exit.
        _ = &mut interrupt => interrupted(),
    };
    drop(hidden);
    read
}

fn hide_input(context: &Context, name: &str) -> Result<HiddenInput, Failure> {
    let hidden = HiddenInput::start().map_err(|error| {
        Failure::with_help(
            format!("a password typed here would be visible on the screen: {error}"),
            "pipe it in: secret-tool lookup … | privet secret set NAME, or: privet secret set NAME < file",
        )
    })?;
    let prompt = format!("Password for {name} (not shown): ");
    let mut terminal = std::io::stderr();
    terminal.write_all(context.terminal.paint(&prompt, Style::Plain).as_bytes())?;
    terminal.flush()?;
    Ok(hidden)
}

/// One line from a terminal, or all of another standard input.
fn read_secret(is_typed: bool) -> Result<SecretString, Failure> {
    let mut text = Zeroizing::new(String::new());
    let mut input = std::io::stdin().lock().take(MAX_READ);
    match is_typed {
        true => input.read_line(&mut text)?,
        false => input.read_to_string(&mut text)?,
    };
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() || line.len() > MAX_SECRET {
        return Err(Failure::usage(format!(
            "that is no password of 1 to {MAX_SECRET} bytes; nothing was stored"
        )));
    }
    Ok(SecretString::from(line))
}

fn failed(error: KeyringError) -> Failure {
    let help = match error {
        KeyringError::NoService => {
            "use { env = \"NAME\" } or { file = \"PATH\" } in the configuration instead"
        }
        KeyringError::NoEntry => "the keyring has no entry of that name",
        KeyringError::Locked => "unlock the keyring, then try again",
        KeyringError::Crashed => {
            "restart the keyring's service or log in anew, then try again; please report it"
        }
        KeyringError::Failed(_) => "check whether the keyring works with other programs",
    };
    Failure::with_help(error.to_string(), help)
}
