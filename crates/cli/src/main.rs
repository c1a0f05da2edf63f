//! `privet`: the engine in the foreground, and the commands that steer and show a running one.

mod commands;
mod exit;
mod handed;
mod logging;
mod panic;
mod places;
mod terminal;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use privet_system::proxy::guardian;

use crate::commands::Context;
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::handed::Handed;
use crate::places::Places;
use crate::terminal::{Terminal, Tone};

/// A hedge between your programs and the network: SOCKS and HTTP proxy, upstream chains, filters, and the reason for each.
#[derive(Debug, Parser)]
#[command(name = "privet", version, after_help = EXIT_CODES, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    places: Places,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the engine in the foreground
    Serve(commands::serve::Args),
    /// Run engine, tray and system proxy in one process, one a user: what a desktop starts at login
    Agent(commands::agent::Args),
    /// End the running engine; the system proxy is put back first
    Quit,
    /// Point the desktop at Privet, or put back what was there before
    SystemProxy(commands::system_proxy::Args),
    /// Start `privet agent` at login, or not
    Login(commands::login::Args),
    /// Check a configuration: exit 0, or 2 with each fault's line, column, cause and mend
    Check(commands::check::Args),
    /// Start a program with the proxy's environment
    Run(commands::run::Args),
    /// Show or choose the mode
    Mode(commands::mode::Args),
    /// Show how the engine is
    Status,
    /// Show connections: active, closed or blocked ones
    Connections(commands::connections::Args),
    /// Close a connection, or all that match
    Close(commands::close::Args),
    /// Tell where a target would go, and every step that leads to it
    Why(commands::why::Args),
    /// Show the rules with what each did; add, move or remove one
    Rules(commands::rules::Args),
    /// Show what was changed, when, and by which door
    Changes(commands::changes::Args),
    /// Take a change back
    Undo(commands::changes::UndoArgs),
    /// Show upstreams and groups with their health
    Upstreams,
    /// Test an upstream or a group
    Test(commands::test::Args),
    /// Show the blocklists, add one, and choose between their versions
    Lists(commands::lists::Args),
    /// Show totals by app, domain, route or verdict
    Usage(commands::usage::Args),
    /// Take a new identity towards upstreams that isolate
    Identity,
    /// Find what is wrong, and say the mend
    Doctor,
    /// Print the variables that send a shell's programs through Privet
    Env(commands::env::Args),
    /// Print a completion script
    Completions(commands::completions::Args),
    /// Print the control API's OpenAPI document
    Openapi,
    /// Keep a password in the system's keyring, or take it away
    Secret(commands::secret::Args),
    /// Print the manual page, or write all of them
    #[command(hide = true)]
    Man(commands::completions::ManArgs),
}

fn main() -> ExitCode {
    // The guardian has no command line, no runtime and no log.
    let mut words = std::env::args_os().skip(1);
    if words
        .next()
        .is_some_and(|first| first == guardian::ARGUMENT)
        && let Some(folder) = words.next()
    {
        return ExitCode::from(guardian::run(folder.as_ref()));
    }
    let handed = handed::take();
    let cli = Cli::parse();
    let terminal = Terminal::new(cli.places.json);
    let Some(command) = cli.command else {
        let help = Cli::command().render_help();
        return ending(
            &terminal,
            terminal.say(&help.to_string()).map(|()| Exit::Done),
        );
    };
    let context = Context {
        places: cli.places,
        terminal,
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return ending(
                &terminal,
                Err(Failure::failed(format!("no runtime: {error}"))),
            );
        }
    };
    let result = runtime.block_on(run(&context, command, handed));
    // A name that the system still resolves must not hold up the end.
    runtime.shutdown_background();
    ending(&terminal, result)
}

async fn run(context: &Context, command: Command, handed: Handed) -> Result<Exit, Failure> {
    match command {
        Command::Serve(args) => commands::serve::run(context, args, handed).await,
        Command::Agent(args) => commands::agent::run(context, args, handed).await,
        Command::Quit => commands::quit::run(context).await,
        Command::SystemProxy(args) => commands::system_proxy::run(context, args).await,
        Command::Login(args) => commands::login::run(context, args).await,
        Command::Check(args) => commands::check::run(context, &args).await,
        Command::Run(args) => commands::run::run(context, &args).await,
        Command::Mode(args) => commands::mode::run(context, args).await,
        Command::Status => commands::status::run(context).await,
        Command::Connections(args) => commands::connections::run(context, &args).await,
        Command::Close(args) => commands::close::run(context, &args).await,
        Command::Why(args) => commands::why::run(context, args).await,
        Command::Rules(args) => commands::rules::run(context, &args).await,
        Command::Changes(args) => commands::changes::run(context, &args).await,
        Command::Undo(args) => commands::changes::undo(context, &args).await,
        Command::Upstreams => commands::upstreams::run(context).await,
        Command::Test(args) => commands::test::run(context, &args).await,
        Command::Lists(args) => commands::lists::run(context, &args).await,
        Command::Usage(args) => commands::usage::run(context, &args).await,
        Command::Identity => commands::identity::run(context).await,
        Command::Doctor => commands::doctor::run(context).await,
        Command::Env(args) => commands::env::run(context, &args).await,
        Command::Completions(args) => commands::completions::run(context, &args),
        Command::Openapi => commands::openapi::run(context),
        Command::Secret(args) => commands::secret::run(context, args).await,
        Command::Man(args) => commands::completions::man(context, &args),
    }
}

/// Says a failure on standard error, in JSON where JSON was asked for.
fn ending(terminal: &Terminal, result: Result<Exit, Failure>) -> ExitCode {
    let failure = match result {
        Ok(exit) => return ExitCode::from(exit.code()),
        Err(Failure::PipeClosed) => return ExitCode::SUCCESS,
        Err(failure) => failure,
    };
    let text = if terminal.json {
        let body = serde_json::json!({
            "error": failure.to_string(),
            "help": failure.help(),
            "diagnostics": failure.diagnostics(),
        });
        format!("{body}\n")
    } else {
        human(terminal, &failure)
    };
    let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
    ExitCode::from(failure.code())
}

fn human(terminal: &Terminal, failure: &Failure) -> String {
    let lines: Vec<String> = failure
        .to_string()
        .lines()
        .map(|line| terminal.paint(line, Tone::Plain))
        .collect();
    let mut text = format!("privet: {}\n", lines.join("\n"));
    for diagnostic in failure.diagnostics() {
        let place = format!(
            "line {}, column {}: {}",
            diagnostic.line, diagnostic.column, diagnostic.cause
        );
        text.push_str(&format!("  {}\n", terminal.paint(&place, Tone::Plain)));
    }
    if let Some(help) = failure.help() {
        text.push_str(&format!("  {}\n", terminal.paint(help, Tone::Plain)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_every_exit_code_is_in_the_manual() {
        let manual = include_str!("../../../docs/cli.md");
        for command in Cli::command()
            .get_subcommands()
            .filter(|command| !command.is_hide_set())
        {
            let row = format!("| `privet {}", command.get_name());
            assert!(manual.contains(&row), "{row}");
        }
        for failure in [
            Failure::failed("x"),
            Failure::usage("x"),
            Failure::NoEngine("x".into()),
        ] {
            assert!(manual.contains(&format!("| {} |", failure.code())));
            assert!(EXIT_CODES.contains(&format!("\n  {}  ", failure.code())));
        }
        for exit in [Exit::Done, Exit::No, Exit::Wrong] {
            assert!(manual.contains(&format!("| {} |", exit.code())));
        }
    }
}
