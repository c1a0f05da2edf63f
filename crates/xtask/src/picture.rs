//! `cargo xtask picture`: the README's picture, made from what the running program prints.

mod scene;
mod svg;

use std::fs;

use privet_tests::{Privet, curl};

use crate::needs;
use crate::shell::{self, Done};

/// The terminal that the picture shows, in columns.
const COLUMNS: usize = 118;

/// Builds Privet, lets real clients work through it, and draws what it says of them to `docs/picture.svg`.
pub fn picture() -> Done {
    needs::ensure(&[needs::BUILD, needs::TEST])?;
    shell::run("cargo", &["build", "--locked", "-p", "privet"])?;
    let privet_path = shell::target_dir().join("debug/privet");
    privet_tests::privet::use_binary(privet_path.clone());
    let exit = scene::exit();
    let privet = Privet::start(&scene::configuration(exit.address));
    let clients = scene::live(&privet);
    for (proxy, url) in scene::VISITS {
        // A blocked visit fails on purpose.
        let _ = curl(&[
            "-x",
            &format!("{proxy}://{}", privet.proxy()),
            "-o",
            "/dev/null",
            url,
        ]);
    }
    let data = privet.place.dir().join("data").display().to_string();
    let mut text = String::new();
    for words in scene::COMMANDS {
        text.push_str(&format!("\u{1b}[1m$ privet {words}\u{1b}[0m\n"));
        let line = format!(
            "stty cols {COLUMNS}; {} --data-dir {data} {words}",
            privet_path.display()
        );
        // `script` lends a terminal, so that the program prints as it does for a person.
        let out = shell::output("script", &["-qec", &format!("{line}; true"), "/dev/null"])
            .ok_or("`script` does not run")?;
        text.push_str(out.replace('\r', "").trim_end());
        text.push_str("\n\n");
    }
    drop(clients);
    let path = shell::root().join("docs/picture.svg");
    let fail = |error| format!("{}: {error}", path.display());
    fs::create_dir_all(shell::root().join("docs")).map_err(fail)?;
    fs::write(&path, svg::draw(text.trim_end(), COLUMNS)).map_err(fail)?;
    println!("written: {}", path.display());
    Ok(())
}
