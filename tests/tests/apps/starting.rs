//! Applications that Privet starts.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use privet_tests::privet::{Setup, binary};
use privet_tests::wait::until;
use privet_tests::{CommandOutput, Origin, Privet, await_port};
use serde_json::{Value, json};

use super::support::*;

fn await_file(home: &Home, name: &str) -> String {
    let path = home.0.path().join(name);
    until(name, || path.exists());
    fs::read_to_string(path).expect("the file is there")
}

#[test]
fn an_application_is_started_through_privet_but_never_for_a_tcp_client() {
    let (home, origin) = (Home::new(), Origin::http());
    let mut env = menu(&home);
    env.push(("TARGET".into(), origin.url("/")));
    env.push(("DISPLAY".into(), ":99".into()));
    let setup = Setup {
        env,
        ..Setup::default()
    };
    let privet = Privet::start_as(&format!("{BOTH}[control]\nhttp = \"$CONTROL\"\n"), &setup);
    let (_, listed) = privet.api("GET", "apps", None);
    assert_eq!(listed["start"], "here", "{listed}");
    let apps = listed["apps"].as_array().expect("apps");
    let listed: Vec<_> = apps
        .iter()
        .map(|app| (&app["id"], &app["program"], &app["proxy_method"]))
        .collect();
    assert_eq!(
        listed,
        [
            (&json!("teller"), &json!("teller"), &json!("environment")),
            (&json!("web"), &json!("chromium"), &json!("flag")),
        ]
    );
    let icon = |program: &str| {
        let (status, answer) = privet.api("GET", &format!("apps/icon?program={program}"), None);
        assert_eq!(status, 200, "{answer}");
        answer["icon"].clone()
    };
    assert_eq!(icon("teller")["media_type"], "image/svg+xml");
    assert_eq!(icon("nobody"), Value::Null);

    let (status, started) = privet.api("POST", "apps/teller/start", None);
    assert_eq!(
        (status, &started["proxy_method"]),
        (200, &json!("environment")),
        "{started}"
    );
    assert_eq!(await_file(&home, "fetched"), HELLO);
    went_through(&privet, origin.port());
    let environment = await_file(&home, "environment");
    assert!(environment.contains(&format!("HTTPS_PROXY=http://{}", privet.proxy())));
    assert!(
        !environment.to_lowercase().contains("no_proxy"),
        "{environment}"
    );

    assert_eq!(privet.api("POST", "apps/web/start", None).0, 200);
    let args = await_file(&home, "args");
    let flag = format!("--proxy-server=http://{}\n", privet.proxy());
    assert!(
        args.starts_with(&flag) && args.contains("--new-window\n"),
        "{args}"
    );
    assert_eq!(privet.api("POST", "apps/gone/start", None).0, 404);

    // A client over TCP can neither start nor list applications.
    await_port(privet.sandbox.control, "the control port");
    let token =
        fs::read_to_string(privet.sandbox.dir().join("data/control.token")).expect("a token");
    let header = format!("Authorization: Bearer {}", token.trim());
    let call = |args: &[&str], path: &str| {
        let url = format!("http://{}/api/v1/{path}", privet.sandbox.control);
        let json = "Content-Type: application/json";
        let all = [&["-H", &header, "-H", json][..], args, &[&url]].concat();
        privet_tests::curl(&all).out
    };
    let remote: Value = serde_json::from_str(&call(&[], "apps")).expect("JSON");
    assert_eq!(remote, json!({ "start": "remote", "apps": [] }));
    fs::remove_file(home.0.path().join("fetched")).expect("it is there");
    let refused = call(&["-X", "POST", "-w", "%{http_code}"], "apps/teller/start");
    assert!(refused.ends_with("403"), "{refused}");
    assert!(!home.0.path().join("fetched").exists());
}

#[test]
fn without_a_display_no_application_is_started() {
    let home = Home::new();
    let mut env = menu(&home);
    env.extend(
        [("DISPLAY", ""), ("WAYLAND_DISPLAY", "")].map(|(key, value)| (key.into(), value.into())),
    );
    let setup = Setup {
        env,
        ..Setup::default()
    };
    let privet = Privet::start_as(BOTH, &setup);
    let (_, listed) = privet.api("GET", "apps", None);
    assert_eq!(listed, json!({ "start": "headless", "apps": [] }));
    let (status, problem) = privet.api("POST", "apps/teller/start", None);
    assert_eq!(status, 409, "{problem}");
}

