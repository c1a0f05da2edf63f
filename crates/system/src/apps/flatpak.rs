//! Flatpak applications: the command that starts one, and what a sandboxed process is.

use std::path::PathBuf;

/// The index of the application's id in the command that starts it: `flatpak run --branch=stable ID …`.
pub(crate) fn id_at(exec: &[String]) -> Option<usize> {
    let (first, rest) = exec.split_first()?;
    let starts_one = file_name(first) == "flatpak" && rest.first()? == "run";
    let option = |word: &String| word.starts_with('-');
    starts_one.then(|| Some(2 + rest.get(1..)?.iter().position(|word| !option(word))?))?
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The application's id in a sandbox's `.flatpak-info`, which Flatpak puts at the root of each sandbox.
pub(crate) fn id_in(info: &str) -> Option<&str> {
    let mut lines = info.lines().map(str::trim);
    lines.find(|line| matches!(*line, "[Application]" | "[Runtime]"))?;
    let keys = lines.take_while(|line| !line.starts_with('['));
    let id = keys.filter_map(|line| line.strip_prefix("name=")).next()?;
    is_id(id).then_some(id)
}

/// Whether this has the form of an id: three or more elements of letters, digits, `_` and `-`, joined by dots.
pub(crate) fn is_id(text: &str) -> bool {
    let element = |part: &str| {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        !part.is_empty() && part.bytes().all(known)
    };
    text.len() <= 255 && text.split('.').count() >= 3 && text.split('.').all(element)
}

/// The folders of exported desktop entries and icons, the user's own first. A session's `XDG_DATA_DIRS` names them where
/// Flatpak's profile was read; a service's environment does not.
pub(crate) fn export_folders() -> Vec<PathBuf> {
    let folder = |variable: &str| std::env::var_os(variable).map(PathBuf::from);
    let own = folder("FLATPAK_USER_DIR").or_else(|| {
        let dirs = directories::BaseDirs::new()?;
        Some(dirs.data_dir().join("flatpak"))
    });
    let shared = folder("FLATPAK_SYSTEM_DIR").unwrap_or_else(|| "/var/lib/flatpak".into());
    own.into_iter()
        .chain([shared])
        .map(|folder| folder.join("exports/share"))
        .filter(|folder| folder.is_absolute())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_id_follows_the_options_of_run() {
        let exec = words(
            "/usr/bin/flatpak run --branch=stable --command=firefox --file-forwarding org.mozilla.firefox @@u @@",
        );
        assert_eq!(id_at(&exec), Some(5));
        for other in [
            "flatpak",
            "flatpak run",
            "flatpak run --x",
            "flatpak list a.b.c",
            "run a.b.c",
        ] {
            assert_eq!(id_at(&words(other)), None, "{other}");
        }
    }

    #[test]
    fn a_sandbox_names_its_application() {
        let info =
            "[Application]\nname=org.mozilla.firefox\nruntime=runtime/x\n\n[Instance]\nname=no\n";
        assert_eq!(id_in(info), Some("org.mozilla.firefox"));
        for other in [
            "",
            "[Instance]\nname=a.b.c\n",
            "[Application]\n[Instance]\nname=a.b.c\n",
            "[Application]\nname=../../etc\n",
            "[Application]\nname=firefox\n",
        ] {
            assert_eq!(id_in(other), None, "{other}");
        }
    }
}
