//! What the tests of the command line have in common.

use std::process::Command;

use privet_tests::CommandOutput;
use privet_tests::privet::{Sandbox, binary};

pub fn privet(args: &[&str]) -> CommandOutput {
    let mut command = Command::new(binary());
    command.args(args);
    CommandOutput::of(command)
}

pub fn check(sandbox: &Sandbox, args: &[&str]) -> CommandOutput {
    let config = sandbox.config().display().to_string();
    privet(&[&["check", "--config", &config], args].concat())
}
