//! Chromium.

use privet_tests::{Origin, Privet, chromium, require};

use crate::support::privet_and_origin;

/// The text of a page in a browser with an empty home folder.
fn browse(args: &[&str], url: &str) -> Option<String> {
    let home = tempfile::tempdir().expect("a temporary folder");
    chromium::browse(home.path(), args, url)
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
