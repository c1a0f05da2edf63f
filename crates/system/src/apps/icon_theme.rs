//! Icon themes: the one that the user chose and those that it inherits from (freedesktop.org, Icon Theme Specification
//! 0.13).

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::command::run;

/// Maximum of themes in a chain of inheritance.
const MAX_THEMES: usize = 16;
/// Maximum of folders that one theme lists.
const MAX_DIRECTORIES: usize = 2000;
/// Largest `index.theme` that is read, in bytes.
const MAX_INDEX: u64 = 1024 * 1024;
/// How long the chain is cached.
const CACHE_TIME: Duration = Duration::from_secs(30);

/// One theme, merged from all folders that have a part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Theme {
    /// Folders with icons, those with the wanted size first.
    folders: Vec<PathBuf>,
}

/// A folder of a theme, as `index.theme` describes it.
#[derive(Debug, Clone, Default)]
struct Directory {
    size: u32,
    scale: u32,
    min: Option<u32>,
    max: Option<u32>,
    threshold: Option<u32>,
    kind: String,
}

impl Theme {
    /// The files that an icon of that name may have, the best first.
    pub fn candidates<'a>(&'a self, name: &'a str) -> impl Iterator<Item = PathBuf> + 'a {
        self.folders.iter().flat_map(move |folder| {
            ["png", "svg"].map(|kind| folder.join(format!("{name}.{kind}")))
        })
    }
}

/// The user's theme and those that it inherits from, for icons of `size` pixels. Blocks on files and on the desktop's
/// command; the result is cached for [`CACHE_TIME`].
pub fn user_themes(data_folders: &[PathBuf], size: u32) -> Vec<Theme> {
    static CACHE: Mutex<Option<(Instant, Vec<Theme>)>> = Mutex::new(None);
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((read_at, themes)) = cache.as_ref()
        && read_at.elapsed() < CACHE_TIME
    {
        return themes.clone();
    }
    let mut roots: Vec<PathBuf> = std::env::home_dir()
        .map(|home| home.join(".icons"))
        .into_iter()
        .collect();
    roots.extend(data_folders.iter().map(|folder| folder.join("icons")));
    let themes = user_theme().map_or_else(Vec::new, |name| chain(&roots, &name, size));
    *cache = Some((Instant::now(), themes.clone()));
    themes
}

/// The name of the user's theme, from the desktop's own settings, else from GTK's file.
fn user_theme() -> Option<String> {
    let desktop = std::env::var("XDG_CURRENT_DESKTOP").unwrap_or_default();
    let is = |name: &str| desktop.split(':').any(|one| one.eq_ignore_ascii_case(name));
    let config = directories::BaseDirs::new()?.config_dir().to_owned();
    if is("KDE") {
        let globals = fs::read_to_string(config.join("kdeglobals")).unwrap_or_default();
        return Some(
            value_of(&globals, "Icons", "Theme")
                .unwrap_or("breeze")
                .to_owned(),
        );
    }
    let gsettings = |schema| run("gsettings", &["get", schema, "icon-theme"]).ok();
    let asked = if is("XFCE") {
        run(
            "xfconf-query",
            &["-c", "xsettings", "-p", "/Net/IconThemeName"],
        )
        .ok()
    } else if is("X-Cinnamon") {
        gsettings("org.cinnamon.desktop.interface")
    } else if is("MATE") {
        gsettings("org.mate.interface")
    } else if desktop.is_empty() {
        None
    } else {
        gsettings("org.gnome.desktop.interface")
    };
    let asked = asked.map(|name| name.trim().trim_matches('\'').to_owned());
    asked.filter(|name| !name.is_empty()).or_else(|| {
        ["gtk-4.0", "gtk-3.0"].iter().find_map(|folder| {
            let file = config.join(folder).join("settings.ini");
            let text = fs::read_to_string(file).ok()?;
            value_of(&text, "Settings", "gtk-icon-theme-name").map(str::to_owned)
        })
    })
}

/// A theme with all that it inherits from, each once, depth first.
fn chain(roots: &[PathBuf], name: &str, size: u32) -> Vec<Theme> {
    let (mut known, mut themes) = (HashSet::new(), Vec::new());
    let mut waiting = vec![name.to_owned()];
    while let Some(name) = waiting.pop() {
        let is_plain =
            !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0']);
        if themes.len() >= MAX_THEMES || !is_plain || !known.insert(name.clone()) {
            continue;
        }
        let Some(index) = roots
            .iter()
            .find_map(|root| read_index(&root.join(&name).join("index.theme")))
        else {
            continue;
        };
        themes.push(Theme {
            folders: folders(roots, &name, &index, size),
        });
        let parents = value_of(&index, "Icon Theme", "Inherits").unwrap_or("");
        let parents: Vec<String> = parents
            .split(',')
            .map(|one| one.trim().to_owned())
            .collect();
        waiting.extend(parents.into_iter().rev());
    }
    themes
}

/// The folders of a theme that exist, those nearest to `size` first.
fn folders(roots: &[PathBuf], name: &str, index: &str, size: u32) -> Vec<PathBuf> {
    let mut listed: Vec<(u32, &str)> = directories_of(index)
        .map(|(path, directory)| (directory.distance(size), path))
        .collect();
    listed.sort_by_key(|(distance, _)| *distance);
    let in_roots = listed.iter().flat_map(|(_, path)| {
        roots
            .iter()
            .map(move |root| root.join(name).join(path.trim_matches('/')))
    });
    in_roots.filter(|folder| folder.is_dir()).collect()
}

