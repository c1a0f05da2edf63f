//! The pixels of a virtual screen, read from the server's memory while programs draw.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes of one pixel of a screen of depth 24.
const PIXEL: usize = 4;
/// Pixels darker than this, of 255, are ink.
const INK: u8 = 96;
/// Reading every third line is enough to recognise a text, and leaves the processor to the programs.
const STEP: usize = 3;

/// A screen whose server was started with `-fbdir`: its file is in the format of xwd (XWDFile.h).
pub struct Pixels {
    file: File,
    /// Offset of the first pixel.
    first: usize,
    /// Bytes of a line.
    line: usize,
}

/// Part of a screen, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    pub position: (i32, i32),
    pub size: (i32, i32),
}

impl Pixels {
    /// Opens the screen's file.
    ///
    /// # Panics
    /// It is not the file of a screen of depth 24.
    pub fn open(file: &Path) -> Self {
        let file = File::open(file).expect("the screen's file");
        let mut header = [0; 100];
        file.read_exact_at(&mut header, 0).expect("a header");
        let field = |at: usize| {
            let bytes = header[at * 4..][..4].try_into().expect("four bytes");
            u32::from_be_bytes(bytes) as usize
        };
        let (size, bits, line, colours) = (field(0), field(11), field(12), field(19));
        assert_eq!(bits, PIXEL * 8, "bits of a pixel");
        Self {
            file,
            first: size + colours * 12,
            line,
        }
    }

    /// Which pixels of every third line of the area are ink.
    ///
    /// # Panics
    /// The area is not on the screen.
    pub fn ink(&self, area: Area) -> Vec<bool> {
        let on_screen = |value: i32| usize::try_from(value).expect("an area on the screen");
        let (x, y) = (on_screen(area.position.0), on_screen(area.position.1));
        let (width, height) = (on_screen(area.size.0), on_screen(area.size.1));
        let mut line = vec![0; width * PIXEL];
        let mut ink = Vec::with_capacity(width * height / STEP + width);
        for at in (y..y + height).step_by(STEP) {
            let offset = self.first + at * self.line + x * PIXEL;
            self.file
                .read_exact_at(&mut line, offset as u64)
                .expect("a line of the screen");
            let pixels = line.chunks_exact(PIXEL);
            ink.extend(pixels.map(|pixel| pixel[..3].iter().all(|colour| *colour < INK)));
        }
        ink
    }
}
