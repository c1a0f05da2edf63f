//! Size, position and page of the window, saved in the data folder. Columns, sorting and theme are in the page's storage.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

const FILE: &str = "window.json";
/// Longest file read, in bytes.
const MAX_FILE: u64 = 4096;
/// Minimum and initial size, in logical pixels.
pub const MIN_SIZE: (f64, f64) = (720.0, 480.0);
const DEFAULT_SIZE: (f64, f64) = (1120.0, 760.0);
/// Logical pixels of the title bar that must be on a monitor, so that the window can be dragged.
const MIN_VISIBLE: f64 = 64.0;
/// Longest page name, in bytes.
const MAX_PAGE: usize = 64;

/// State of the window; lengths in logical pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WindowState {
    pub width: f64,
    pub height: f64,
    /// Absent: the window manager chooses.
    pub position: Option<(f64, f64)>,
    pub maximized: bool,
    /// "home", "connections", …; absent: the first page.
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

impl Default for WindowState {
    fn default() -> Self {
        Self {
            width: DEFAULT_SIZE.0,
            height: DEFAULT_SIZE.1,
            position: None,
            maximized: false,
            page: None,
        }
    }
}

impl WindowState {
    /// Loads the state from `folder`; a missing or invalid file gives the default.
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

    /// Saves atomically.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, folder: &Path) -> io::Result<()> {
        let target = folder.join(FILE);
        let draft = PathBuf::from(format!("{}.new", target.display()));
        let mut file = fs::File::create(&draft)?;
        file.write_all(serde_json::to_string(self)?.as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &target)
    }

    /// Fits the state to these monitors: no larger than one, and with a reachable title bar.
    pub fn fit_to(mut self, monitors: &[Monitor]) -> Self {
        let finite = |value: f64, first: f64| if value.is_finite() { value } else { first };
        self.width = finite(self.width, DEFAULT_SIZE.0).max(MIN_SIZE.0);
        self.height = finite(self.height, DEFAULT_SIZE.1).max(MIN_SIZE.1);
        let reachable = |monitor: &&Monitor| {
            self.position.is_some_and(|(x, y)| {
                let across = (x + self.width).min(monitor.x + monitor.width) - x.max(monitor.x);
                across >= MIN_VISIBLE
                    && y >= monitor.y - 1.0
                    && y + MIN_VISIBLE <= monitor.y + monitor.height
            })
        };
        let monitor_of_window = monitors.iter().find(reachable);
        if monitor_of_window.is_none() {
            self.position = None;
        }
        if let Some(monitor) = monitor_of_window.or(monitors.first()) {
            self.width = self.width.min(monitor.width).max(MIN_SIZE.0);
            self.height = self.height.min(monitor.height).max(MIN_SIZE.1);
        }
        self
    }
}

/// The page name in a URL fragment, without its argument.
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

    fn at(x: f64, y: f64) -> WindowState {
        WindowState {
            position: Some((x, y)),
            ..WindowState::default()
        }
    }

    #[test]
    fn a_visible_position_is_kept_and_an_invisible_one_is_dropped() {
        assert_eq!(
            at(100.0, 50.0).fit_to(&[SCREEN]).position,
            Some((100.0, 50.0))
        );
        assert_eq!(at(1250.0, 50.0).fit_to(&[SCREEN]).position, None);
        assert_eq!(at(5000.0, 50.0).fit_to(&[SCREEN]).position, None);
        assert_eq!(at(-1100.0, 50.0).fit_to(&[SCREEN]).position, None);
        assert_eq!(at(100.0, -500.0).fit_to(&[SCREEN]).position, None);
        let second = Monitor {
            x: 1280.0,
            ..SCREEN
        };
        let right = at(1400.0, 10.0).fit_to(&[SCREEN, second]);
        assert_eq!(right.position, Some((1400.0, 10.0)));
    }

    #[test]
    fn a_size_fits_its_monitor_and_is_never_below_the_minimum() {
        let large = WindowState {
            width: 9000.0,
            height: f64::NAN,
            ..WindowState::default()
        };
        let fits = large.fit_to(&[SCREEN]);
        assert_eq!((fits.width, fits.height), (1280.0, 760.0));
        let small = WindowState {
            width: 1.0,
            height: -5.0,
            ..WindowState::default()
        };
        let fits = small.fit_to(&[]);
        assert_eq!((fits.width, fits.height), MIN_SIZE);
    }

    #[test]
    fn a_saved_state_is_loaded_and_an_invalid_one_is_ignored() {
        let dir = crate::test_dir::TestDir::new();
        let kept = WindowState {
            page: Some("rules".to_owned()),
            maximized: true,
            ..at(1.0, 2.0)
        };
        kept.save(dir.path()).unwrap();
        assert_eq!(WindowState::load(dir.path()), kept);
        fs::write(dir.path().join(FILE), "{\"page\": \"../x\"}").unwrap();
        assert_eq!(WindowState::load(dir.path()), WindowState::default());
        fs::write(dir.path().join(FILE), "{").unwrap();
        assert_eq!(WindowState::load(dir.path()), WindowState::default());
    }

    #[test]
    fn the_page_is_read_from_the_url_fragment() {
        assert_eq!(
            page_of("connections?app%3Ax"),
            Some("connections".to_owned())
        );
        assert_eq!(page_of("<script>"), None);
        assert_eq!(page_of(""), None);
    }
}
