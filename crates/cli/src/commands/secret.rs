//! `privet secret set|delete NAME`: passwords in the system's keyring, where the configuration refers to them.

use std::io::{IsTerminal, Read};

use privet_config::KeyringError;
use privet_system::SystemKeyring;
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;

use crate::commands::Context;
use crate::exit::{Exit, Failure};

/// Longest secret that is taken, in bytes.
const MAX_SECRET: u64 = 4096;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Keep what standard input says under NAME
    Set {
        /// The name by which the configuration refers to it: { keyring = "NAME" }
        name: String,
    },
    /// Take NAME out of the keyring
    Delete {
        /// The name by which the configuration refers to it
        name: String,
    },
}

pub async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let done = tokio::task::spawn_blocking(move || match args.action {
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
        context.terminal.say(&format!(
            "kept; in the configuration: password = {{ keyring = \"{name}\" }}"
        ))?;
    } else {
        context.terminal.say("deleted")?;
    }
    Ok(Exit::Done)
}

/// The first line of standard input. On a terminal the line is not hidden by us, so it is asked for in a way that says so.
fn read_secret() -> Result<SecretString, Failure> {
    if std::io::stdin().is_terminal() {
        return Err(Failure::with_help(
            "a password typed here would stay on the screen",
            "pipe it in: secret-tool lookup … | privet secret set NAME, or: privet secret set NAME < file",
        ));
    }
    let mut text = Zeroizing::new(String::new());
    std::io::stdin()
        .lock()
        .take(MAX_SECRET + 1)
        .read_to_string(&mut text)?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() || text.len() as u64 > MAX_SECRET {
        return Err(Failure::usage(
            "standard input holds no password of 1 to 4096 bytes",
        ));
    }
    Ok(SecretString::from(line))
}

fn failed(error: KeyringError) -> Failure {
    let help = match error {
        KeyringError::NoService => {
            "use { env = \"NAME\" } or { file = \"PATH\" } in the configuration instead"
        }
        KeyringError::NoEntry => "nothing of that name is kept",
        KeyringError::Locked => "unlock the keyring, then try again",
        KeyringError::Failed(_) => "see whether the desktop's keyring works with other programs",
    };
    Failure::with_help(error.to_string(), help)
}
