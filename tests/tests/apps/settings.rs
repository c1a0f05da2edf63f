//! Settings to copy, and the PAC address of one program.

use privet_tests::require;
use std::fs;
use std::path::Path;

use privet_tests::{Origin, Privet, program};
use serde_json::Value;

use super::support::*;

/// A part of the origin's page.
const PAGE: &str = "Promise.all";

/// The settings for a program; API and command line must agree.
fn settings(privet: &Privet, id: &str) -> String {
    let (status, all) = privet.api("GET", "apps/settings", None);
    assert_eq!(status, 200, "{all}");
    let recipes = all["recipes"].as_array().expect("recipes");
    let recipe = recipes
        .iter()
        .find(|recipe| recipe["id"] == id)
        .unwrap_or_else(|| panic!("nothing for {id}"));
    let text = recipe["text"].as_str().expect("a text").to_owned();
    assert_eq!(privet.cli(&["env", "--for", id]).good().trim_end(), text);
    text
}

#[test]
fn copied_settings_work_in_curl_git_ssh_apt_and_a_shell() {
    let home = Home::new();
    let privet = Privet::start(BOTH);

    let origin = Origin::http();
    home.put(".curlrc", &settings(&privet, "curl"));
    assert_eq!(home.run("curl", &["-sS", &origin.url("/")]).good(), HELLO);
    went_through(&privet, origin.port());

    let origin = Origin::http();
    let lines = settings(&privet, "shell");
    // The copied settings exclude loopback, where this origin is: the exclusion is removed.
    let script = format!(
        "{lines}\nunset no_proxy NO_PROXY\ncurl -q -sS {}",
        origin.url("/")
    );
    assert_eq!(Home::new().run("bash", &["-c", &script]).good(), HELLO);
    went_through(&privet, origin.port());

    if program("git").is_some() {
        let origin = Origin::http();
        let command = settings(&privet, "git");
        home.run("sh", &["-c", &command]).good();
        // The origin is no repository: only the program of the connection matters.
        let answer = home.run("git", &["ls-remote", &origin.url("/repository")]);
        assert_ne!(answer.code, 0, "{answer:?}");
        assert!(went_through(&privet, origin.port())["app"].is_string());
    }
    if program("ssh").is_some() && program("nc").is_some() {
        let origin = Origin::raw(|mut stream| {
            use std::io::Write;
            let _ = stream.write_all(b"not ssh\r\n");
        });
        let config = home.put(".ssh/config", &settings(&privet, "ssh"));
        let port = origin.port().to_string();
        let args = [
            "-F",
            &config,
            "-o",
            "BatchMode=yes",
            "-o",
            "ConnectTimeout=10",
            "-p",
            &port,
            "a@127.0.0.1",
        ];
        let answer = home.run("ssh", &args);
        assert_ne!(answer.code, 0, "{answer:?}");
        went_through(&privet, origin.port());
    }
    let helper = Path::new("/usr/lib/apt/apt-helper");
    if helper.exists() {
        let origin = Origin::http();
        let config = home.put("apt.conf", &settings(&privet, "apt"));
        let to = home.0.path().join("fetched").display().to_string();
        let args = [
            "-c",
            &config,
            "-o",
            "APT::Sandbox::User=root",
            "download-file",
        ];
        let url = origin.url("/");
        home.run(
            &helper.display().to_string(),
            &[&args[..], &[&url, &to]].concat(),
        )
        .good();
        assert_eq!(fs::read_to_string(&to).expect("it was fetched"), HELLO);
        went_through(&privet, origin.port());
    }
    if Path::new("/usr/bin/fish").exists() {
        let origin = Origin::http();
        let lines = settings(&privet, "fish");
        let script = format!(
            "{lines}\nset -e no_proxy\nset -e NO_PROXY\ncurl -q -sS {}",
            origin.url("/")
        );
        assert_eq!(Home::new().run("fish", &["-c", &script]).good(), HELLO);
        went_through(&privet, origin.port());
    }
    if program("npm").is_some() {
        home.put(".npmrc", &settings(&privet, "npm"));
        let proxy = format!("http://{}", privet.proxy());
        assert_eq!(
            home.run("npm", &["config", "get", "proxy"])
                .good()
                .trim()
                .trim_end_matches('/'),
            proxy
        );
    }
    let docker: Value = serde_json::from_str(&settings(&privet, "docker")).expect("JSON");
    let port = privet.proxy().port();
    assert_eq!(
        docker["proxies"]["default"]["httpProxy"],
        format!("http://host.docker.internal:{port}")
    );
    let (_, all) = privet.api("GET", "apps/settings", None);
    let ids: Vec<_> = all["recipes"]
        .as_array()
        .expect("recipes")
        .iter()
        .map(|recipe| recipe["id"].as_str().expect("an id").to_owned())
        .collect();
    for id in [
        "firefox",
        "telegram",
        "powershell",
        "wsl",
        "pip",
        "chromium",
        "pac",
    ] {
        assert!(ids.iter().any(|known| known == id), "{id} in {ids:?}");
    }
    let answer = privet.cli(&["env", "--for", "nothing"]);
    assert_eq!(answer.code, 2, "{answer:?}");
}

#[test]
fn a_browser_with_its_own_pac_url_follows_the_rules_for_it() {
    let chromium = require!(program("chromium"));
    let origin = Origin::http();
    let rules =
        "[[rule]]\nmatch = { app = [\"chromium\"], domain = [\"own.test\"] }\nuse = \"direct\"\n";
    let privet = Privet::start(&format!("{BOTH}{rules}"));
    let url = format!("http://own.test:{}/page", origin.port());
    let browse = |pac: &str| {
        let home = Home::new();
        let profile = format!(
            "--user-data-dir={}",
            home.0.path().join("profile").display()
        );
        let args = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--host-resolver-rules=MAP own.test 127.0.0.1",
            "--timeout=20000",
            &profile,
            &format!("--proxy-pac-url=http://{}/{pac}", privet.sandbox.pac),
            "--dump-dom",
            &url,
        ];
        let browser = chromium.display().to_string();
        home.run("timeout", &[&["60", &browser][..], &args].concat())
            .out
    };
    let is_it = |row: &Value| row["host"] == "own.test";
    // The shared file does not know the program and leaves the decision to Privet, which cannot resolve the name.
    let shared = browse("proxy.pac");
    assert!(!shared.contains(PAGE), "{shared}");
    privet.await_row("closed", is_it);
    let before = privet.rows("closed").into_iter().filter(is_it).count();
    let own = browse("proxy.pac?app=chromium");
    assert!(own.contains(PAGE), "{own}");
    assert_eq!(
        privet.rows("closed").into_iter().filter(is_it).count(),
        before
    );
    // An invalid program name is refused, and so is a foreign Host.
    for (path, host, code) in [
        ("proxy.pac?app=a%2Fb", privet.sandbox.pac.to_string(), "400"),
        ("proxy.pac?app=chromium", "evil.example".to_owned(), "403"),
    ] {
        let host = format!("Host: {host}");
        let at = format!("http://{}/{path}", privet.sandbox.pac);
        let args = ["-o", "/dev/null", "-w", "%{http_code}", "-H", &host, &at];
        assert_eq!(privet_tests::curl(&args).out, code, "{path}");
    }
}