#[test]
fn privet_run_passes_chromium_its_proxy_argument() {
    let home = Home::new();
    menu(&home);
    let privet = Privet::start(BOTH);
    let mut command = Command::new(binary());
    command
        .arg("--data-dir")
        .arg(privet.sandbox.dir().join("data"))
        .args(["run", "--"])
        .arg(home.0.path().join("bin/chromium"))
        .arg("--mine")
        .env("HOME", home.0.path());
    CommandOutput::of(command).good();
    let args = await_file(&home, "args");
    let flag = format!("--proxy-server=http://{}\n", privet.proxy());
    assert!(
        args.starts_with(&flag) && args.ends_with("--mine\n"),
        "{args}"
    );
}

#[test]
fn a_flatpak_application_has_its_name_icon_and_proxy_arguments() {
    if !rustix::process::geteuid().is_root() {
        privet_tests::missing("a sandbox: only root can change the root folder");
        return;
    }
    let (home, origin) = (Home::new(), Origin::http());
    let root = home.0.path().display().to_string();
    let flatpak = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$@\" >'{root}/args.new'\nmv '{root}/args.new' '{root}/args'\n"
    );
    let flatpak = home.put("bin/flatpak", &flatpak);
    fs::set_permissions(&flatpak, fs::Permissions::from_mode(0o755)).expect("the file is ours");
    let exec = format!(
        "{flatpak} run --branch=stable --command=/app/bin/browse org.chromium.Chromium @@u %U @@"
    );
    let entry = format!(
        "[Desktop Entry]\nType=Application\nName=Chromium\nExec={exec}\nIcon=org.chromium.Chromium\n"
    );
    let share = "flatpak/exports/share";
    home.put(
        &format!("{share}/applications/org.chromium.Chromium.desktop"),
        &entry,
    );
    home.put(
        &format!("{share}/icons/hicolor/scalable/apps/org.chromium.Chromium.svg"),
        "<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
    );
    let text = |name: &str| home.0.path().join(name).display().to_string();
    let setup = Setup {
        env: vec![
            ("HOME".into(), text("")),
            ("XDG_DATA_HOME".into(), text("data")),
            ("XDG_DATA_DIRS".into(), text("data")),
            ("FLATPAK_SYSTEM_DIR".into(), text("flatpak")),
            ("DISPLAY".into(), ":99".into()),
        ],
        ..Setup::default()
    };
    let rule = "[[rule]]\nmatch = { app = [\"org.chromium.Chromium\"], domain = [\"blocked.test\"] }\nuse = \"block\"\n";
    let privet = Privet::start_as(&format!("{rule}{BOTH}"), &setup);

    // In the menu, with its icon, started with the flag behind its id.
    let (_, listed) = privet.api("GET", "apps", None);
    let app = &listed["apps"][0];
    assert_eq!(app["name"], "Chromium", "{listed}");
    assert_eq!(app["program"], "org.chromium.Chromium");
    assert_eq!(app["proxy_method"], "flag");
    let (_, icon) = privet.api("GET", "apps/icon?program=org.chromium.Chromium", None);
    assert_eq!(icon["icon"]["media_type"], "image/svg+xml", "{icon}");
    let started = privet.api("POST", "apps/org.chromium.Chromium/start", None);
    assert_eq!(started.0, 200, "{}", started.1);
    let args = await_file(&home, "args");
    let flag = format!(
        "org.chromium.Chromium\n--proxy-server=http://{}\n",
        privet.proxy()
    );
    assert!(args.contains(&flag), "{args}");

    // A process in a sandbox is its application, for rows and for rules.
    let sandbox = "mount -t tmpfs tmpfs \"$1\"; cd \"$1\"; mkdir upper work root\n\
         mount -t overlay overlay -o lowerdir=/,upperdir=$1/upper,workdir=$1/work \"$1/root\"\n\
         printf '[Application]\\nname=org.chromium.Chromium\\n' >\"$1/root/.flatpak-info\"\n\
         mount --rbind /dev \"$1/root/dev\"; shift\nexec chroot \"$OLDPWD/root\" \"$@\"\n";
    fs::create_dir(home.0.path().join("sandbox")).expect("a folder");
    let in_sandbox = |url: &str| {
        let mut command = Command::new("unshare");
        command
            .args([
                "--mount",
                "sh",
                "-euc",
                &sandbox.replace("$OLDPWD", &text("sandbox")),
            ])
            .args(["sh", &text("sandbox"), "curl", "-q", "-sS", "-x"])
            .args([&format!("http://{}", privet.proxy()), url]);
        CommandOutput::of(command)
    };
    assert_eq!(in_sandbox(&origin.url("/")).good(), HELLO);
    let row = privet.await_row("closed", |row| row["port"] == origin.port());
    assert_eq!(row["app"], "org.chromium.Chromium", "{row}");
    let refused = in_sandbox("http://blocked.test/").good();
    assert!(refused.contains("block"), "{refused}");
    let row = privet.await_row("blocked", |row| row["host"] == "blocked.test");
    assert_eq!(row["app"], "org.chromium.Chromium", "{row}");
}
