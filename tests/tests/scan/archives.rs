//! Archives: those that are opened, and those that nobody can open.

use privet_tests::peers::Clamd;

use crate::support::*;

const SEVEN_ZIP: &[u8] = include_bytes!("../../../crates/scan/tests/archives/payload.7z");
const XZ: &[u8] = include_bytes!("../../../crates/scan/tests/archives/payload.xz");
const BZIP2: &[u8] = include_bytes!("../../../crates/scan/tests/archives/payload.bz2");
const BOMB: &[u8] = include_bytes!("../../../crates/scan/tests/archives/zeros.xz");
const ENCRYPTED: &[u8] = include_bytes!("../../../crates/scan/tests/archives/encrypted.7z");
const RAR: &[u8] = b"Rar!\x1a\x07\x01\0 and more";

fn files() -> privet_tests::Backend {
    origin(|target| {
        let file = match target {
            "/file.7z" => SEVEN_ZIP,
            "/file.xz" => XZ,
            "/file.bz2" => BZIP2,
            "/bomb.xz" => BOMB,
            "/encrypted.7z" => ENCRYPTED,
            "/file.rar" => RAR,
            _ => return None,
        };
        Some((BINARY, file.to_vec()))
    })
}

#[test]
fn seven_zip_xz_and_bzip2_files_are_opened() {
    let origin = files();
    let scanning = Scanning::start("");
    for path in ["/file.7z", "/file.xz", "/file.bz2"] {
        let stopped = scanning.curl(&format!("{}{path}", origin.url()), &[]);
        assert_stopped(&stopped, "TestPayload");
    }
    let stopped = scanning.curl(&format!("{}/bomb.xz", origin.url()), &[]);
    assert!(
        stopped.out.contains("too many times its size"),
        "{stopped:?}"
    );
}

#[test]
fn what_cannot_be_opened_is_stopped_or_passes_and_is_seen() {
    let origin = files();
    for (path, rule) in [
        ("/encrypted.7z", "Archive.Encrypted"),
        ("/file.rar", "Archive.UnknownFormat"),
    ] {
        let scanning = Scanning::start("");
        let url = format!("{}{path}", origin.url());
        assert_stopped(&scanning.curl(&url, &[]), rule);
        let row = scanning.row(path);
        assert_eq!(
            (row["scan"].as_str(), row["scan_engine"].as_str()),
            (Some("bad"), Some("archive"))
        );
        let hash = row["scan_sha256"].as_str().expect("a hash").to_owned();
        scanning.privet.json(&["scan", "allow", &hash]);
        assert!(
            scanning
                .curl(&url, &["-o", "/dev/null"])
                .good()
                .contains("\n200 ")
        );
        assert_stopped(&scanning.curl(&url, &[]), rule);
        let scanning = Scanning::start("unscannable = \"pass\"\n");
        assert!(
            scanning
                .curl(&url, &["-o", "/dev/null"])
                .good()
                .contains("\n200 ")
        );
        assert_eq!(scanning.row(path)["scan"], "unscannable passed");
    }
}

#[test]
fn a_clamd_opens_other_formats_but_nothing_that_is_encrypted() {
    let Some(clamd) = Clamd::start() else { return };
    let origin = files();
    let scanning = Scanning::start(&format!("clamd = \"{}\"\n", clamd.address()));
    let ask = |path: &str| scanning.curl(&format!("{}{path}", origin.url()), &["-o", "/dev/null"]);
    assert!(ask("/file.rar").good().contains("\n200 "));
    assert_eq!(scanning.row("/file.rar")["scan"], "clean");
    assert!(ask("/encrypted.7z").out.contains("\n403 "));
}
