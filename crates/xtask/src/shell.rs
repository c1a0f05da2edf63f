//! Runs other programs, and prints their command lines.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The result of a command: the error is a sentence for the terminal.
pub type Done = Result<(), String>;

/// The folder of the workspace's `Cargo.toml`.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// The workspace's build folder, wherever cargo is configured to put it.
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// A command in the workspace's folder, without standard input.
pub fn command(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(root()).stdin(Stdio::null());
    command
}

/// Prints the command, runs it and waits for it.
pub fn run(program: &str, args: &[&str]) -> Done {
    run_command(command(program, args))
}

/// As [`run`], for a command that needs more than arguments.
pub fn run_command(command: Command) -> Done {
    eprintln!("+ {}", show(&command));
    run_quietly(command)
}

/// As [`run_command`], without printing the command.
pub fn run_quietly(mut command: Command) -> Done {
    let line = show(&command);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` ended with {status}")),
        Err(error) => Err(format!("`{line}` did not start: {error}")),
    }
}

/// What a command prints, or `None` where it is missing or fails.
pub fn output(program: &str, args: &[&str]) -> Option<String> {
    let out = command(program, args).stderr(Stdio::null()).output().ok()?;
    (out.status.success()).then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

/// Whether a program is in PATH or where Debian keeps daemons.
pub fn has(program: &str) -> bool {
    find(program).is_some()
}

/// The path of a program: PATH, then the folders of daemons that a user's PATH lacks.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// The target triple of this machine.
pub fn host() -> Result<String, String> {
    let version = output("rustc", &["-vV"]).ok_or("rustc does not run")?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .ok_or("rustc does not print its host")?;
    Ok(host.to_owned())
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
