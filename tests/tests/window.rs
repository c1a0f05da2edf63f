//! The window as a person meets it: the built `privet-desktop` on a screen, steered by WebDriver.

use std::path::PathBuf;

use privet_tests::privet::{Place, Setup};
use privet_tests::screen::Screen;
use privet_tests::webdriver::{Driver, desktop_binary};
use privet_tests::{PATIENCE, Privet, curl};
use serde_json::json;

const CONFIG: &str = "\
[listen]
mixed = [\"$MIXED\"]
pac = \"$PAC\"
[filter]
deny = [\"ads.test\"]
";

/// What a test of the window needs: a screen, a driver, the program.
struct Stage {
    screen: Screen,
    driver: Driver,
    program: PathBuf,
}

impl Stage {
    fn set() -> Option<Self> {
        let program = desktop_binary()?;
        let screen = Screen::start()?;
        let driver = Driver::start(&screen, &[])?;
        Some(Self {
            screen,
            driver,
            program,
        })
    }

    fn agent(&self) -> Privet {
        let setup = Setup {
            env: self.screen.env(),
            command: Some("agent"),
            ..Setup::default()
        };
        Privet::start_as(CONFIG, &setup)
    }
}

/// The words that name a place to the window.
fn words(place: &Place) -> Vec<String> {
    let text = |path: PathBuf| path.display().to_string();
    vec![
        "--config".to_owned(),
        text(place.config()),
        "--data-dir".to_owned(),
        text(place.dir().join("data")),
    ]
}

#[test]
fn it_attaches_to_the_engine_that_runs_and_shows_its_state() {
    let Some(stage) = Stage::set() else { return };
    let agent = stage.agent();
    let window = stage.driver.open(&stage.program, &words(&agent.place));
    window.await_text("On · Standard");
    window.await_title("On · Standard");
    window.shot("home");
    let frame = stage
        .screen
        .await_frames("with the state as its title", |frames| {
            frames
                .iter()
                .any(|frame| frame.title.starts_with("On · Standard"))
        });
    println!("{frame:?} {:?}", stage.screen.web_processes());
    let _ = (PATIENCE, json!(1), curl as fn(&[&str]) -> _);
}
