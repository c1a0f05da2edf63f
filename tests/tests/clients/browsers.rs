//! Chromium.

use std::process::Command;

use privet_tests::peers::open_folder;
use privet_tests::{CommandOutput, Origin, Privet, program, require};

use crate::support::privet_and_origin;

/// The text of a page after its scripts ran in a fresh headless Chromium.
fn browse(args: &[&str], url: &str) -> Option<String> {
    let chromium = program("chromium")?;
    let profile = open_folder("chromium-");
    let mut command = Command::new("timeout");
    command.arg("60").arg(chromium).args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--dump-dom",
        "--virtual-time-budget=10000",
        // Loopback goes through the proxy too.
        "--proxy-bypass-list=<-loopback>",
    ]);
    command
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(args)
        .arg(url);
    Some(CommandOutput::of(command).good())
}

#[test]
fn chromium_loads_a_page_through_http_and_socks() {
    let (privet, origin) = privet_and_origin();
    for scheme in ["http", "socks5"] {
        let proxy = format!("--proxy-server={scheme}://{}", privet.proxy());
        let page = require!(browse(&[&proxy], &origin.url("/page")));
        assert!(page.contains("fetched 36000"), "{scheme}: {page}");
    }
    assert!(
        origin.heads().iter().all(|head| !head.contains("Proxy-")),
        "{:?}",
        origin.heads()
    );
}

#[test]
fn chromium_follows_the_pac() {
    let origin = Origin::http();
    let privet = Privet::start("[listen]\nmixed = [\"$MIXED\"]\npac = \"$PAC\"\n");
    let pac = format!("--proxy-pac-url=http://{}/proxy.pac", privet.sandbox.pac);
    // The PAC excludes loopback; the name resolves only at the proxy.
    let page = require!(browse(
        &[&pac, "--host-resolver-rules=MAP pac.test 127.0.0.1"],
        &origin.url("/page"),
    ));
    assert!(page.contains("fetched 36000"), "{page}");
}
