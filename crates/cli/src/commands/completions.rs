//! `privet completions SHELL` and the hidden `privet man`.

use clap::CommandFactory;

use crate::Cli;
use crate::commands::Context;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Which shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

pub fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "privet", &mut script);
    context.terminal.say(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}

/// The manual page, in roff.
pub fn man(context: &Context) -> Result<Exit, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    context.terminal.say(&String::from_utf8_lossy(&page))?;
    Ok(Exit::Done)
}
