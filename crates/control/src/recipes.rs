//! Settings for programs with their own proxy settings, made from the addresses of the listeners. Pure.

use privet_api::apps::{Recipe, SHELLS};
use privet_system::proxy_environment::{AllProxy, ProxyAddresses, Shell};

/// Added to the note of a program whose settings have no place for a login.
const ASKS: &str = "It asks for the name and the password itself.";

/// All recipes that the listeners allow, with the login of `at` where the program's settings have a place for it.
pub fn recipes(at: &ProxyAddresses) -> Vec<Recipe> {
    let shells = SHELLS.map(|(id, name)| {
        let (place, shell) = match id {
            "fish" => ("~/.config/fish/config.fish", Shell::Fish),
            "powershell" => ("$PROFILE", Shell::Powershell),
            _ => ("~/.profile", Shell::Bash),
        };
        let lines = shell.set_all(at, AllProxy::Omitted);
        (!lines.is_empty()).then(|| recipe(id, name, Some(place), lines, None))
    });
    let known = [
        firefox(at),
        chromium(at),
        curl(at),
        git(at),
        ssh(at),
        telegram(at),
        wsl(at),
        docker(at),
        apt(at),
        npm(at),
        pip(at),
        pac(at),
    ];
    known.into_iter().chain(shells).flatten().collect()
}

fn recipe(id: &str, name: &str, place: Option<&str>, text: String, note: Option<&str>) -> Recipe {
    Recipe {
        id: id.to_owned(),
        name: name.to_owned(),
        place: place.map(str::to_owned),
        text,
        note: note.map(str::to_owned),
    }
}

/// SOCKS with names resolved by Privet, else HTTP.
fn socks_or_http(at: &ProxyAddresses) -> Option<String> {
    at.socks_url().or_else(|| at.http_url())
}

/// A note, and that the program asks for the login where there is one.
fn note(at: &ProxyAddresses, text: &str) -> String {
    match at.login {
        Some(_) => format!("{text} {ASKS}"),
        None => text.to_owned(),
    }
}

/// "[::1]:7280" → "::1", "7280".
fn split(address: &str) -> Option<(&str, &str)> {
    let (host, port) = address.rsplit_once(':')?;
    Some((host.trim_matches(['[', ']']), port))
}

/// Names as in about:config; for both protocols, since one listener serves all.
fn firefox(at: &ProxyAddresses) -> Option<Recipe> {
    let mut lines = vec!["user_pref(\"network.proxy.type\", 1);".to_owned()];
    let mut pair = |key: &str, host: &str, port: &str| {
        lines.push(format!("user_pref(\"network.proxy.{key}\", \"{host}\");"));
        lines.push(format!("user_pref(\"network.proxy.{key}_port\", {port});"));
    };
    // Firefox can log in over HTTP only.
    let log_in = at.login.is_some() && at.http.is_some();
    let socks = at.socks.as_deref().filter(|_| !log_in);
    if let Some((host, port)) = socks.and_then(split) {
        pair("socks", host, port);
        lines.push("user_pref(\"network.proxy.socks_version\", 5);".to_owned());
        lines.push("user_pref(\"network.proxy.socks_remote_dns\", true);".to_owned());
    } else {
        let (host, port) = at.http.as_deref().and_then(split)?;
        pair("http", host, port);
        pair("ssl", host, port);
    }
    let text = "Or by hand: Settings, Network Settings, Manual proxy configuration. about:profiles names the folder.";
    let place = "user.js in the profile's folder";
    Some(recipe(
        "firefox",
        "Firefox",
        Some(place),
        lines.join("\n"),
        Some(&note(at, text)),
    ))
}

fn chromium(at: &ProxyAddresses) -> Option<Recipe> {
    let text = match (&at.pac, &at.http) {
        (Some(pac), _) => format!("chromium --proxy-pac-url=\"{pac}?app=chromium\""),
        (None, Some(http)) => format!("chromium --proxy-server=\"http://{http}\""),
        (None, None) => return None,
    };
    let hint = "A browser that runs already takes no new proxy: close it first. Without the word it follows the desktop's settings.";
    Some(recipe(
        "chromium",
        "Chromium, Chrome, Brave, Edge",
        None,
        text,
        Some(&note(at, hint)),
    ))
}

