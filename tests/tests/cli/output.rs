//! Commands that print something and need no engine.

use std::process::Command;

use privet_tests::privet::binary;
use privet_tests::{CommandOutput, Privet};
use serde_json::Value;

use super::support::*;

#[test]
fn without_arguments_it_prints_help_and_an_unknown_command_exits_with_2() {
    let help = privet(&[]);
    assert!(help.clone().good().contains("Exit codes:"), "{help:?}");
    assert_eq!(privet(&["no-such-command"]).code, 2);
    assert_eq!(privet(&["mode", "--for", "1m"]).code, 2);
    assert_eq!(privet(&["close"]).code, 2);
}

#[test]
fn run_sets_the_proxy_and_returns_the_exit_code_of_the_program() {
    let privet = Privet::start("");
    let proxy = privet.proxy().to_string();
    let data = privet.sandbox.dir().join("data").display().to_string();
    let run = |args: &[&str]| self::privet(&[&["run", "--data-dir", &data, "--"], args].concat());
    let output = run(&[
        "sh",
        "-c",
        "echo $http_proxy $HTTPS_PROXY $all_proxy ${no_proxy-all goes there}; exit 7",
    ]);
    assert_eq!(output.code, 7, "{output:?}");
    assert_eq!(
        output.out.trim(),
        format!("http://{proxy} http://{proxy} all goes there")
    );
    assert_eq!(run(&["no-such-program-here"]).code, 127);
    assert_eq!(run(&["/etc/hostname"]).code, 126);
    assert_eq!(run(&["sh", "-c", "kill -TERM $$"]).code, 128 + 15);
}

#[test]
fn the_output_of_env_is_read_back_by_a_shell() {
    let privet = Privet::start("");
    let lines = privet.cli(&["env", "--shell", "bash"]).good();
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{lines}\necho $HTTP_PROXY")]);
    assert_eq!(
        CommandOutput::of(shell).good().trim(),
        format!("http://{}", privet.proxy())
    );
    assert!(
        privet
            .cli(&["env", "--shell", "fish"])
            .good()
            .contains("set -gx https_proxy 'http://")
    );
    assert!(
        privet
            .cli(&["env", "--shell", "powershell"])
            .good()
            .contains("$env:HTTPS_PROXY = ")
    );
}

#[test]
fn a_closed_output_pipe_is_no_error() {
    let mut shell = Command::new("bash");
    shell
        .args([
            "-c",
            "set -o pipefail; \"$0\" openapi | head -c 1 >/dev/null",
        ])
        .arg(binary());
    let answer = CommandOutput::of(shell);
    assert_eq!((answer.code, answer.err.as_str()), (0, ""));
}

#[test]
fn openapi_and_completions_need_no_engine() {
    let document: Value = serde_json::from_str(&privet(&["openapi"]).good()).expect("JSON");
    assert!(document["paths"]["/api/v1/status"]["get"].is_object());
    for shell in ["bash", "fish", "zsh", "powershell", "elvish"] {
        assert!(privet(&["completions", shell]).good().contains("privet"));
    }
    assert!(privet(&["man"]).good().starts_with(".ie"));
}
