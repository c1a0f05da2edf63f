//! Command line: the same path options as `privet`, and a link to open.

use std::ffi::OsString;

use privet_api::paths::Paths;

pub const HELP: &str = "\
privet-desktop [--config FILE] [--data-dir DIR] [LINK]

Opens the window of Privet. It attaches to this user's running engine, or starts `privet agent`.
A second start shows the window that is already open.

  --config FILE    configuration file, if an agent is started
  --data-dir DIR   data folder; the control socket is then DIR/control.sock
  LINK             privet:page/NAME, or privet:import?upstream=URL, which asks before it adds anything
";

/// Parsed command line.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    pub paths: Paths,
    pub link: Option<String>,
    pub help: bool,
    pub version: bool,
}

/// Parses the arguments after the program's name.
///
/// # Errors
/// A message that names the invalid argument.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<CommandLine, String> {
    let mut found = CommandLine::default();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let text = arg.to_string_lossy().into_owned();
        let (name, value) = match text.split_once('=') {
            Some((name, value)) if name.starts_with("--") => {
                (name.to_owned(), Some(OsString::from(value)))
            }
            _ => (text, None),
        };
        let mut path = || {
            let value = value.clone().or_else(|| args.next());
            let value = value.ok_or_else(|| format!("{name} needs a path after it"))?;
            Ok::<_, String>(Some(value.into()))
        };
        match name.as_str() {
            "--config" => found.paths.config = path()?,
            "--data-dir" => found.paths.data_dir = path()?,
            "-h" | "--help" => found.help = true,
            "-V" | "--version" => found.version = true,
            option if option.starts_with('-') => {
                return Err(format!("unknown option {option}"));
            }
            link => found.link = Some(link.to_owned()),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(args: &[&str]) -> Result<CommandLine, String> {
        parse(args.iter().map(OsString::from))
    }

    #[test]
    fn paths_and_a_link_are_parsed_in_both_forms() {
        let args = of(&[
            "--data-dir",
            "/d",
            "--config=/c.toml",
            "privet:import?upstream=socks5://a:1",
        ])
        .unwrap();
        assert_eq!(args.paths.data_dir, Some("/d".into()));
        assert_eq!(args.paths.config, Some("/c.toml".into()));
        assert_eq!(
            args.link.as_deref(),
            Some("privet:import?upstream=socks5://a:1")
        );
    }

    #[test]
    fn invalid_arguments_are_named() {
        assert!(of(&["--nonsense"]).unwrap_err().contains("--nonsense"));
        assert!(of(&["--data-dir"]).unwrap_err().contains("--data-dir"));
    }
}
