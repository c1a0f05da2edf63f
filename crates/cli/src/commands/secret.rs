//! `privet secret set|delete|list`: passwords in the system's keyring that the configuration refers to.

use std::io::{IsTerminal, Read};

use privet_api::secrets::SecretEntry;
use privet_config::{Keyring, KeyringError, MAX_SECRET};
use privet_system::SystemKeyring;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

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
    /// Store the first line of standard input under NAME
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
    if matches!(args.action, Action::List) {
        return list(context).await;
    }
    let done = tokio::task::spawn_blocking(move || match args.action {
        // Handled above.
        Action::List => Ok(("listed", String::new())),
        Action::Set { name } => {
            let secret = read_secret()?;
            SystemKeyring.write(&name, &secret).map_err(failed)?;
            Ok::<_, Failure>(("set", name))
        }
        Action::Delete { name } => {
            SystemKeyring.delete(&name).map_err(failed)?;
            Ok(("deleted", name))
        }
    });
    let (what, name) = done
        .await
        .map_err(|error| Failure::failed(error.to_string()))??;
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
            kept(entry),
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

fn kept(entry: &SecretEntry) -> (String, Style) {
    match entry.stored {
        Some(true) => ("yes".to_owned(), Style::Success),
        Some(false) => ("no".to_owned(), Style::Error),
        None => ("unknown".to_owned(), Style::Dim),
    }
}

/// The first line of standard input. Refused on a terminal, where the input would be visible.
fn read_secret() -> Result<SecretString, Failure> {
    if std::io::stdin().is_terminal() {
        return Err(Failure::with_help(
            "a password typed here would be visible on the screen",
            "pipe it in: secret-tool lookup … | privet secret set NAME, or: privet secret set NAME < file",
        ));
    }
    let mut text = Zeroizing::new(String::new());
    std::io::stdin()
        .lock()
        .take(MAX_READ)
        .read_to_string(&mut text)?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() || line.len() > MAX_SECRET {
        return Err(Failure::usage(format!(
            "standard input holds no password of 1 to {MAX_SECRET} bytes"
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
        KeyringError::Failed(_) => "check whether the keyring works with other programs",
    };
    Failure::with_help(error.to_string(), help)
}
