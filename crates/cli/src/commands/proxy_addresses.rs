//! Where programs on this machine reach the running engine's listeners, and the login that these ask for.

use std::path::{Path, PathBuf};

use privet_api::address::reachable;
use privet_config::Config;
use privet_system::SystemKeyring;
use privet_system::proxy_environment::ProxyAddresses;
use privet_system::proxy_login::ProxyLogin;
use serde_json::Value;

use crate::blocking::blocking;
use crate::commands::Context;
use crate::exit::Failure;

impl Context {
    /// Proxy addresses of the running engine with the login of `user`; `None`: of its only user.
    ///
    /// # Errors
    /// No engine runs, it has no proxy listener, or the user cannot be chosen.
    pub async fn proxy(&self, user: Option<&str>) -> Result<ProxyAddresses, Failure> {
        let client = self.client()?;
        let status = client.status().await?;
        let first = |kinds: &[&str]| {
            kinds.iter().find_map(|kind| {
                let listener = status.listeners.iter().find(|l| l.kind == *kind)?;
                Some(reachable_address(&listener.address))
            })
        };
        let mut addresses = ProxyAddresses {
            http: first(&["mixed", "http"]),
            socks: first(&["mixed", "socks"]),
            pac: first(&["pac"]).map(|address| format!("http://{address}/proxy.pac")),
            login: None,
        };
        if addresses.http.is_none() && addresses.socks.is_none() {
            return Err(Failure::with_help(
                "the engine has no proxy listener",
                "add one to the configuration: [listen] mixed = [\"127.0.0.1:7280\"]",
            ));
        }
        let (config, _) = client.config().await?;
        if let Some(user) = choose(&users(&config), user)? {
            let file = status.config.map(PathBuf::from);
            let login = blocking(move || read_login(user, file.as_deref())).await?;
            self.warn_of_unknown_password(&login);
            addresses.login = Some(login);
        }
        Ok(addresses)
    }

    fn warn_of_unknown_password(&self, login: &ProxyLogin) {
        let Some(why) = login.unknown_password() else {
            return;
        };
        let user = login.user();
        self.print_error(&format!(
            "the password of {user} is not known here, and is left out: {why}"
        ));
        self.print_error("put it behind the user's name, percent-encoded: http://USER:PASSWORD@…");
    }
}

/// The names of the current users.
fn users(config: &Value) -> Vec<String> {
    let users = config.pointer("/listen/users").and_then(Value::as_array);
    let name = |user: &Value| Some(user.get("name")?.as_str()?.to_owned());
    users.into_iter().flatten().filter_map(name).collect()
}

/// The user to log in as; `None`: nobody has to.
fn choose(users: &[String], wanted: Option<&str>) -> Result<Option<String>, Failure> {
    let known = || users.join(", ");
    match (users, wanted) {
        ([], None) => Ok(None),
        ([], Some(_)) => Err(Failure::usage(
            "the listeners ask for no login: leave out --user",
        )),
        ([only], None) => Ok(Some(only.clone())),
        (_, None) => Err(Failure::usage(format!(
            "several users can log in: choose one with --user: {}",
            known()
        ))),
        (_, Some(wanted)) if users.iter().any(|user| user == wanted) => Ok(Some(wanted.to_owned())),
        (_, Some(wanted)) => Err(Failure::usage(format!(
            "no user is named \"{wanted}\"; users are {}",
            known()
        ))),
    }
}

/// Reads the password where the configuration file says it is. The API never tells one.
fn read_login(user: String, file: Option<&Path>) -> ProxyLogin {
    let Some(file) = file else {
        let why = "the engine has no configuration file".to_owned();
        return ProxyLogin::without_password(user, why);
    };
    let loaded = match Config::load(file) {
        Ok(loaded) => loaded.config,
        Err(_) => {
            let why = format!("{} cannot be read", file.display());
            return ProxyLogin::without_password(user, why);
        }
    };
    let found = loaded.listen.users.iter().find(|one| one.name == user);
    match found {
        Some(found) => ProxyLogin::read(found, &SystemKeyring),
        None => {
            let why = format!("{} does not name this user", file.display());
            ProxyLogin::without_password(user, why)
        }
    }
}

/// A listener's address as programs on this machine use it. Text that is no address is kept.
fn reachable_address(listener: &str) -> String {
    listener.parse().map_or_else(
        |_| listener.to_owned(),
        |address| reachable(address).to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_is_chosen_and_several_are_not_guessed() {
        let users = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let chosen = |names: &[&str], wanted| {
            let users: Vec<String> = users(names);
            choose(&users, wanted).map_err(|failure| failure.to_string())
        };
        assert_eq!(chosen(&[], None), Ok(None));
        assert_eq!(chosen(&["a"], None), Ok(Some("a".to_owned())));
        assert_eq!(chosen(&["a", "b"], Some("b")), Ok(Some("b".to_owned())));
        assert!(chosen(&["a", "b"], None).unwrap_err().contains("a, b"));
        assert!(chosen(&["a"], Some("c")).unwrap_err().contains("\"c\""));
        assert!(chosen(&[], Some("c")).is_err());
    }
}
