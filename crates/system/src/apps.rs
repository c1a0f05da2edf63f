//! The desktop's applications (freedesktop.org, Desktop Entry Specification 1.5): listing, icons, starting them through
//! the proxy.

pub mod entry;
pub(crate) mod flatpak;
pub mod icon;
mod icon_theme;

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use self::entry::{DesktopEntry, MenuSession};
use crate::detached;
use crate::proxy_environment::{self, AllProxy, ProxyAddresses, program_at};

/// Maximum of files that are read; a desktop has some hundreds.
const MAX_FILES: usize = 4096;
/// Maximum of applications.
pub const MAX_APPS: usize = 1024;
/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 256 * 1024;
/// Maximum depth of folders.
const MAX_DEPTH: usize = 3;

/// An application of the desktop's menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesktopApp {
    /// Its file's name without `.desktop`: "org.gnome.Maps".
    pub id: String,
    pub name: String,
    /// The program and its arguments.
    pub exec: Vec<String>,
    /// The working directory in its entry.
    pub folder: Option<PathBuf>,
    /// A name in the icon theme, or a path.
    pub icon: Option<String>,
}

impl DesktopApp {
    /// The file name of its program: "firefox-esr"; of a Flatpak application its id: "org.mozilla.firefox".
    pub fn program(&self) -> &str {
        let word = program_word(&self.exec).map_or("", String::as_str);
        word.rsplit('/').next().unwrap_or(word)
    }

    /// Starts it through the proxy. Returns its process id.
    ///
    /// # Errors
    /// The program does not exist or cannot be started.
    pub fn launch(&self, to: &ProxyAddresses) -> io::Result<u32> {
        let after = program_at(&self.exec).and_then(|at| self.exec.split_at_checked(at + 1));
        let (starter, words) = after.ok_or(io::ErrorKind::NotFound)?;
        let mut command = proxy_environment::started_by(starter, words, to, AllProxy::Omitted);
        let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
        if let Some(folder) = self
            .folder
            .clone()
            .filter(|folder| folder.is_dir())
            .or(home)
        {
            command.current_dir(folder);
        }
        // In a new process group, so that Ctrl-C in our terminal does not end it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        detached::spawn(command)
    }
}

/// What has to be installed: the program, or Flatpak for its applications.
fn starter_word(exec: &[String]) -> Option<&String> {
    match flatpak::id_at(exec) {
        Some(_) => exec.first(),
        None => program_word(exec),
    }
}

fn program_word(exec: &[String]) -> Option<&String> {
    program_at(exec).and_then(|at| exec.get(at))
}

/// Whether there is a display to start applications on.
pub fn has_session() -> bool {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(not(unix)) || is_set("WAYLAND_DISPLAY") || is_set("DISPLAY")
}

/// The applications that a menu of this session shows, sorted by name. Blocks on files.
pub fn installed() -> Vec<DesktopApp> {
    let folders = data_folders().into_iter();
    let folders: Vec<PathBuf> = folders.map(|folder| folder.join("applications")).collect();
    found_in(&folders, &MenuSession::of_env(), is_there)
}

/// The data folders of programs, the user's own first.
pub(crate) fn data_folders() -> Vec<PathBuf> {
    let own = directories::BaseDirs::new().map(|dirs| dirs.data_dir().to_owned());
    let shared = std::env::var_os("XDG_DATA_DIRS").filter(|all| !all.is_empty());
    let shared = shared.unwrap_or_else(|| "/usr/local/share:/usr/share".into());
    let mut folders: Vec<PathBuf> = own
        .into_iter()
        .chain(std::env::split_paths(&shared))
        .filter(|folder| folder.is_absolute())
        .collect();
    let exported = flatpak::export_folders().into_iter();
    let unnamed: Vec<PathBuf> = exported
        .filter(|folder| !folders.contains(folder))
        .collect();
    folders.extend(unnamed);
    folders
}