fn curl(at: &ProxyAddresses) -> Option<Recipe> {
    let text = format!("proxy = \"{}\"", socks_or_http(at)?);
    Some(recipe("curl", "curl", Some("~/.curlrc"), text, None))
}

fn git(at: &ProxyAddresses) -> Option<Recipe> {
    let text = format!("git config --global http.proxy {}", socks_or_http(at)?);
    let note = "For http:// and https:// remotes; those over ssh follow the settings of ssh.";
    Some(recipe("git", "Git", None, text, Some(note)))
}

fn ssh(at: &ProxyAddresses) -> Option<Recipe> {
    let (way, address) = match (&at.socks, &at.http) {
        (Some(socks), None) => ("5", socks),
        // Over HTTP nc can log in.
        (Some(_), Some(http)) if at.login.is_some() => ("connect", http),
        (Some(socks), _) => ("5", socks),
        (None, Some(http)) => ("connect", http),
        (None, None) => return None,
    };
    let user = at.login.as_ref().map_or_else(String::new, |login| {
        format!("-P {} ", quoted_word(login.user()))
    });
    let text = format!("Host *\n    ProxyCommand nc -X {way} -x {address} {user}%h %p");
    let hint = "Wants the nc of OpenBSD (package netcat-openbsd).";
    Some(recipe(
        "ssh",
        "ssh",
        Some("~/.ssh/config"),
        text,
        Some(&note(at, hint)),
    ))
}

/// A word for the shell that ssh runs; `%` is its own sign.
fn quoted_word(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''").replace('%', "%%"))
}

fn telegram(at: &ProxyAddresses) -> Option<Recipe> {
    let (host, port) = split(at.socks.as_deref()?)?;
    let login = at.login.as_ref().map_or_else(String::new, |login| {
        let password = login.encoded_password().unwrap_or_default();
        format!("&user={}&pass={password}", login.encoded_user())
    });
    let text = format!("tg://socks?server={host}&port={port}{login}");
    let note = "Open the address; Telegram asks whether to use the proxy.";
    Some(recipe("telegram", "Telegram", None, text, Some(note)))
}

/// In the virtual network of WSL, Windows is the gateway.
fn wsl(at: &ProxyAddresses) -> Option<Recipe> {
    let (_, port) = split(at.http.as_deref().or(at.socks.as_deref())?)?;
    let scheme = if at.http.is_some() { "http" } else { "socks5h" };
    let proxy = at.url(scheme, &format!("$host:{port}"));
    let text = format!(
        "host=$(ip route show default | awk '{{print $3}}')\nexport http_proxy=\"{proxy}\" https_proxy=\"{proxy}\""
    );
    let note = "Privet on Windows has to listen on an address that WSL reaches, with users or allowed clients. With networkingMode=mirrored take the lines for bash instead.";
    Some(recipe(
        "wsl",
        "WSL",
        Some("~/.profile in WSL"),
        text,
        Some(note),
    ))
}

/// In a container, loopback is the container.
fn docker(at: &ProxyAddresses) -> Option<Recipe> {
    let (_, port) = split(at.http.as_deref()?)?;
    let proxy = at.url("http", &format!("host.docker.internal:{port}"));
    let config = serde_json::json!({
        "proxies": { "default": { "httpProxy": proxy, "httpsProxy": proxy, "noProxy": "localhost,127.0.0.0/8" } }
    });
    let text = serde_json::to_string_pretty(&config).ok()?;
    let note = "Privet has to listen on an address that containers reach, with users or allowed clients; on Linux start them with --add-host=host.docker.internal:host-gateway.";
    Some(recipe(
        "docker",
        "Docker",
        Some("~/.docker/config.json"),
        text,
        Some(note),
    ))
}

