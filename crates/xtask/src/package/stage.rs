//! Generates the files of the packages that cargo does not build: manual pages, completions, units, documents. They are laid
//! out as below `/usr`, for the packages and the tarball.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::build_output::{BuildOutput, VERSION};
use crate::shell::{self, Done};

/// The application id of the window.
const ID: &str = "app.privet.Privet";

/// Manual pages, completions, the agent's unit and the documents of `privet`, which is in the folder `bin`.
pub fn engine(work: &BuildOutput, prefix: &Path, bin: &str) -> Done {
    let program = work.binaries.join("privet");
    let program = program.to_string_lossy();
    manual(work, prefix, &program)?;
    for (shell_name, path) in [
        ("bash", "share/bash-completion/completions/privet"),
        ("zsh", "share/zsh/vendor-completions/_privet"),
        ("fish", "share/fish/vendor_completions.d/privet.fish"),
    ] {
        let script = shell::output(&program, &["completions", shell_name])
            .ok_or_else(|| format!("`privet completions {shell_name}` failed"))?;
        write(prefix, path, &format!("{script}\n"))?;
    }
    let unit = read("crates/system/src/privet-agent.service")?;
    let unit = unit.replace("@EXEC@", &format!("{bin}/privet agent"));
    write(prefix, "lib/systemd/user/privet-agent.service", &unit)?;
    let documents = [
        "docs/configuration.md",
        "docs/cli.md",
        "docs/headers.md",
        "docs/metrics.md",
        "CHANGELOG.md",
    ];
    write_documents(prefix, "privet", &documents)
}

/// Desktop entry, metadata, icons and documents of `privet-desktop`.
pub fn window(work: &BuildOutput, prefix: &Path) -> Done {
    let entry = read(&format!("crates/xtask/packaging/{ID}.desktop"))?;
    write(prefix, &format!("share/applications/{ID}.desktop"), &entry)?;
    let day = shell::output("date", &["-u", "-d", &format!("@{}", work.epoch), "+%F"])
        .ok_or("`date` does not know the day of the last commit")?;
    let about = read(&format!("crates/xtask/packaging/{ID}.metainfo.xml"))?
        .replace("@VERSION@", VERSION)
        .replace("@DATE@", &day);
    write(prefix, &format!("share/metainfo/{ID}.metainfo.xml"), &about)?;
    let icon = read("icons/privet-on.svg")?;
    let path = format!("share/icons/hicolor/scalable/apps/{ID}.svg");
    write(prefix, &path, &icon)?;
    write_documents(prefix, "privet-desktop", &["docs/window.md"])
}

/// One page for each command, compressed as Debian asks.
fn manual(work: &BuildOutput, prefix: &Path, privet: &str) -> Done {
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

/// Writes the licence and these documents.
fn write_documents(prefix: &Path, name: &str, documents: &[&str]) -> Done {
    let folder = format!("share/doc/{name}");
    let licence = format!(
        "Privet is under the MIT licence or the Apache License 2.0, as you choose.\n\n{}\n\n{}",
        read("LICENSE-MIT")?,
        read("LICENSE-APACHE")?
    );
    write(prefix, &format!("{folder}/copyright"), &licence)?;
    for document in documents {
        let file = document.rsplit('/').next().unwrap_or(document);
        write(prefix, &format!("{folder}/{file}"), &read(document)?)?;
    }
    Ok(())
}

/// Reads a file of the repository.
fn read(path: &str) -> Result<String, String> {
    fs::read_to_string(shell::root().join(path)).map_err(|error| format!("{path}: {error}"))
}

/// Writes a text below the prefix, readable by all users.
fn write(prefix: &Path, path: &str, text: &str) -> Done {
    let to = prefix.join(path);
    let fail = |error| format!("{}: {error}", to.display());
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(fail)?;
    }
    fs::write(&to, text).map_err(fail)?;
    mode(&to, 0o644)
}

fn mode(file: &Path, rights: u32) -> Done {
    fs::set_permissions(file, fs::Permissions::from_mode(rights))
        .map_err(|error| format!("{}: {error}", file.display()))
}
