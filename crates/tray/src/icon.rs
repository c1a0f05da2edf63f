//! The icon: a hedge, whose state shows in its shape as well as in its colour. Full: on; an outline: off; two bars cut out:
//! paused; a slash cut out: a problem. Pixels and SVG files come from the same numbers.

use std::fmt::Write as _;

/// The state that the icon shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IconState {
    /// The desktop uses Privet.
    On,
    /// The desktop does not use Privet.
    Off,
    Paused,
    Problem,
}

/// The sizes that panels ask for, in pixels.
pub const SIZES: [u16; 4] = [16, 22, 32, 48];

/// Center and radius, as fractions of the icon's width.
const BUSHES: [(f32, f32, f32); 3] = [(0.27, 0.43, 0.21), (0.5, 0.34, 0.27), (0.73, 0.43, 0.21)];
/// Left, top, right, bottom, and the corners' radius.
const TRUNK: (f32, f32, f32, f32, f32) = (0.06, 0.43, 0.94, 0.92, 0.12);
/// Width of the outline.
const STROKE: f32 = 0.1;
/// Left, top, right, bottom of each bar of a pause.
const BARS: [(f32, f32, f32, f32); 2] = [(0.32, 0.36, 0.43, 0.78), (0.57, 0.36, 0.68, 0.78)];
/// Half the width of the slash from the lower left to the upper right.
const SLASH: f32 = 0.075;
/// Samples for each pixel, in each direction.
const POINTS: u16 = 4;

impl IconState {
    pub const ALL: [Self; 4] = [Self::On, Self::Off, Self::Paused, Self::Problem];

    pub const fn name(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Paused => "paused",
            Self::Problem => "problem",
        }
    }

    /// The name of its file in the folder `icons`.
    pub fn file_name(self) -> String {
        format!("privet-{}.svg", self.name())
    }

    /// Red, green, blue; with a contrast of at least 3:1 against light and dark panels.
    pub const fn colour(self) -> [u8; 3] {
        match self {
            Self::On => [0x2f, 0x9e, 0x5b],
            Self::Off => [0x86, 0x8e, 0x88],
            Self::Paused => [0xc0, 0x86, 0x1c],
            Self::Problem => [0xd6, 0x4f, 0x45],
        }
    }

    /// Whether a point is painted; coordinates are fractions of the width.
    fn paints(self, x: f32, y: f32) -> bool {
        hedge(x, y, 0.0)
            && match self {
                Self::On => true,
                Self::Off => !hedge(x, y, STROKE),
                Self::Paused => !BARS.iter().any(|(left, top, right, bottom)| {
                    (*left..*right).contains(&x) && (*top..*bottom).contains(&y)
                }),
                // The distance to the line x + y = 1.
                Self::Problem => (x + y - 1.0).abs() / std::f32::consts::SQRT_2 > SLASH,
            }
    }

    /// Pixels by rows as alpha, red, green, blue (ARGB32 in network byte order, as StatusNotifierItem takes them).
    pub fn argb(self, size: u16) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(usize::from(size) * usize::from(size) * 4);
        let [red, green, blue] = self.colour();
        for row in 0..size {
            for column in 0..size {
                bytes.extend([self.coverage(column, row, size), red, green, blue]);
            }
        }
        bytes
    }

    fn coverage(self, column: u16, row: u16, size: u16) -> u8 {
        let place = |pixel: u16, point: u16| {
            (f32::from(pixel) + (f32::from(point) + 0.5) / f32::from(POINTS)) / f32::from(size)
        };
        let points = (0..POINTS).flat_map(|down| (0..POINTS).map(move |right| (right, down)));
        let painted = points
            .filter(|(right, down)| self.paints(place(column, *right), place(row, *down)))
            .count();
        let share = painted * 255 / usize::from(POINTS * POINTS);
        u8::try_from(share).unwrap_or(u8::MAX)
    }

    /// The icon as SVG.
    pub fn svg(self) -> String {
        let [red, green, blue] = self.colour();
        let mut cut = String::new();
        match self {
            Self::On => {}
            Self::Off => cut.push_str(&drawn(STROKE)),
            Self::Paused => {
                for (left, top, right, bottom) in BARS {
                    let (width, height) = (right - left, bottom - top);
                    let _ = write!(
                        cut,
                        "<rect x=\"{left}\" y=\"{top}\" width=\"{width:.3}\" height=\"{height:.3}\"/>"
                    );
                }
            }
            Self::Problem => {
                let width = SLASH * 2.0;
                let _ = write!(
                    cut,
                    "<path d=\"M-0.5 1.5 1.5 -0.5\" stroke=\"#000\" stroke-width=\"{width}\"/>"
                );
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 1\">\n\
             <mask id=\"m\" maskUnits=\"userSpaceOnUse\" x=\"0\" y=\"0\" width=\"1\" height=\"1\"><g fill=\"#fff\">{}</g><g fill=\"#000\">{cut}</g></mask>\n\
             <rect width=\"1\" height=\"1\" fill=\"#{red:02x}{green:02x}{blue:02x}\" mask=\"url(#m)\"/>\n</svg>\n",
            drawn(0.0)
        )
    }
}

