//! The command line: where things are, as `privet` names them, and the link to open.

use std::ffi::OsString;

use privet_api::paths::Paths;

pub const HELP: &str = "\
privet-desktop [--config FILE] [--data-dir DIR] [LINK]

Shows the window of Privet. It attaches to the engine that runs for this user, or starts `privet agent`.
A second start shows the window that is there.

  --config FILE    the configuration of an agent that has to be started
  --data-dir DIR   where state is kept; with it the control socket is DIR/control.sock
  LINK             privet:page/NAME, or privet:import?upstream=URL, which asks before it adds anything
";

/// What the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Words {
    pub named: Paths,
    pub link: Option<String>,
    pub help: bool,
    pub version: bool,
}

/// Understands the words after the program's name.
///
/// # Errors
/// A sentence that names the word that is wrong.
pub fn understand(words: impl IntoIterator<Item = OsString>) -> Result<Words, String> {
    let mut found = Words::default();
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy().into_owned();
        let (name, value) = match text.split_once('=') {
            Some((name, value)) if name.starts_with("--") => {
                (name.to_owned(), Some(OsString::from(value)))
            }
            _ => (text, None),
        };
        let mut path = || {
            let value = value.clone().or_else(|| words.next());
            let value = value.ok_or_else(|| format!("{name} needs a path after it"))?;
            Ok::<_, String>(Some(value.into()))
        };
        match name.as_str() {
            "--config" => found.named.config = path()?,
            "--data-dir" => found.named.data_dir = path()?,
            "-h" | "--help" => found.help = true,
            "-V" | "--version" => found.version = true,
            option if option.starts_with('-') => {
                return Err(format!("{option} is no option of privet-desktop"));
            }
            link => found.link = Some(link.to_owned()),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Result<Words, String> {
        understand(words.iter().map(OsString::from))
    }

    #[test]
    fn places_and_a_link_are_understood_in_both_forms() {
        let words = of(&[
            "--data-dir",
            "/d",
            "--config=/c.toml",
            "privet:import?upstream=socks5://a:1",
        ])
        .unwrap();
        assert_eq!(words.named.data_dir, Some("/d".into()));
        assert_eq!(words.named.config, Some("/c.toml".into()));
        assert_eq!(
            words.link.as_deref(),
            Some("privet:import?upstream=socks5://a:1")
        );
    }

    #[test]
    fn what_is_not_understood_is_named() {
        assert!(of(&["--nonsense"]).unwrap_err().contains("--nonsense"));
        assert!(of(&["--data-dir"]).unwrap_err().contains("--data-dir"));
    }
}
