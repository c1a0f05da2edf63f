//! `privet`: runs the engine, and the commands that control a running one.

mod activation;
mod blocking;
mod commands;
mod exit;
mod global_options;
mod logging;
mod panic;
mod signals;
mod terminal;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use privet_system::proxy::guardian;

use crate::activation::InheritedSockets;
use crate::commands::Context;
use crate::exit::{EXIT_CODES, Exit, Failure};
use crate::global_options::GlobalOptions;
use crate::terminal::{Style, Terminal};

/// A SOCKS5 and HTTP privacy gateway: upstream chains, rules, blocklists, and the reason for every verdict.
#[derive(Debug, Parser)]
#[command(name = "privet", version, after_help = EXIT_CODES, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    options: GlobalOptions,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the engine in the foreground
    Serve(commands::serve::Args),
    /// Run engine, tray icon and system proxy in one process per user, as a desktop session does
    Agent(commands::agent::Args),
    /// Open the window, or the page in a browser, logged in
    Open(commands::open::Args),
    /// Stop the running engine; the previous system proxy is restored first
    Quit,
    /// Set Privet as the system proxy, or restore the previous settings
    SystemProxy(commands::system_proxy::Args),
    /// Start `privet agent` at login, or stop doing so
    Login(commands::login::Args),
    /// Check a configuration: exit 0, or 2 with line, column, cause and fix of each error
    Check(commands::check::Args),
    /// Start a program with the proxy variables set
    Run(commands::run::Args),
    /// Show or switch the mode
    Mode(commands::mode::Args),
    /// Show the engine's status
    Status,
    /// Show active, closed or blocked connections
    Connections(commands::connections::Args),
    /// Show the requests that could be read: method, URL, status
    Requests(commands::requests::Args),
    /// Close a connection, or all that match a filter
    Close(commands::close::Args),
    /// Explain where a target would go, step by step
    Why(commands::why::Args),
    /// Show the rules with their hits; add, move or remove one
    Rules(commands::rules::Args),
    /// Show configuration changes: what, when, and by which client
    Changes(commands::changes::Args),
    /// Undo a change
    Undo(commands::changes::UndoArgs),
    /// Show the scanners and what they stopped; try them
    Scan(commands::scan::Args),
    /// Show what the HTTP cache holds and did; purge it
    Cache(commands::cache::Args),
    /// Show HTTPS inspection: the authority, who trusts it, what passes untouched
    Inspect(commands::inspect::Args),
    /// Show upstreams and groups with their health
    Upstreams,
    /// Show sites with their backends; drain a backend or set its weight
    Sites(commands::sites::Args),
    /// Test an upstream or a group
    Test(commands::test::Args),
    /// Show blocklists, add or remove them, and manage their versions
    Lists(commands::lists::Args),
    /// Show totals by app, domain, route or verdict
    Usage(commands::usage::Args),
    /// Use new credentials with isolating upstreams
    Identity,
    /// Run diagnostics and show how to fix each problem
    Doctor,
    /// Print the proxy variables for a shell, or the settings of a program
    Env(commands::env::Args),
    /// Print a completion script
    Completions(commands::completions::Args),
    /// Print the control API's OpenAPI document
    Openapi,
    /// Store, list or delete passwords in the system's keyring
    Secret(commands::secret::Args),
    /// Print or replace the token of the page and the API over TCP
    Token(commands::token::Args),
    /// Print the manual page, or write all pages into a folder
    #[command(hide = true)]
    Man(commands::completions::ManArgs),
}

fn main() -> ExitCode {
    // The guardian process needs no command line parser, runtime or log.
    let mut arguments = std::env::args_os().skip(1);
    if arguments
        .next()
        .is_some_and(|first| first == guardian::ARGUMENT)
        && let Some(folder) = arguments.next()
    {
        return ExitCode::from(guardian::run(folder.as_ref()));
    }
    let inherited = activation::take();
    let cli = Cli::parse();
    let terminal = Terminal::new(cli.options.json);
    let Some(command) = cli.command else {
        let help = Cli::command().render_help();
        return finish(
            &terminal,
            terminal.print(&help.to_string()).map(|()| Exit::Done),
        );
    };
    let context = Context {
        options: cli.options,
        terminal,
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            return finish(
                &terminal,
                Err(Failure::failed(format!("no runtime: {error}"))),
            );
        }
    };
    let result = runtime.block_on(run(&context, command, inherited));
    // A blocking DNS lookup of the system must not delay the exit.
    runtime.shutdown_background();
    finish(&terminal, result)
}

