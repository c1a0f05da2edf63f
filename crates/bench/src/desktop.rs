//! `cargo xtask bench desktop`: memory and time on a desktop, beside a plain Tauri app with a tray.

mod closed;
mod drawn;
mod hello;
mod opened;
mod restored;
mod session;

use std::path::Path;

use privet_tests::privet::use_binary;
use privet_tests::screen::Screen;

use super::report::Figures;
use session::DesktopSession;
use xtask::shell::{self, Done};
use xtask::{needs, page};

/// The rows, in the order of BENCHMARKS.md.
pub const ROWS: [&str; 6] = [
    "desktop/memory",
    "desktop/time",
    "desktop/warm",
    "desktop/cold",
    "desktop/restored",
    "desktop/page",
];

/// Rounds of [`open`].
pub const ROUNDS: usize = 9;

/// Measures, prints and stores every row.
///
/// # Errors
/// A program for a session is not installed, or a bound is exceeded.
pub fn rows() -> Done {
    build()?;
    let session = session(&shell::target_dir().join("release"))?;

    let mut broken = Vec::new();
    let (memory, time) = closed::rows(&session)?;
    let (warm, cold) = opened::rows(&session)?;
    if let Err(slow) = opened::check(&warm) {
        broken.push(slow);
    }
    warm.keep()?;
    let bounded = [
        (memory, 20.0),
        (time, 0.1),
        (cold, 1500.0),
        (restored::row(&session)?, 2000.0),
        (page_weight()?, 250.0),
    ];
    for (figures, most) in &bounded {
        figures.keep()?;
        let ours = figures.median("Privet").ok_or("nothing was measured")?;
        if ours > *most {
            broken.push(format!("{}: {ours:.1}, more than {most}", figures.title));
        }
    }
    if broken.is_empty() {
        Ok(())
    } else {
        Err(broken.join("\n"))
    }
}

/// Measures and prints how long the window takes to open beside the plain one, in `rounds` interleaved rounds. `built`: the
/// folder of the three programs; `None`: they are built.
///
/// # Errors
/// As [`rows`].
pub fn open(rounds: usize, built: Option<&Path>) -> Done {
    let folder = match built {
        Some(folder) => folder.to_owned(),
        None => {
            build()?;
            shell::target_dir().join("release")
        }
    };
    let warm = opened::warm(&session(&folder)?, rounds)?;
    warm.print();
    opened::check(&warm)
}

/// Builds Privet's two programs and the plain one.
fn build() -> Done {
    needs::ensure(&[needs::BUILD, needs::TEST, needs::DESKTOP, needs::BENCH])?;
    page::build()?;
    for package in ["privet", "privet-desktop"] {
        let words = ["build", "--quiet", "--release", "--locked", "-p", package];
        shell::run("cargo", &words)?;
    }
    hello::build()
}

/// A session for the programs in this folder.
fn session(folder: &Path) -> Result<DesktopSession, String> {
    use_binary(folder.join("privet"));
    let screen = Screen::start().ok_or("no screen: see what is missing above")?;
    let hello = folder.join(hello::BINARY);
    Ok(DesktopSession { screen, hello })
}

/// The size of the page as it is sent.
fn page_weight() -> Result<Figures, String> {
    let folder = shell::root().join("ui/dist");
    let mut bytes = 0;
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        let fail = |error: std::io::Error| format!("{}: {error}", folder.display());
        for entry in std::fs::read_dir(&folder).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "gz") {
                bytes += path.metadata().map_err(fail)?.len();
            }
        }
    }
    Ok(Figures {
        row: "desktop/page",
        title: "The page, all files together",
        unit: "KiB gzip",
        note: ": the bound is 250.",
        runs: vec![("Privet".to_owned(), vec![bytes as f64 / 1024.0])],
    })
}
