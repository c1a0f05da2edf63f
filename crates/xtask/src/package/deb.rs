//! The two Debian packages (Debian Policy 5 and 10): `privet` links no toolkit and serves a machine without a screen;
//! `privet-desktop` needs it and the webview.

use std::fs;
use std::path::{Path, PathBuf};

use super::tree;
use super::{Squeeze, VERSION, Work};
use crate::shell;

/// Says who answers for it; a packager puts a name here.
const MAINTAINER: &str = "The Privet authors <privet@localhost>";

/// Engine, tray and command line.
pub fn engine(work: &Work) -> Result<PathBuf, String> {
    let root = work.out.join("privet");
    tree::engine(work, &root.join("usr"), "/usr/bin")?;
    let unit = tree::read("crates/xtask/packaging/privet.service")?;
    tree::text(&root, "usr/lib/systemd/system/privet.service", &unit)?;
    let file = tree::read("crates/xtask/packaging/privet.toml")?;
    tree::text(&root, "etc/privet/privet.toml", &file)?;
    tree::text(&root, "DEBIAN/conffiles", "/etc/privet/privet.toml\n")?;
    build(
        work,
        &Control {
            name: "privet",
            binary: "privet",
            section: "net",
            depends: None,
            relations: "Suggests: privet-desktop, gnome-keyring\n",
            about: "SOCKS5 and HTTP privacy gateway\n Shows every connection with the reason for its verdict, leads it through\n \
                    other proxies, blocks by rules and lists. Engine, tray icon and command\n line; no root, no graphical toolkit.\n",
        },
        &root,
    )
}

/// The window.
pub fn window(work: &Work) -> Result<PathBuf, String> {
    let root = work.out.join("privet-desktop");
    tree::window(work, &root.join("usr"))?;
    build(
        work,
        &Control {
            name: "privet-desktop",
            binary: "privet-desktop",
            section: "net",
            depends: Some(format!("privet (= {VERSION})")),
            relations: "",
            about: "window of the Privet privacy gateway\n Switches modes and the system proxy, shows connections with their reasons,\n \
                    edits rules, routes and blocklists.\n",
        },
        &root,
    )
}

struct Control<'a> {
    name: &'a str,
    /// Below `usr/bin`; its libraries become dependencies.
    binary: &'a str,
    section: &'a str,
    depends: Option<String>,
    relations: &'a str,
    about: &'a str,
}

fn build(work: &Work, control: &Control<'_>, root: &Path) -> Result<PathBuf, String> {
    let arch = shell::output("dpkg", &["--print-architecture"]).ok_or("dpkg is not here")?;
    let libraries = libraries(work, &root.join("usr/bin").join(control.binary))?;
    let depends = match &control.depends {
        Some(own) => format!("{own}, {libraries}"),
        None => libraries,
    };
    let size = kib(&root.join("usr"))?;
    let Control {
        name,
        section,
        relations,
        about,
        ..
    } = control;
    let text = format!(
        "Package: {name}\nVersion: {VERSION}\nArchitecture: {arch}\nMaintainer: {MAINTAINER}\nInstalled-Size: {size}\n\
         Section: {section}\nPriority: optional\nDepends: {depends}\n{relations}Description: {about}"
    );
    tree::text(root, "DEBIAN/control", &text)?;
    let file = work.out.join(format!("{name}_{VERSION}_{arch}.deb"));
    let mut pack = shell::command("dpkg-deb", &["--root-owner-group"]);
    if work.squeeze == Squeeze::Quick {
        pack.args(["-Zgzip", "-z1"]);
    }
    pack.env("SOURCE_DATE_EPOCH", &work.epoch)
        .arg("--build")
        .arg(root)
        .arg(&file);
    shell::run_command(pack)?;
    Ok(file)
}

/// What `dpkg-shlibdeps` says of the program's libraries. It wants a source package around it.
fn libraries(work: &Work, program: &Path) -> Result<String, String> {
    let around = work.out.join("shlibdeps");
    tree::text(
        &around,
        "debian/control",
        "Source: privet\n\nPackage: privet\nArchitecture: any\n",
    )?;
    let out = shell::command("dpkg-shlibdeps", &["-O", "-e"])
        .arg(program)
        .current_dir(&around)
        .output()
        .map_err(|error| format!("dpkg-shlibdeps: {error}"))?;
    let said = String::from_utf8_lossy(&out.stdout);
    said.lines()
        .find_map(|line| line.strip_prefix("shlibs:Depends="))
        .map(str::to_owned)
        .ok_or_else(|| format!("dpkg-shlibdeps: {}", String::from_utf8_lossy(&out.stderr)))
}

fn kib(folder: &Path) -> Result<u64, String> {
    let fail = |error: std::io::Error| format!("{}: {error}", folder.display());
    let mut sum = 0;
    for entry in fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let about = entry.metadata().map_err(fail)?;
        sum += if about.is_dir() {
            kib(&entry.path())?
        } else {
            about.len().div_ceil(1024)
        };
    }
    Ok(sum)
}
