//! Which file goes where. The same below `/usr` of a .deb and at the top of the tarball.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Squeeze, VERSION, Work};
use crate::shell::{self, Done};

/// The name under which the desktop knows the window.
const ID: &str = "app.privet.Privet";

/// `privet` with its manual pages, completions and units.
pub fn engine(work: &Work, prefix: &Path, bin: &str) -> Done {
    let privet = work.binaries.join("privet");
    put(&fs::read(&privet), &privet, prefix, "bin/privet", 0o755)?;
    let program = privet.to_string_lossy();
    pages(work, prefix, &program)?;
    for (shell_name, place) in [
        ("bash", "share/bash-completion/completions/privet"),
        ("zsh", "share/zsh/vendor-completions/_privet"),
        ("fish", "share/fish/vendor_completions.d/privet.fish"),
    ] {
        let script = shell::output(&program, &["completions", shell_name])
            .ok_or_else(|| format!("`privet completions {shell_name}` failed"))?;
        text(prefix, place, &format!("{script}\n"))?;
    }
    let unit = read("crates/system/src/privet-agent.service")?;
    let unit = unit.replace("@EXEC@", &format!("{bin}/privet agent"));
    text(prefix, "lib/systemd/user/privet-agent.service", &unit)?;
    let papers = [
        "docs/configuration.md",
        "docs/cli.md",
        "docs/headers.md",
        "docs/metrics.md",
        "CHANGELOG.md",
    ];
    documents(prefix, "privet", &papers)
}

/// `privet-desktop` with what menus and shops show of it.
pub fn window(work: &Work, prefix: &Path) -> Done {
    let app = work.binaries.join("privet-desktop");
    put(&fs::read(&app), &app, prefix, "bin/privet-desktop", 0o755)?;
    let entry = read(&format!("crates/xtask/packaging/{ID}.desktop"))?;
    text(prefix, &format!("share/applications/{ID}.desktop"), &entry)?;
    let day = shell::output("date", &["-u", "-d", &format!("@{}", work.epoch), "+%F"])
        .ok_or("`date` does not know the day of the last commit")?;
    let about = read(&format!("crates/xtask/packaging/{ID}.metainfo.xml"))?
        .replace("@VERSION@", VERSION)
        .replace("@DATE@", &day);
    text(prefix, &format!("share/metainfo/{ID}.metainfo.xml"), &about)?;
    let icon = read("icons/privet-on.svg")?;
    let place = format!("share/icons/hicolor/scalable/apps/{ID}.svg");
    text(prefix, &place, &icon)?;
    documents(prefix, "privet-desktop", &["docs/window.md"])
}

/// Both halves in one folder, packed: what a person without root unpacks into `~/.local`.
pub fn tarball(work: &Work) -> Result<PathBuf, String> {
    let name = format!("privet-{VERSION}-linux-{}", std::env::consts::ARCH);
    let folder = work.out.join(&name);
    engine(work, &folder, "%h/.local/bin")?;
    if work.has_window() {
        window(work, &folder)?;
    }
    let file = work.out.join(format!("{name}.tar.gz"));
    let mut tar = shell::command("tar", &["--create", "--sort=name"]);
    tar.arg(match work.squeeze {
        Squeeze::Small => "--use-compress-program=gzip -9n",
        Squeeze::Quick => "--use-compress-program=gzip -1n",
    });
    tar.args(["--owner=0", "--group=0", "--numeric-owner"])
        .arg(format!("--mtime=@{}", work.epoch))
        .arg("--file")
        .arg(&file)
        .arg("--directory")
        .arg(&work.out)
        .arg(&name);
    shell::run_command(tar)?;
    Ok(file)
}

/// One page for each command, compressed as Debian asks.
fn pages(work: &Work, prefix: &Path, privet: &str) -> Done {
    let folder = prefix.join("share/man/man1");
    let folder_text = folder.to_string_lossy();
    shell::output(privet, &["man", &folder_text]).ok_or("`privet man` failed")?;
    let pages = fs::read_dir(&folder).map_err(|error| format!("{folder_text}: {error}"))?;
    let mut gzip = shell::command("gzip", &["-9n"]);
    gzip.env("SOURCE_DATE_EPOCH", &work.epoch);
    for page in pages {
        let page = page
            .map_err(|error| format!("{folder_text}: {error}"))?
            .path();
        mode(&page, 0o644)?;
        gzip.arg(page);
    }
    shell::run_quietly(gzip)
}

/// The licence, and these papers of the tree.
fn documents(prefix: &Path, name: &str, papers: &[&str]) -> Done {
    let folder = format!("share/doc/{name}");
    let licence = format!(
        "Privet is under the MIT licence or the Apache License 2.0, as you choose.\n\n{}\n\n{}",
        read("LICENSE-MIT")?,
        read("LICENSE-APACHE")?
    );
    text(prefix, &format!("{folder}/copyright"), &licence)?;
    for paper in papers {
        let file = paper.rsplit('/').next().unwrap_or(paper);
        text(prefix, &format!("{folder}/{file}"), &read(paper)?)?;
    }
    Ok(())
}

/// A file of this tree.
pub fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(shell::root().join(path)).map_err(|error| format!("{path}: {error}"))
}

/// A text below the prefix, readable for everybody.
pub fn text(prefix: &Path, place: &str, body: &str) -> Done {
    put(&Ok(body.into()), Path::new(place), prefix, place, 0o644)
}

fn put(
    bytes: &std::io::Result<Vec<u8>>,
    from: &Path,
    prefix: &Path,
    place: &str,
    rights: u32,
) -> Done {
    let bytes = bytes
        .as_ref()
        .map_err(|error| format!("{}: {error}", from.display()))?;
    let to = prefix.join(place);
    let fail = |error| format!("{}: {error}", to.display());
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(fail)?;
    }
    fs::write(&to, bytes).map_err(fail)?;
    mode(&to, rights)
}

fn mode(file: &Path, rights: u32) -> Done {
    fs::set_permissions(file, fs::Permissions::from_mode(rights))
        .map_err(|error| format!("{}: {error}", file.display()))
}