fn directories_of(index: &str) -> impl Iterator<Item = (&str, Directory)> {
    let listed = ["Directories", "ScaledDirectories"]
        .into_iter()
        .filter_map(|key| value_of(index, "Icon Theme", key))
        .flat_map(|list| list.split(','))
        .map(str::trim);
    // Paths outside of the theme are ignored.
    let inside = |path: &&str| {
        !path.is_empty()
            && Path::new(path)
                .components()
                .all(|part| matches!(part, std::path::Component::Normal(_)))
    };
    let wanted: HashSet<&str> = listed.filter(inside).take(MAX_DIRECTORIES).collect();
    let mut found: Vec<(&str, Directory)> = Vec::new();
    let mut current = false;
    for line in index.lines().map(str::trim) {
        if let Some(section) = section_of(line) {
            current = wanted.contains(section);
            if current {
                found.push((section, Directory::default()));
            }
        } else if let Some((key, value)) = line.split_once('=')
            && current
            && let Some((_, directory)) = found.last_mut()
        {
            directory.set(key.trim(), value.trim());
        }
    }
    found.into_iter()
}

impl Directory {
    fn set(&mut self, key: &str, value: &str) {
        let number = value.parse().ok();
        match key {
            "Size" => self.size = number.unwrap_or(0),
            "Scale" => self.scale = number.unwrap_or(1),
            "MinSize" => self.min = number,
            "MaxSize" => self.max = number,
            "Threshold" => self.threshold = number,
            "Type" => value.clone_into(&mut self.kind),
            _ => {}
        }
    }

    /// How far its icons are from `wanted` pixels (`DirectorySizeDistance` of the specification).
    fn distance(&self, wanted: u32) -> u32 {
        let scale = self.scale.max(1);
        let (least, most) = match self.kind.as_str() {
            "Fixed" => (self.size, self.size),
            "Scalable" => (self.min.unwrap_or(self.size), self.max.unwrap_or(self.size)),
            _ => {
                let threshold = self.threshold.unwrap_or(2);
                (
                    self.size.saturating_sub(threshold),
                    self.size.saturating_add(threshold),
                )
            }
        };
        let (least, most) = (least.saturating_mul(scale), most.saturating_mul(scale));
        if wanted < least {
            least - wanted
        } else {
            wanted.saturating_sub(most)
        }
    }
}

fn section_of(line: &str) -> Option<&str> {
    line.strip_prefix('[')?.strip_suffix(']')
}

fn value_of<'a>(text: &'a str, section: &str, key: &str) -> Option<&'a str> {
    text.lines()
        .map(str::trim)
        .skip_while(|line| section_of(line) != Some(section))
        .skip(1)
        .take_while(|line| section_of(line).is_none())
        .filter_map(|line| line.split_once('='))
        .find(|(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim())
        .filter(|value| !value.is_empty())
}

fn read_index(path: &Path) -> Option<String> {
    fs::metadata(path)
        .ok()
        .filter(|found| found.is_file() && found.len() <= MAX_INDEX)?;
    fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn theme(root: &Path, name: &str, index: &str, icons: &[&str]) {
        let folder = root.join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("index.theme"), index).unwrap();
        for icon in icons {
            let path = folder.join(icon);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
    }

    fn found(root: &Path, chain: &[Theme], name: &str) -> Option<String> {
        let file = chain
            .iter()
            .flat_map(|theme| theme.candidates(name))
            .find(|file| file.is_file())?;
        Some(file.strip_prefix(root).unwrap().display().to_string())
    }

    #[test]
    fn the_nearest_size_of_the_first_theme_in_the_chain_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let fancy = "[Icon Theme]\nName=Fancy Icons\nInherits=plain,fancy\nDirectories=16/apps,big,../other\n\
            [16/apps]\nSize=16\nType=Fixed\n[big]\nSize=64\nMinSize=32\nMaxSize=256\nType=Scalable\n[../other]\nSize=48\n";
        theme(
            root,
            "fancy",
            fancy,
            &["16/apps/a.png", "big/a.svg", "16/apps/b.png"],
        );
        theme(
            root,
            "plain",
            "[Icon Theme]\nDirectories=48\n[48]\nSize=48\n",
            &["48/a.png", "48/c.png"],
        );
        theme(root, "other", "[Icon Theme]\n", &["d.png"]);
        let chain = chain(&[root.to_owned()], "fancy", 48);
        assert_eq!(chain.len(), 2);
        for (name, file) in [
            ("a", Some("fancy/big/a.svg")),
            ("b", Some("fancy/16/apps/b.png")),
            ("c", Some("plain/48/c.png")),
            ("d", None),
        ] {
            assert_eq!(found(root, &chain, name).as_deref(), file, "{name}");
        }
    }

    #[test]
    fn a_theme_that_is_not_there_or_is_a_path_has_no_icons() {
        let folder = tempfile::tempdir().unwrap();
        let roots = [folder.path().to_owned()];
        theme(folder.path(), "x", "[Icon Theme]\nDirectories=48\n", &[]);
        for name in ["", ".", "..", "../x", "nothing"] {
            assert_eq!(chain(&roots, name, 48), [], "{name}");
        }
    }

    #[test]
    fn a_value_is_read_from_its_section_only() {
        let text = "[A]\nTheme=a\n[Icons]\nTheme = breeze-dark \n[B]\nOther=b\n";
        assert_eq!(value_of(text, "Icons", "Theme"), Some("breeze-dark"));
        assert_eq!(value_of(text, "Icons", "Other"), None);
    }
}
