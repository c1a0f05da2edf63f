//! `privet run -- PROGRAM`: starts a program with the proxy variables set.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitStatus;

use privet_system::proxy_environment::{self, ProxyMethod};

use crate::commands::Context;
use crate::commands::env::all_proxy;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Set all_proxy too, to a SOCKS URL. Some programs refuse to start with one
    #[arg(long)]
    all_proxy: bool,
    /// The user to log in as, where the listeners ask for a login [default: the only one]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The program and its arguments
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "PROGRAM"
    )]
    program: Vec<OsString>,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let addresses = context.proxy(args.user.as_deref()).await?;
    let Some((program, rest)) = args.program.split_first() else {
        return Err(Failure::usage(
            "give a program: privet run -- curl https://example.com",
        ));
    };
    let program = Path::new(program);
    let name = proxy_environment::program_name(&args.program).unwrap_or_default();
    match (proxy_environment::proxy_method(&name), &addresses.login) {
        (ProxyMethod::OwnSettings, _) => context.print_error(&format!(
            "{name} ignores proxy variables and uses only its own settings or the system proxy; see: privet env --for firefox"
        )),
        (ProxyMethod::Flag, Some(login)) => context.print_error(&format!(
            "{name} takes no login from outside and asks for it; the user is {}",
            login.user()
        )),
        _ => {}
    }
    // No exceptions (NO_PROXY): everything the program requests goes through Privet.
    let all_proxy = all_proxy(args.all_proxy);
    let mut command = proxy_environment::command(program, rest, &addresses, all_proxy);
    match command.status() {
        Ok(status) => Ok(Exit::Child(code(status))),
        Err(error) => {
            let found = error.kind() != std::io::ErrorKind::NotFound;
            context.print_error(&format!("cannot run {}: {error}", program.display()));
            Ok(Exit::Child(if found { 126 } else { 127 }))
        }
    }
}

/// The exit code that a shell would return.
fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    status
        .code()
        .map_or(1, |code| u8::try_from(code & 0xff).unwrap_or(1))
}
