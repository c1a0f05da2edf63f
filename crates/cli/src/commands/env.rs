//! `privet env`: the variables that send a shell's programs through Privet.

use clap::ValueEnum;

use crate::commands::Context;
use crate::exit::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Whose syntax to write [default: $SHELL's]
    #[arg(long, value_enum)]
    shell: Option<Shell>,
    /// Write the lines that take the variables away again
    #[arg(long)]
    unset: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// bash, zsh, sh
    Bash,
    Fish,
    Powershell,
}

/// Targets that programs reach without the proxy.
const NO_PROXY: &str = "localhost,127.0.0.0/8,127.0.0.1,::1";

/// Names and values for a proxy at `http` (HTTP) and `socks` (SOCKS, names resolved by the proxy), each in both cases:
/// programs differ in which they read.
pub fn variables(http: Option<&str>, socks: Option<&str>) -> Vec<(String, String)> {
    let http_url = http.map(|address| format!("http://{address}"));
    let socks_url = socks.map(|address| format!("socks5h://{address}"));
    let plain = http_url.clone().or_else(|| socks_url.clone());
    let all = socks_url.or(http_url);
    let pairs = [
        ("http_proxy", plain.clone()),
        ("https_proxy", plain),
        ("all_proxy", all),
        ("no_proxy", Some(NO_PROXY.to_owned())),
    ];
    pairs
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .flat_map(|(name, value)| {
            [
                (name.to_owned(), value.clone()),
                (name.to_ascii_uppercase(), value),
            ]
        })
        .collect()
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let (http, socks) = context.proxy().await?;
    let variables = variables(http.as_deref(), socks.as_deref());
    if context.terminal.json {
        let map: std::collections::BTreeMap<_, _> = variables.into_iter().collect();
        context.terminal.json(&map)?;
        return Ok(Exit::Done);
    }
    let shell = args.shell.unwrap_or_else(own_shell);
    let lines: Vec<String> = variables
        .iter()
        .map(|(name, value)| line(shell, name, value, args.unset))
        .collect();
    context.terminal.say(&lines.join("\n"))?;
    Ok(Exit::Done)
}

fn own_shell() -> Shell {
    match std::env::var("SHELL") {
        Ok(path) if path.ends_with("fish") => Shell::Fish,
        Ok(path) if path.ends_with("pwsh") => Shell::Powershell,
        Err(_) if cfg!(windows) => Shell::Powershell,
        _ => Shell::Bash,
    }
}

/// One line; values hold no quote, since they are addresses of ours.
fn line(shell: Shell, name: &str, value: &str, unset: bool) -> String {
    match (shell, unset) {
        (Shell::Bash, false) => format!("export {name}='{value}'"),
        (Shell::Bash, true) => format!("unset {name}"),
        (Shell::Fish, false) => format!("set -gx {name} '{value}'"),
        (Shell::Fish, true) => format!("set -e {name}"),
        (Shell::Powershell, false) => format!("$env:{name} = '{value}'"),
        (Shell::Powershell, true) => {
            format!("Remove-Item Env:{name} -ErrorAction SilentlyContinue")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mixed_listener_gives_http_and_socks_with_names_left_to_the_proxy() {
        let all = variables(Some("127.0.0.1:7280"), Some("127.0.0.1:7280"));
        let find = |name: &str| all.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
        assert_eq!(find("http_proxy"), Some("http://127.0.0.1:7280"));
        assert_eq!(find("HTTPS_PROXY"), Some("http://127.0.0.1:7280"));
        assert_eq!(find("all_proxy"), Some("socks5h://127.0.0.1:7280"));
        assert!(find("NO_PROXY").unwrap().contains("localhost"));
    }

    #[test]
    fn each_shell_gets_its_own_syntax() {
        assert_eq!(line(Shell::Bash, "a", "b", false), "export a='b'");
        assert_eq!(line(Shell::Fish, "a", "b", false), "set -gx a 'b'");
        assert_eq!(line(Shell::Powershell, "a", "b", false), "$env:a = 'b'");
    }
}