/// Whether a point is in the hedge, made smaller by `inset` on all sides.
fn hedge(x: f32, y: f32, inset: f32) -> bool {
    let in_bush = |(cx, cy, radius): &(f32, f32, f32)| (x - cx).hypot(y - cy) < radius - inset;
    let (left, top, right, bottom, corner) = TRUNK;
    // The distance to the rectangle inside of the rounded corners.
    let dx = (left + corner - x).max(x - (right - corner)).max(0.0);
    let dy = (top + corner - y).max(y - (bottom - corner)).max(0.0);
    BUSHES.iter().any(in_bush) || dx.hypot(dy) < corner - inset
}

fn drawn(inset: f32) -> String {
    let mut text = String::new();
    for (x, y, radius) in BUSHES {
        let _ = write!(
            text,
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"{:.3}\"/>",
            radius - inset
        );
    }
    let (left, top, right, bottom, corner) = TRUNK;
    let _ = write!(
        text,
        "<rect x=\"{:.3}\" y=\"{:.3}\" width=\"{:.3}\" height=\"{:.3}\" rx=\"{:.3}\"/>",
        left + inset,
        top + inset,
        right - left - 2.0 * inset,
        bottom - top - 2.0 * inset,
        (corner - inset).max(0.0)
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alpha(shape: IconState, size: u16) -> Vec<bool> {
        let bytes = shape.argb(size);
        assert_eq!(bytes.len(), usize::from(size).pow(2) * 4);
        bytes.chunks(4).map(|pixel| pixel[0] > 127).collect()
    }

    #[test]
    fn each_state_differs_by_shape_alone_at_every_size() {
        for size in SIZES {
            for (number, one) in IconState::ALL.into_iter().enumerate() {
                for other in &IconState::ALL[..number] {
                    let pairs = alpha(one, size).into_iter().zip(alpha(*other, size));
                    let differing = pairs.filter(|(a, b)| a != b).count();
                    let least = usize::from(size).pow(2) / 25;
                    assert!(differing >= least, "{one:?} {other:?} {size}: {differing}");
                }
            }
        }
    }

    #[test]
    fn the_files_in_the_icons_folder_are_these_shapes() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../icons");
        for shape in IconState::ALL {
            let file = std::fs::read_to_string(folder.join(shape.file_name()));
            assert_eq!(file.ok(), Some(shape.svg()), "run: cargo xtask icons");
        }
    }

    #[test]
    fn corners_stay_clear_and_the_middle_is_painted_when_on() {
        let on = alpha(IconState::On, 32);
        assert!(!on[0] && !on[31]);
        assert!(on[16 * 32 + 16]);
    }
}
