//! Starting at login: a systemd user unit where systemd runs the graphical session, else an autostart entry.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const UNIT: &str = "privet-agent.service";
const ENTRY: &str = "privet-agent.desktop";

/// How the program is started at login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginMethod {
    /// The unit's file.
    Systemd(PathBuf),
    /// The entry's file.
    Autostart(PathBuf),
}

impl std::fmt::Display for LoginMethod {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Systemd(path) => write!(f, "the systemd user unit {}", path.display()),
            Self::Autostart(path) => write!(f, "the autostart entry {}", path.display()),
        }
    }
}

/// Starting at login cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    #[error("this user has no configuration folder")]
    NoHomeFolder,
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("systemd did not take the unit: {0}")]
    Systemd(String),
}

/// Starts `words` (a program's absolute path and its arguments) at each login. Replaces the result of an earlier call.
///
/// The unit is taken where this session runs `graphical-session.target`, by which the unit is started. Session managers that
/// do not start the target (Xfce, MATE, Cinnamon, i3, sway) get the autostart entry, as does a call from outside a session.
///
/// # Errors
/// A file cannot be written, or systemd refuses the unit.
pub fn install(words: &[&str]) -> Result<LoginMethod, LoginError> {
    let folder = config_folder()?;
    if !systemd_runs() || !has_graphical_target() {
        // With both methods it would start twice.
        remove_unit(&folder)?;
        let path = folder.join("autostart").join(ENTRY);
        write(&path, &entry("Privet", words))?;
        return Ok(LoginMethod::Autostart(path));
    }
    let path = folder.join("systemd/user").join(UNIT);
    write(&path, &unit(words))?;
    systemctl(&["daemon-reload"])?;
    systemctl(&["enable", UNIT])?;
    let _ = fs::remove_file(folder.join("autostart").join(ENTRY));
    Ok(LoginMethod::Systemd(path))
}

/// What the user has to do so that `method` starts the agent in this session; `None`: nothing.
pub fn advice(method: &LoginMethod) -> Option<String> {
    let desktop = std::env::var("XDG_CURRENT_DESKTOP").unwrap_or_default();
    match method {
        LoginMethod::Systemd(_) => (!has_graphical_target() && !desktop.is_empty()).then(|| {
            format!(
                "{desktop} does not start graphical-session.target, so the unit does not start in it: run `privet login on` again"
            )
        }),
        LoginMethod::Autostart(_) => starts_no_entries(&desktop).then(|| {
            format!(
                "{desktop} starts autostart entries only by a program such as dex; else add to its configuration: exec privet agent"
            )
        }),
    }
}

/// Window managers that read no autostart entries themselves.
fn starts_no_entries(desktop: &str) -> bool {
    const BARE: [&str; 7] = ["i3", "sway", "hyprland", "river", "niri", "bspwm", "dwm"];
    let mut names = desktop.split(':');
    names.any(|name| BARE.iter().any(|bare| name.eq_ignore_ascii_case(bare)))
}

/// Removes what [`install`] wrote. A running program is not ended.
///
/// # Errors
/// A file cannot be removed.
pub fn remove() -> Result<(), LoginError> {
    let folder = config_folder()?;
    remove_unit(&folder)?;
    remove_file(&folder.join("autostart").join(ENTRY))
}

fn remove_unit(folder: &Path) -> Result<(), LoginError> {
    let unit = folder.join("systemd/user").join(UNIT);
    if unit.exists() {
        // Fails where no systemd runs; then there is nothing to disable.
        let _ = systemctl(&["disable", UNIT]);
        remove_file(&unit)?;
        let _ = systemctl(&["daemon-reload"]);
    }
    Ok(())
}

/// How the program is started at login, if it is.
pub fn installed() -> Option<LoginMethod> {
    let folder = config_folder().ok()?;
    let unit = folder.join("systemd/user").join(UNIT);
    let entry = folder.join("autostart").join(ENTRY);
    if unit.exists() {
        Some(LoginMethod::Systemd(unit))
    } else {
        entry.exists().then_some(LoginMethod::Autostart(entry))
    }
}

/// The unit, bound to the graphical session: it ends before the session does. `cargo xtask package` ships the same.
const UNIT_TEXT: &str = include_str!("privet-agent.service");

fn unit(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| systemd_quoted(word)).collect();
    UNIT_TEXT.replace("@EXEC@", &quoted.join(" "))
}

