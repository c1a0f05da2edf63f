//! `privet env`: proxy variables for a shell, and proxy settings for programs that ignore variables.

use clap::ValueEnum;
use privet_api::apps::Recipe;
use privet_control::recipes::recipes;
use privet_system::proxy_environment::{self, AllProxy, ProxyAddresses, variables};

use crate::commands::Context;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Shell syntax [default: that of $SHELL]
    #[arg(long, value_enum)]
    shell: Option<Shell>,
    /// Print the commands that unset the variables
    #[arg(long)]
    unset: bool,
    /// Set all_proxy too, to a SOCKS URL. Some programs refuse to start with one
    #[arg(long, conflicts_with_all = ["unset", "program"])]
    all_proxy: bool,
    /// The user to log in as, where the listeners ask for a login [default: the only one]
    #[arg(long, value_name = "NAME", conflicts_with = "unset")]
    user: Option<String>,
    /// Print the settings of one program: firefox, curl, git, ssh, telegram, docker, …; "list" names all
    #[arg(long = "for", value_name = "PROGRAM", conflicts_with_all = ["shell", "unset"])]
    program: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// bash, zsh, sh
    Bash,
    Fish,
    Powershell,
}

impl From<Shell> for proxy_environment::Shell {
    fn from(shell: Shell) -> Self {
        match shell {
            Shell::Bash => Self::Bash,
            Shell::Fish => Self::Fish,
            Shell::Powershell => Self::Powershell,
        }
    }
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let shell = args
        .shell
        .map_or_else(own_shell, proxy_environment::Shell::from);
    if args.unset {
        context.terminal.print(&shell.unset_all())?;
        return Ok(Exit::Done);
    }
    if args.program.as_deref() == Some("list") {
        return list(context).await;
    }
    let addresses = context.proxy(args.user.as_deref()).await?;
    if let Some(program) = &args.program {
        return settings(context, program, &addresses);
    }
    let all_proxy = all_proxy(args.all_proxy);
    if context.terminal.json {
        let map: std::collections::BTreeMap<_, _> =
            variables(&addresses, all_proxy).into_iter().collect();
        context.terminal.json(&map)?;
        return Ok(Exit::Done);
    }
    context
        .terminal
        .print(&shell.set_all(&addresses, all_proxy))?;
    Ok(Exit::Done)
}

pub fn all_proxy(asked: bool) -> AllProxy {
    match asked {
        true => AllProxy::Set,
        false => AllProxy::Omitted,
    }
}

async fn list(context: &Context) -> Result<Exit, Failure> {
    let all = context.client()?.recipes().await?.recipes;
    context.terminal.print(&ids(&all).join("\n"))?;
    Ok(Exit::Done)
}

fn ids(recipes: &[Recipe]) -> Vec<&str> {
    recipes.iter().map(|recipe| recipe.id.as_str()).collect()
}

/// Prints only the settings to standard output, so that they can be redirected into a file. Notes go to standard error.
fn settings(context: &Context, program: &str, addresses: &ProxyAddresses) -> Result<Exit, Failure> {
    let all = recipes(addresses);
    let Some(recipe) = all.iter().find(|recipe| recipe.id == program) else {
        return Err(Failure::usage(format!(
            "unknown program \"{program}\"; known: {}",
            ids(&all).join(", ")
        )));
    };
    if context.terminal.json {
        context.terminal.json(recipe)?;
        return Ok(Exit::Done);
    }
    if let Some(place) = &recipe.place {
        context.print_error(&format!("goes into {place}"));
    }
    if let Some(note) = &recipe.note {
        context.print_error(note);
    }
    context.terminal.print(&recipe.text)?;
    Ok(Exit::Done)
}

fn own_shell() -> proxy_environment::Shell {
    match std::env::var("SHELL") {
        Ok(path) if path.ends_with("fish") => proxy_environment::Shell::Fish,
        Ok(path) if path.ends_with("pwsh") => proxy_environment::Shell::Powershell,
        Err(_) if cfg!(windows) => proxy_environment::Shell::Powershell,
        _ => proxy_environment::Shell::Bash,
    }
}
