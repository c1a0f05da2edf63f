//! `privet token show|new`: the token of the control API on TCP.

use privet_control::{Token, TokenError};

use crate::commands::Context;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Print the token of the data folder
    Show,
    /// Replace the token; a running engine takes the new one at its next start
    New,
}

pub fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let folder = context.options.data_dir()?;
    let token = match args.action {
        Action::Show => Token::read(&folder),
        Action::New => Token::replace(&folder),
    };
    let token = token.map_err(|error| match error {
        TokenError::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            Failure::with_help(
                "this data folder has no token yet",
                "`privet token new` makes one; so does an engine with [control] http",
            )
        }
        error => Failure::failed(error.to_string()),
    })?;
    if context.terminal.json {
        let answer = serde_json::json!({ "token": token.expose() });
        context.terminal.json(&answer)?;
    } else {
        context.terminal.print(token.expose())?;
    }
    if matches!(args.action, Action::New) {
        context.print_error("a running engine takes the new token at its next start");
    }
    Ok(Exit::Done)
}
