//! Proxy settings of single programs: copied, by a PAC URL for one program, and for applications that Privet starts.

use privet_tests::require;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use privet_tests::privet::{Setup, binary};
use privet_tests::wait::until;
use privet_tests::{CommandOutput, Origin, Privet, await_port, program};
use serde_json::{Value, json};
use tempfile::TempDir;

const HELLO: &str = "hello from the origin\n";
/// A part of the origin's page.
const PAGE: &str = "Promise.all";
const BOTH: &str = "[listen]\nmixed = [\"$MIXED\"]\npac = \"$PAC\"\n";

/// A temporary home folder.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn put(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("the folder takes a file");
        path.display().to_string()
    }

    fn run(&self, name: &str, args: &[&str]) -> CommandOutput {
        let mut command = Command::new(name);
        command
            .args(args)
            .env("HOME", self.0.path())
            .env_remove("XDG_CONFIG_HOME");
        CommandOutput::of(command)
    }
}

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

/// The row of the connection to this port.
#[track_caller]
fn went_through(privet: &Privet, port: u16) -> Value {
    privet.await_row("closed", |row| row["port"] == port)
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

/// A menu with three applications: one that prints its environment, one named like Chromium, one that is not installed.
fn menu(home: &Home) -> Vec<(String, String)> {
    let teller = "#!/bin/sh\nenv > \"$HOME/environment\"\ncurl -q -sS \"$TARGET\" > \"$HOME/fetched.new\"\nmv \"$HOME/fetched.new\" \"$HOME/fetched\"\n";
    let browser = "#!/bin/sh\nprintf '%s\\n' \"$@\" > \"$HOME/args.new\"\nmv \"$HOME/args.new\" \"$HOME/args\"\n";
    for (name, script) in [("teller", teller), ("chromium", browser)] {
        let path = home.put(&format!("bin/{name}"), script);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("the file is ours");
    }
    let bin = home.0.path().join("bin");
    let entry = |name: &str, exec: &str| {
        format!("[Desktop Entry]\nType=Application\nName={name}\nExec={exec}\nIcon=teller\n")
    };
    let at = |name: &str| bin.join(name).display().to_string();
    home.put(
        "data/applications/teller.desktop",
        &entry("Teller", &format!("{} %U", at("teller"))),
    );
    home.put(
        "data/applications/web.desktop",
        &entry("Web", &format!("{} --new-window %U", at("chromium"))),
    );
    home.put(
        "data/applications/gone.desktop",
        &entry("Gone", &at("gone")),
    );
    home.put(
        "data/icons/hicolor/scalable/apps/teller.svg",
        "<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
    );
    let text = |name: &str| home.0.path().join(name).display().to_string();
    vec![
        ("HOME".into(), text("")),
        ("XDG_DATA_HOME".into(), text("data")),
        ("XDG_DATA_DIRS".into(), text("data")),
    ]
}

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
