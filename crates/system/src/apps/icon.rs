//! An application's icon: from the user's icon theme, else from the themes that most desktops install.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::icon_theme::{Theme, user_themes};

/// Largest icon file, in bytes.
pub const MAX_ICON: usize = 256 * 1024;
/// Searched after the user's themes: the fallback of every theme, then themes that desktops install.
const THEMES: [&str; 6] = ["hicolor", "Adwaita", "breeze", "Yaru", "Papirus", "gnome"];
/// The size to look for, in pixels: icons are drawn at 24, and at twice that on a high-resolution screen.
const SIZE: u32 = 48;
/// The same for themes without an index, the best first.
const SIZES: [&str; 8] = ["48", "64", "96", "128", "32", "256", "24", "512"];
const FORMATS: [&str; 2] = ["png", "svg"];

/// An icon file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Icon {
    /// "image/png" or "image/svg+xml".
    pub kind: &'static str,
    pub bytes: Vec<u8>,
}

/// The icon of that name or absolute path. Blocks on files.
pub fn find(icon: &str) -> Option<Icon> {
    let folders = super::data_folders();
    find_in(&folders, &user_themes(&folders, SIZE), icon)
}

fn find_in(folders: &[PathBuf], themes: &[Theme], icon: &str) -> Option<Icon> {
    if Path::new(icon).is_absolute() {
        return read(Path::new(icon));
    }
    let is_name = !icon.is_empty() && icon.len() <= 256 && !icon.contains(['/', '\\', '\0']);
    // Old entries write "name.png" for the name.
    let name = FORMATS
        .iter()
        .find_map(|kind| icon.strip_suffix(&format!(".{kind}")));
    let name = name.unwrap_or(icon);
    if !is_name || name.starts_with('.') {
        return None;
    }
    let of_user = themes.iter().flat_map(|theme| theme.candidates(name));
    let of_user = of_user.filter_map(|file| read(&file)).next();
    of_user.or_else(|| {
        folders.iter().find_map(|folder| {
            let themes = THEMES.iter().map(|theme| folder.join("icons").join(theme));
            let themed = themes.flat_map(|theme| places(&theme, name));
            let loose = FORMATS.map(|kind| folder.join("pixmaps").join(format!("{name}.{kind}")));
            themed.chain(loose).find_map(|file| read(&file))
        })
    })
}

/// The paths of application icons in a theme: below the size folder, or above it as in breeze.
fn places(theme: &Path, name: &str) -> Vec<PathBuf> {
    let (png, svg) = (format!("{name}.png"), format!("{name}.svg"));
    let sized = SIZES.iter().flat_map(|size| {
        let square = format!("{size}x{size}");
        [
            theme.join(&square).join("apps").join(&png),
            theme.join(&square).join("apps").join(&svg),
            theme.join("apps").join(size).join(&svg),
        ]
    });
    sized
        .chain([theme.join("scalable/apps").join(&svg)])
        .collect()
}

/// Reads a PNG or SVG file, recognised by its content and not by its name.
fn read(path: &Path) -> Option<Icon> {
    // Checked before it is opened: opening a pipe blocks.
    path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let file = File::open(path).ok()?;
    let mut bytes = Vec::new();
    let most = u64::try_from(MAX_ICON).ok()? + 1;
    file.take(most).read_to_end(&mut bytes).ok()?;
    let kind = kind(&bytes)?;
    (bytes.len() <= MAX_ICON).then_some(Icon { kind, bytes })
}

fn kind(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some("image/png");
    }
    let head = String::from_utf8_lossy(bytes.get(..1024).unwrap_or(bytes));
    let text = head.trim_start_matches('\u{feff}').trim_start();
    (text.starts_with('<') && text.contains("<svg")).then_some("image/svg+xml")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n....";

    fn put(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn an_icon_is_found_by_name_or_path_and_is_a_picture() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        put(root, "icons/hicolor/48x48/apps/maps.png", PNG);
        put(
            root,
            "icons/hicolor/scalable/apps/notes.svg",
            b"<?xml version='1.0'?>\n<svg/>",
        );
        put(root, "icons/hicolor/48x48/apps/fake.png", b"root:x:0:0");
        put(
            root,
            "icons/hicolor/48x48/apps/big.png",
            &[PNG, &[0; MAX_ICON]].concat(),
        );
        let loose = put(root, "pixmaps/old.png", PNG);
        let secret = put(root, "secret.png", b"secret");
        let find = |name: &str| find_in(&[root.to_owned()], &[], name).map(|icon| icon.kind);
        assert_eq!(find("maps"), Some("image/png"));
        assert_eq!(find("notes"), Some("image/svg+xml"));
        assert_eq!(find("old.png"), Some("image/png"));
        assert_eq!(find(loose.to_str().unwrap()), Some("image/png"));
        for none in [
            "fake",
            "big",
            "",
            "..",
            "../maps",
            "nothing",
            secret.to_str().unwrap(),
        ] {
            assert_eq!(find(none), None, "{none}");
        }
    }
}