/// A file in an earlier folder hides one of the same name in later folders, even if it is not shown.
fn found_in(
    folders: &[PathBuf],
    session: &MenuSession,
    is_there: impl Fn(&str) -> bool,
) -> Vec<DesktopApp> {
    let (mut seen, mut apps) = (HashSet::new(), Vec::new());
    for folder in folders {
        let mut files = Vec::new();
        collect(folder, "", 0, &mut files);
        for (id, path) in files {
            if seen.len() >= MAX_FILES || apps.len() >= MAX_APPS || !seen.insert(id.clone()) {
                continue;
            }
            let entry = read(&path).and_then(|text| entry::parse(&text, session));
            let shown = entry.filter(|entry| entry.is_shown && !entry.terminal);
            let here = |entry: &DesktopEntry| {
                let program = program_word(&entry.exec);
                let own = program.is_some_and(|program| is_our_own(program));
                !own && entry.try_exec.as_deref().is_none_or(&is_there)
                    && starter_word(&entry.exec).is_some_and(|program| is_there(program))
            };
            if let Some(entry) = shown.filter(here) {
                apps.push(DesktopApp {
                    id,
                    name: entry.name,
                    exec: entry.exec,
                    folder: entry.folder.map(PathBuf::from),
                    icon: entry.icon,
                });
            }
        }
    }
    apps.sort_by_cached_key(|app| (app.name.to_lowercase(), app.id.clone()));
    apps
}

fn collect(folder: &Path, prefix: &str, depth: usize, files: &mut Vec<(String, PathBuf)>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten().take(MAX_FILES) {
        let Ok(name) = entry.file_name().into_string() else {
            continue;
        };
        let path = entry.path();
        if files.len() >= MAX_FILES {
            return;
        }
        if let Some(id) = name.strip_suffix(".desktop") {
            files.push((format!("{prefix}{id}"), path));
        } else if depth < MAX_DEPTH && path.is_dir() {
            collect(&path, &format!("{prefix}{name}-"), depth + 1, files);
        }
    }
}

fn read(path: &Path) -> Option<String> {
    use std::io::Read;
    let mut bytes = Vec::new();
    // Checked before it is opened: opening a pipe blocks.
    fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let file = fs::File::open(path).ok()?;
    file.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
    String::from_utf8(bytes).ok()
}

fn is_our_own(program: &str) -> bool {
    matches!(
        program.rsplit('/').next(),
        Some("privet" | "privet-desktop")
    )
}

/// Whether a program exists, as a path or in a folder of PATH.
fn is_there(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    !program.is_empty() && std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("[Desktop Entry]\nType=Application\n{text}")).unwrap();
    }

    #[test]
    fn the_users_file_hides_the_shared_one_and_missing_programs_are_not_shown() {
        let (own, shared) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write(shared.path(), "maps.desktop", "Name=Maps\nExec=maps %U\n");
        write(
            shared.path(),
            "b.desktop",
            "Name=B\nExec=env LC_ALL=C b-bin\n",
        );
        write(shared.path(), "gone.desktop", "Name=Gone\nExec=gone\n");
        write(
            shared.path(),
            "term.desktop",
            "Name=T\nExec=t\nTerminal=true\n",
        );
        write(
            shared.path(),
            "kde/a.desktop",
            "Name=a\nExec=/opt/a/bin/a\nIcon=a\n",
        );
        write(
            own.path(),
            "maps.desktop",
            "Name=Maps\nExec=maps\nNoDisplay=true\n",
        );
        let folders = [own.path().to_owned(), shared.path().to_owned()];
        let apps = found_in(&folders, &MenuSession::default(), |program| {
            program != "gone"
        });
        let ids: Vec<_> = apps
            .iter()
            .map(|app| (app.id.as_str(), app.program()))
            .collect();
        assert_eq!(ids, [("kde-a", "a"), ("b", "b-bin")]);
    }
}
