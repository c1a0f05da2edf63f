//! `privet env`: proxy variables for a shell, and proxy settings for programs that ignore variables.

use clap::ValueEnum;
use privet_system::proxy_environment::{self, variables};

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
    if let Some(program) = &args.program {
        return settings(context, program).await;
    }
    let addresses = context.proxy().await?;
    if context.terminal.json {
        let map: std::collections::BTreeMap<_, _> = variables(&addresses).into_iter().collect();
        context.terminal.json(&map)?;
        return Ok(Exit::Done);
    }
    let shell = args
        .shell
        .map_or_else(own_shell, proxy_environment::Shell::from);
    let lines: Vec<String> = variables(&addresses)
        .iter()
        .map(|(name, value)| match args.unset {
            true => shell.unset(name),
            false => shell.set(name, value),
        })
        .collect();
    context.terminal.print(&lines.join("\n"))?;
    Ok(Exit::Done)
}

/// Prints only the settings to standard output, so that they can be redirected into a file. Notes go to standard error.
async fn settings(context: &Context, program: &str) -> Result<Exit, Failure> {
    let all = context.client()?.recipes().await?;
    let ids: Vec<&str> = all
        .recipes
        .iter()
        .map(|recipe| recipe.id.as_str())
        .collect();
    if program == "list" {
        context.terminal.print(&ids.join("\n"))?;
        return Ok(Exit::Done);
    }
    let Some(recipe) = all.recipes.iter().find(|recipe| recipe.id == program) else {
        return Err(Failure::usage(format!(
            "unknown program \"{program}\"; known: {}",
            ids.join(", ")
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