async fn run(
    context: &Context,
    command: Command,
    inherited: InheritedSockets,
) -> Result<Exit, Failure> {
    match command {
        Command::Serve(args) => commands::serve::run(context, args, inherited).await,
        Command::Agent(args) => commands::agent::run(context, args, inherited).await,
        Command::Open(args) => commands::open::run(context, &args).await,
        Command::Quit => commands::quit::run(context).await,
        Command::SystemProxy(args) => commands::system_proxy::run(context, args).await,
        Command::Login(args) => commands::login::run(context, args).await,
        Command::Check(args) => commands::check::run(context, &args).await,
        Command::Run(args) => commands::run::run(context, &args).await,
        Command::Mode(args) => commands::mode::run(context, args).await,
        Command::Status => commands::status::run(context).await,
        Command::Connections(args) => commands::connections::run(context, &args).await,
        Command::Requests(args) => commands::requests::run(context, &args).await,
        Command::Close(args) => commands::close::run(context, &args).await,
        Command::Why(args) => commands::why::run(context, args).await,
        Command::Rules(args) => commands::rules::run(context, &args).await,
        Command::Changes(args) => commands::changes::run(context, &args).await,
        Command::Undo(args) => commands::changes::undo(context, &args).await,
        Command::Scan(args) => commands::scan::run(context, &args).await,
        Command::Cache(args) => commands::cache::run(context, &args).await,
        Command::Inspect(args) => commands::inspect::run(context, &args).await,
        Command::Upstreams => commands::upstreams::run(context).await,
        Command::Sites(args) => commands::sites::run(context, &args).await,
        Command::Test(args) => commands::test::run(context, &args).await,
        Command::Lists(args) => commands::lists::run(context, &args).await,
        Command::Usage(args) => commands::usage::run(context, &args).await,
        Command::Identity => commands::identity::run(context).await,
        Command::Doctor => commands::doctor::run(context).await,
        Command::Env(args) => commands::env::run(context, &args).await,
        Command::Completions(args) => commands::completions::run(context, &args, Cli::command()),
        Command::Openapi => commands::openapi::run(context),
        Command::Token(args) => commands::token::run(context, &args),
        Command::Secret(args) => commands::secret::run(context, args).await,
        Command::Man(args) => commands::completions::man(context, &args, Cli::command()),
    }
}

/// Prints a failure to standard error, as JSON with `--json`, and returns the exit code.
fn finish(terminal: &Terminal, result: Result<Exit, Failure>) -> ExitCode {
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
        failure_text(terminal, &failure)
    };
    let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
    ExitCode::from(failure.code())
}

fn failure_text(terminal: &Terminal, failure: &Failure) -> String {
    let lines: Vec<String> = failure
        .to_string()
        .lines()
        .map(|line| terminal.paint(line, Style::Plain))
        .collect();
    let mut text = format!("privet: {}\n", lines.join("\n"));
    for diagnostic in failure.diagnostics() {
        let position = format!(
            "line {}, column {}: {}",
            diagnostic.line, diagnostic.column, diagnostic.cause
        );
        text.push_str(&format!("  {}\n", terminal.paint(&position, Style::Plain)));
    }
    if let Some(help) = failure.help() {
        text.push_str(&format!("  {}\n", terminal.paint(help, Style::Plain)));
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
    fn options_of_every_command_may_stand_before_a_subcommand() {
        let mut commands = vec![Cli::command()];
        while let Some(command) = commands.pop() {
            let refuses = command.is_args_conflicts_with_subcommands_set();
            assert!(!refuses, "{}", command.get_name());
            commands.extend(command.get_subcommands().cloned());
        }
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
        for exit in [Exit::Done, Exit::Negative, Exit::CheckFailed] {
            assert!(manual.contains(&format!("| {} |", exit.code())));
        }
    }
}
