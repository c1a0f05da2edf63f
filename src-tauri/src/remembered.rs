//! What a window leaves for the next: its size, its place, its page. Columns, sorting and theme are in the page's own store.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

const FILE: &str = "window.json";
/// Longest file read, in bytes.
const MAX_FILE: u64 = 4096;
/// Smallest and first size, in logical pixels.
pub const LEAST: (f64, f64) = (720.0, 480.0);
const FIRST: (f64, f64) = (1120.0, 760.0);
/// So much of the title bar has to be on a monitor for a hand to grasp it.
const GRASP: f64 = 64.0;
/// Longest name of a page, in bytes.
const MAX_PAGE: usize = 64;

/// In logical pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    pub width: f64,
    pub height: f64,
    /// Absent: where the desktop puts it.
    pub place: Option<(f64, f64)>,
    pub maximized: bool,
    /// "home", "connections", …; absent: the first.
    pub page: Option<String>,
}

/// A monitor, in logical pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Monitor {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Default for Remembered {
    fn default() -> Self {
        Self {
            width: FIRST.0,
            height: FIRST.1,
            place: None,
            maximized: false,
            page: None,
        }
    }
}

impl Remembered {
    /// What `folder` holds; a file that cannot be read counts as none.
    pub fn load(folder: &Path) -> Self {
        let read = || {
            let file = fs::File::open(folder.join(FILE))?;
            let text = io::read_to_string(io::Read::take(file, MAX_FILE))?;
            serde_json::from_str::<Self>(&text).map_err(io::Error::other)
        };
        let mut found = read().unwrap_or_default();
        found.page = found.page.filter(|page| is_page(page));
        found
    }

    /// Writes it whole or not at all.
    ///
    /// # Errors
    /// The folder takes no file.
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        let target = folder.join(FILE);
        let draft = PathBuf::from(format!("{}.new", target.display()));
        let mut file = fs::File::create(&draft)?;
        file.write_all(serde_json::to_string(self)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &target)
    }

    /// The same on these monitors: no larger than one, and where it can be seen and grasped.
    pub fn on(mut self, monitors: &[Monitor]) -> Self {
        let finite = |value: f64, first: f64| if value.is_finite() { value } else { first };
        self.width = finite(self.width, FIRST.0).max(LEAST.0);
        self.height = finite(self.height, FIRST.1).max(LEAST.1);
        let graspable = |monitor: &&Monitor| {
            self.place.is_some_and(|(x, y)| {
                let across = (x + self.width).min(monitor.x + monitor.width) - x.max(monitor.x);
                across >= GRASP && y >= monitor.y - 1.0 && y + GRASP <= monitor.y + monitor.height
            })
        };
        let on = monitors.iter().find(graspable);
        if on.is_none() {
            self.place = None;
        }
        if let Some(monitor) = on.or(monitors.first()) {
            self.width = self.width.min(monitor.width).max(LEAST.0);
            self.height = self.height.min(monitor.height).max(LEAST.1);
        }
        self
    }
}

/// The page that an address's fragment names, without what the page was asked to begin with.
pub fn page_of(fragment: &str) -> Option<String> {
    let name = fragment.split('?').next()?;
    is_page(name).then(|| name.to_owned())
}

fn is_page(name: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    !name.is_empty() && name.len() <= MAX_PAGE && name.bytes().all(letters)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: Monitor = Monitor {
        x: 0.0,
        y: 0.0,
        width: 1280.0,
        height: 800.0,
    };

    fn at(x: f64, y: f64) -> Remembered {
        Remembered {
            place: Some((x, y)),
            ..Remembered::default()
        }
    }

    #[test]
    fn a_place_that_can_be_seen_is_kept_and_another_is_the_desktops_to_choose() {
        assert_eq!(at(100.0, 50.0).on(&[SCREEN]).place, Some((100.0, 50.0)));
        assert_eq!(at(1250.0, 50.0).on(&[SCREEN]).place, None);
        assert_eq!(at(5000.0, 50.0).on(&[SCREEN]).place, None);
        assert_eq!(at(-1100.0, 50.0).on(&[SCREEN]).place, None);
        assert_eq!(at(100.0, -500.0).on(&[SCREEN]).place, None);
        let second = Monitor {
            x: 1280.0,
            ..SCREEN
        };
        let right = at(1400.0, 10.0).on(&[SCREEN, second]);
        assert_eq!(right.place, Some((1400.0, 10.0)));
    }

    #[test]
    fn a_size_fits_its_monitor_and_is_never_less_than_the_page_works_at() {
        let large = Remembered {
            width: 9000.0,
            height: f64::NAN,
            ..Remembered::default()
        };
        let fits = large.on(&[SCREEN]);
        assert_eq!((fits.width, fits.height), (1280.0, 760.0));
        let small = Remembered {
            width: 1.0,
            height: -5.0,
            ..Remembered::default()
        };
        let fits = small.on(&[]);
        assert_eq!((fits.width, fits.height), LEAST);
    }

    #[test]
    fn what_was_written_is_read_and_what_is_broken_counts_as_nothing() {
        let dir = crate::scratch::Scratch::new();
        let kept = Remembered {
            page: Some("rules".to_owned()),
            maximized: true,
            ..at(1.0, 2.0)
        };
        kept.save(dir.path()).unwrap();
        assert_eq!(Remembered::load(dir.path()), kept);
        fs::write(dir.path().join(FILE), "{\"page\": \"../x\"}").unwrap();
        assert_eq!(Remembered::load(dir.path()), Remembered::default());
        fs::write(dir.path().join(FILE), "{").unwrap();
        assert_eq!(Remembered::load(dir.path()), Remembered::default());
    }

    #[test]
    fn a_page_is_known_by_the_addresss_fragment() {
        assert_eq!(
            page_of("connections?app%3Ax"),
            Some("connections".to_owned())
        );
        assert_eq!(page_of("<script>"), None);
        assert_eq!(page_of(""), None);
    }
}
