//! `privet run -- PROGRAM`: starts a program with the proxy's environment.

use std::ffi::OsString;
use std::process::{Command, ExitStatus};

use crate::commands::{Context, env};
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub struct Args {
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
    let (http, socks) = context.proxy().await?;
    let Some((program, rest)) = args.program.split_first() else {
        return Err(Failure::usage(
            "name a program: privet run -- curl https://example.com",
        ));
    };
    let mut command = Command::new(program);
    command
        .args(rest)
        .envs(env::variables(http.as_deref(), socks.as_deref()));
    // Who starts a program through Privet wants all that it does to go there, targets on this machine too.
    for exception in ["no_proxy", "NO_PROXY"] {
        command.env_remove(exception);
    }
    match command.status() {
        Ok(status) => Ok(Exit::Program(code(status))),
        Err(error) => {
            let found = error.kind() != std::io::ErrorKind::NotFound;
            context.complain(&format!("cannot run {}: {error}", program.display()));
            Ok(Exit::Program(if found { 126 } else { 127 }))
        }
    }
}

/// The code a shell would give.
fn code(status: ExitStatus) -> u8 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    status
        .code()
        .map_or(1, |code| u8::try_from(code & 0xff).unwrap_or(1))
}