/// A desktop entry (freedesktop.org, Desktop Entry Specification 1.5) that starts `words` at login.
pub fn entry(name: &str, words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| exec_quoted(word)).collect();
    format!(
        "[Desktop Entry]\nType=Application\nName={name}\nExec={}\nNoDisplay=true\nX-GNOME-Autostart-enabled=true\n",
        quoted.join(" ")
    )
}

/// An argument of `Exec=`: quoted as the key asks, then escaped as every string value is.
fn exec_quoted(word: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in word.chars() {
        match letter {
            '"' | '`' | '$' | '\\' => quoted.extend(['\\', letter]),
            '%' => quoted.push_str("%%"),
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted.replace('\\', "\\\\").replace('\n', "\\n")
}

/// An argument of `ExecStart=` (systemd.service(5)): C escapes in double quotes, nothing expanded.
fn systemd_quoted(word: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in word.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '$' => quoted.push_str("$$"),
            '%' => quoted.push_str("%%"),
            '\n' => quoted.push_str("\\n"),
            _ => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// The user's configuration folder.
pub(crate) fn config_folder() -> Result<PathBuf, LoginError> {
    let dirs = directories::BaseDirs::new().ok_or(LoginError::NoHomeFolder)?;
    Ok(dirs.config_dir().to_owned())
}

/// Writes a file atomically, and creates its folders.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), LoginError> {
    privet_config::save(path, text).map_err(|error| LoginError::File {
        path: path.to_owned(),
        source: error.source,
    })
}

/// Removes a file that may be absent.
pub(crate) fn remove_file(path: &Path) -> Result<(), LoginError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => Err(LoginError::File {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// Whether systemd runs this user's session, by its socket.
fn systemd_runs() -> bool {
    std::env::var_os("XDG_RUNTIME_DIR")
        .is_some_and(|dir| Path::new(&dir).join("systemd/private").exists())
}

/// Whether this session runs the target that starts the unit.
fn has_graphical_target() -> bool {
    systemctl(&["is-active", "--quiet", "graphical-session.target"]).is_ok()
}

fn systemctl(words: &[&str]) -> Result<(), LoginError> {
    let done = Command::new("systemctl")
        .arg("--user")
        .args(words)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| LoginError::Systemd(error.to_string()))?;
    if done.status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&done.stderr);
    Err(LoginError::Systemd(
        stderr
            .lines()
            .next()
            .unwrap_or("no reason given")
            .to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses `Exec=` as a desktop does: the string's escapes, then the quotes.
    fn as_a_desktop_reads(exec: &str) -> Vec<String> {
        let mut value = String::new();
        let mut letters = exec.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => value.push(match letters.next().unwrap() {
                    'n' => '\n',
                    other => other,
                }),
                _ => value.push(letter),
            }
        }
        let (mut words, mut word, mut inside) = (Vec::new(), String::new(), false);
        let mut letters = value.chars();
        while let Some(letter) = letters.next() {
            match (letter, inside) {
                ('"', true) => {
                    words.push(std::mem::take(&mut word).replace("%%", "%"));
                    inside = false;
                }
                ('"', false) => inside = true,
                ('\\', true) => word.push(letters.next().unwrap()),
                (_, true) => word.push(letter),
                (' ', false) => {}
                (other, false) => panic!("{other} outside of quotes"),
            }
        }
        words
    }

    #[test]
    fn any_path_in_an_entry_is_read_back_unchanged() {
        let hostile = [
            "/opt/My Programs/privet",
            "/home/a\"b/$HOME/`x`/50%",
            "back\\slash",
            "agent",
        ];
        let text = entry("Privet", &hostile);
        let exec = text
            .lines()
            .find_map(|line| line.strip_prefix("Exec="))
            .unwrap();
        assert_eq!(as_a_desktop_reads(exec), hostile);
    }

    #[test]
    fn bare_window_managers_are_known_by_any_of_their_names() {
        for (desktop, bare) in [
            ("sway", true),
            ("ubuntu:i3", true),
            ("Hyprland", true),
            ("XFCE", false),
            ("X-Cinnamon", false),
            ("", false),
        ] {
            assert_eq!(starts_no_entries(desktop), bare, "{desktop}");
        }
    }

    #[test]
    fn a_unit_expands_nothing_in_a_path() {
        let text = unit(&["/opt/My $HOME/50%/pri\"vet", "agent"]);
        assert!(
            text.contains("ExecStart=\"/opt/My $$HOME/50%%/pri\\\"vet\" \"agent\"\n"),
            "{text}"
        );
    }
}
