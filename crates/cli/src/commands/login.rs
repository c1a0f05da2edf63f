//! `privet login on | off | status`: whether the agent starts with the desktop's session.

use privet_system::login;

use crate::commands::Context;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    wish: Option<Wish>,
}

#[derive(Debug, Clone, Copy, clap::Subcommand)]
enum Wish {
    /// Start `privet agent` at each login
    On {
        /// And point the desktop at it
        #[arg(long)]
        system_proxy: bool,
    },
    /// Start nothing at login
    Off,
    /// Show which it is [default]
    Status,
}

pub async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let words = agent_words(context)?;
    let wish = args.wish.unwrap_or(Wish::Status);
    let done = tokio::task::spawn_blocking(move || match wish {
        Wish::On { system_proxy } => {
            let mut words: Vec<&str> = words.iter().map(String::as_str).collect();
            if system_proxy {
                words.push("--system-proxy");
            }
            login::install(&words).map(Some)
        }
        Wish::Off => login::remove().map(|()| None),
        Wish::Status => Ok(login::installed()),
    });
    let way = done
        .await
        .map_err(|error| Failure::failed(error.to_string()))?
        .map_err(|error| Failure::failed(error.to_string()))?;
    if context.terminal.json {
        let way = way.map(|way| way.to_string());
        let body = serde_json::json!({ "starts": way.is_some(), "by": way });
        context.terminal.json(&body)?;
    } else {
        context.terminal.say(&match way {
            Some(way) => format!("privet agent starts at login, by {way}"),
            None => "privet agent does not start at login".to_owned(),
        })?;
    }
    Ok(Exit::Done)
}

/// This program, with the places that this command was given.
fn agent_words(context: &Context) -> Result<Vec<String>, Failure> {
    let text = |path: &std::path::Path| {
        path.to_str().map(str::to_owned).ok_or_else(|| {
            Failure::failed(format!(
                "{} is not text that a unit can hold",
                path.display()
            ))
        })
    };
    let mut words = vec![text(&std::env::current_exe()?)?, "agent".to_owned()];
    if context.places.config.is_some() {
        words.extend(["--config".to_owned(), text(&context.places.config()?)?]);
    }
    if context.places.data_dir.is_some() {
        words.extend(["--data-dir".to_owned(), text(&context.places.data_dir()?)?]);
    }
    Ok(words)
}