fn apt(at: &ProxyAddresses) -> Option<Recipe> {
    let proxy = at.http_url().or_else(|| at.socks_url())?;
    let text = format!("Acquire::http::Proxy \"{proxy}\";\nAcquire::https::Proxy \"{proxy}\";");
    Some(recipe(
        "apt",
        "apt",
        Some("/etc/apt/apt.conf.d/95privet"),
        text,
        None,
    ))
}

fn npm(at: &ProxyAddresses) -> Option<Recipe> {
    let proxy = at.http_url()?;
    let text = format!("proxy={proxy}\nhttps-proxy={proxy}");
    Some(recipe("npm", "npm", Some("~/.npmrc"), text, None))
}

fn pip(at: &ProxyAddresses) -> Option<Recipe> {
    let text = format!("[global]\nproxy = {}", at.http_url()?);
    Some(recipe(
        "pip",
        "pip",
        Some("~/.config/pip/pip.conf"),
        text,
        None,
    ))
}

fn pac(at: &ProxyAddresses) -> Option<Recipe> {
    let text = format!("{}?app=NAME", at.pac.as_ref()?);
    let hint = "For programs that take the address of a PAC file: NAME is the program's file name, and the rules for it count.";
    Some(recipe("pac", "PAC", None, text, Some(&note(at, hint))))
}

#[cfg(test)]
mod tests {
    use privet_system::proxy_login::ProxyLogin;

    use super::*;

    fn at(http: Option<&str>, socks: Option<&str>, pac: Option<&str>) -> ProxyAddresses {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        ProxyAddresses {
            http: owned(http),
            socks: owned(socks),
            pac: owned(pac),
            login: None,
        }
    }

    #[test]
    fn recipes_name_no_address_without_a_listener() {
        let texts: Vec<_> = recipes(&at(None, None, None))
            .into_iter()
            .map(|one| one.text)
            .collect();
        // Only settings that exclude localhost.
        assert!(texts.iter().all(|text| !text.contains("://")), "{texts:?}");
    }

    #[test]
    fn each_says_where_we_really_listen() {
        let here = "127.0.0.1:4711";
        let pac_at = "http://127.0.0.1:4712/proxy.pac";
        let all = recipes(&at(Some(here), Some(here), Some(pac_at)));
        assert_eq!(all.len(), 15);
        for one in &all {
            assert!(
                one.text.contains("4711") || one.text.contains("4712"),
                "{}",
                one.id
            );
        }
        let six = recipes(&at(None, Some("[::1]:9"), None));
        let text = |id: &str| {
            six.iter()
                .find(|one| one.id == id)
                .map(|one| one.text.clone())
        };
        assert!(text("firefox").unwrap().contains("\"::1\""));
        assert_eq!(text("telegram").unwrap(), "tg://socks?server=::1&port=9");
        assert_eq!(text("npm"), None);
    }
    #[test]
    fn the_login_is_in_the_settings_or_the_program_asks_for_it() {
        let user = privet_config::User {
            name: "o'neil".to_owned(),
            password: privet_config::Secret::Plain("a b%".into()),
        };
        let login = ProxyLogin::read(&user, &privet_config::NoKeyring);
        let here = "127.0.0.1:4711";
        let all = recipes(&ProxyAddresses {
            login: Some(login),
            ..at(Some(here), Some(here), None)
        });
        for one in &all {
            let written = one.text.contains("o%27neil") && one.text.contains("a%20b%25");
            let asked = one.note.as_deref().unwrap_or("").contains(ASKS);
            assert!(written != asked, "{one:?}");
            assert!(!one.text.contains("a b%"), "{one:?}");
        }
        let ssh = all.iter().find(|one| one.id == "ssh").unwrap();
        assert!(ssh.text.contains("-X connect"), "{ssh:?}");
        assert!(ssh.text.contains("-P 'o'\\''neil' %h"), "{ssh:?}");
    }
}
