//! The desktop session in which everything is measured.

use std::path::PathBuf;

use privet_tests::panel::Panel;
use privet_tests::screen::Screen;

/// Repetitions of short measurements.
pub const RUNS: usize = 5;
pub const CONFIG: &str = "[listen]\nmixed = [\"$MIXED\"]\npac = \"$PAC\"\n";

/// A session with a screen, and the program to compare with.
pub struct DesktopSession {
    pub screen: Screen,
    pub hello: PathBuf,
}

impl DesktopSession {
    /// A panel without icons.
    pub fn panel(&self) -> Panel {
        Panel::start(&self.screen.desktop.bus_address())
    }
}
