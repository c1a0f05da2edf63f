//! A real gnome-keyring in a private session, which can be locked and unlocked.

use std::process::Command;

use zbus::blocking::{Proxy, connection};
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};

use crate::desktop::Desktop;
use crate::process::{Running, program};

/// The keyring's own password.
const OPENS: &str = "keyring's own";
const SERVICE: &str = "org.freedesktop.secrets";
const PATH: &str = "/org/freedesktop/secrets";
const LOGIN: &str = "/org/freedesktop/secrets/collection/login";

/// The keyring's daemon; it ends with the test.
pub struct Keyring {
    _daemon: Running,
}

impl Keyring {
    /// Starts one, unlocked; `None`, reported as skipped, where a program for it is not installed.
    pub fn start(desktop: &Desktop) -> Option<Self> {
        for name in ["gnome-keyring-daemon", "gdbus", "secret-tool"] {
            program(name)?;
        }
        let mut command = Command::new("sh");
        let start =
            "printf '%s' \"$1\" | gnome-keyring-daemon --foreground --components=secrets --unlock";
        command.args(["-c", start, "sh", OPENS]).envs(desktop.env());
        // Password prompts must not appear on the screen of the user who runs the test.
        command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
        let daemon = Running::start("gnome-keyring-daemon", command);
        desktop
            .run("gdbus", &["wait", "--session", "--timeout", "30", SERVICE])
            .good();
        Some(Self { _daemon: daemon })
    }

    /// Locks it, as an idle desktop does.
    pub fn lock(&self, desktop: &Desktop) {
        let args = [
            "call",
            "--session",
            "--dest",
            SERVICE,
            "--object-path",
            PATH,
            "--method",
            "org.freedesktop.Secret.Service.Lock",
            &format!("['{LOGIN}']"),
        ];
        desktop.run("gdbus", &args).good();
    }

    /// Unlocks it with its password, as the prompt does.
    pub fn unlock(&self, desktop: &Desktop) {
        let env = desktop.env();
        let address = env
            .iter()
            .find(|(name, _)| name == "DBUS_SESSION_BUS_ADDRESS")
            .map(|(_, address)| address.as_str())
            .expect("a session has a bus");
        let bus = connection::Builder::address(address)
            .and_then(connection::Builder::build)
            .expect("the session bus answers");
        let proxy =
            |interface| Proxy::new(&bus, SERVICE, PATH, interface).expect("names are well formed");
        let (_, session): (OwnedValue, OwnedObjectPath) = proxy("org.freedesktop.Secret.Service")
            .call("OpenSession", &("plain", Value::from("")))
            .expect("the keyring opens a session");
        let collection = ObjectPath::from_static_str_unchecked(LOGIN);
        let password = (
            session,
            Vec::<u8>::new(),
            OPENS.as_bytes().to_vec(),
            "text/plain",
        );
        let () = proxy("org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface")
            .call("UnlockWithMasterPassword", &(collection, password))
            .expect("the keyring takes its password");
    }

    /// The secret that another program reads under Privet's service name; empty where there is none.
    pub fn read(&self, desktop: &Desktop, name: &str) -> String {
        let args = ["lookup", "service", "privet", "username", name];
        desktop.run("secret-tool", &args).out
    }
}
