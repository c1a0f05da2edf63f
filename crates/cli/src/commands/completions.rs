//! `privet completions SHELL` and the hidden `privet man`.

use std::path::PathBuf;

use crate::commands::Context;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Prints the script for a shell. `command`: the whole command line.
pub fn run(context: &Context, args: &Args, mut command: clap::Command) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "privet", &mut script);
    context.terminal.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// Write a page for each command into this folder; without it, print the first page
    folder: Option<PathBuf>,
}

/// The manual pages, in roff.
pub fn man(context: &Context, args: &ManArgs, command: clap::Command) -> Result<Exit, Failure> {
    if let Some(folder) = &args.folder {
        std::fs::create_dir_all(folder)?;
        clap_mangen::generate_to(command, folder)?;
        return Ok(Exit::Done);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command).render(&mut page)?;
    context.terminal.print(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Done)
}
