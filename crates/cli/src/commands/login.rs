//! `privet login on | off | status`: whether the agent starts at login.

use privet_system::login;

use crate::blocking::blocking;
use crate::commands::Context;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, Clone, Copy, clap::Subcommand)]
enum Action {
    /// Start `privet agent` at each login
    On {
        /// Also turn the system proxy on at start
        #[arg(long)]
        system_proxy: bool,
    },
    /// Do not start at login
    Off,
    /// Show the current setting [default]
    Status,
}

pub async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let command = agent_command(context)?;
    let action = args.action.unwrap_or(Action::Status);
    let done = blocking(move || match action {
        Action::On { system_proxy } => {
            let mut command: Vec<&str> = command.iter().map(String::as_str).collect();
            if system_proxy {
                command.push("--system-proxy");
            }
            login::install(&command).map(Some)
        }
        Action::Off => login::remove().map(|()| None),
        Action::Status => Ok(login::installed()),
    });
    let method = done
        .await?
        .map_err(|error| Failure::failed(error.to_string()))?;
    let advice = method.as_ref().and_then(login::advice);
    if let Some(advice) = &advice {
        context.print_error(advice);
    }
    if context.terminal.json {
        let method = method.map(|method| method.to_string());
        let body =
            serde_json::json!({ "starts": method.is_some(), "by": method, "advice": advice });
        context.terminal.json(&body)?;
    } else {
        context.terminal.print(&match method {
            Some(method) => format!("privet agent starts at login, by {method}"),
            None => "privet agent does not start at login".to_owned(),
        })?;
    }
    Ok(Exit::Done)
}

/// This program with the same path options, as an argument list.
fn agent_command(context: &Context) -> Result<Vec<String>, Failure> {
    let text = |path: &std::path::Path| {
        path.to_str().map(str::to_owned).ok_or_else(|| {
            Failure::failed(format!(
                "{} is not valid UTF-8, so no unit can contain it",
                path.display()
            ))
        })
    };
    let mut command = vec![text(&privet_system::own_program()?)?, "agent".to_owned()];
    if context.options.config.is_some() {
        command.extend(["--config".to_owned(), text(&context.options.config()?)?]);
    }
    if context.options.data_dir.is_some() {
        command.extend(["--data-dir".to_owned(), text(&context.options.data_dir()?)?]);
    }
    Ok(command)
}
