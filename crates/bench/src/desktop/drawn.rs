//! When a page is drawn: the first frame on the screen that looks as the finished page.

use std::time::{Duration, Instant};

use privet_tests::TIMEOUT;
use privet_tests::pixels::{Area, Pixels};
use privet_tests::screen::{Frame, Screen};

/// Time after which a page has drawn everything.
const SETTLE: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(4);
/// Part of the ink of the finished page that may be missing or in another place: numbers change.
const OTHER: f64 = 0.1;
/// More than the height of a title bar: `wmctrl` tells a position that is off by the decoration.
const DECORATION: i32 = 40;

/// What a finished page looks like: where its ink is. Before the window stands, and before the page is drawn in it, the
/// same area of the screen is black or empty.
pub struct DrawnPage {
    pixels: Pixels,
    area: Area,
    ink: Vec<bool>,
}

impl DrawnPage {
    /// Learns it from a window that shows the page.
    #[expect(clippy::disallowed_methods, reason = "a drawing page gives no event")]
    pub fn learn(screen: &Screen, frame: &Frame) -> Result<Self, String> {
        std::thread::sleep(SETTLE);
        let (width, height) = frame.size;
        let area = Area {
            position: frame.position,
            size: (width - DECORATION, height - DECORATION),
        };
        let pixels = screen.pixels();
        let ink = pixels.ink(area);
        let page = Self { pixels, area, ink };
        match page.amount() {
            0 => Err(format!("nothing is drawn in {}", frame.title)),
            _ => Ok(page),
        }
    }

    /// Waits until the screen shows it; how long after `begun`.
    #[expect(clippy::disallowed_methods, reason = "a drawing page gives no event")]
    pub fn await_drawn(&self, begun: Instant) -> Result<Duration, String> {
        let most = (self.amount() as f64 * OTHER) as usize;
        while self.differing() > most {
            if begun.elapsed() > TIMEOUT {
                return Err(format!(
                    "{} of {} pixels of ink are not as they were",
                    self.differing(),
                    self.amount()
                ));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        Ok(begun.elapsed())
    }

    fn amount(&self) -> usize {
        self.ink.iter().filter(|ink| **ink).count()
    }

    fn differing(&self) -> usize {
        let now = self.pixels.ink(self.area);
        let pairs = now.iter().zip(&self.ink);
        pairs.filter(|(now, then)| now != then).count()
    }
}
