//! A desktop portal with one setting: the colour scheme.

use zbus::blocking::{Connection, connection};
use zbus::zvariant::Value;

const PLACE: &str = "/org/freedesktop/portal/desktop";
const NAMESPACE: &str = "org.freedesktop.appearance";
const KEY: &str = "color-scheme";

pub struct Portal {
    bus: Connection,
}

struct Settings {
    dark: bool,
}

/// 1: dark; 2: light (org.freedesktop.portal.Settings).
fn scheme(dark: bool) -> Value<'static> {
    Value::U32(if dark { 1 } else { 2 })
}

#[zbus::interface(name = "org.freedesktop.portal.Settings")]
impl Settings {
    /// The deprecated call wraps its result in a second variant.
    fn read(&self, _namespace: &str, _key: &str) -> Value<'static> {
        Value::Value(Box::new(scheme(self.dark)))
    }

    fn read_one(&self, _namespace: &str, _key: &str) -> Value<'static> {
        scheme(self.dark)
    }
}

impl Portal {
    /// Starts it on the bus at that address.
    pub fn start(address: &str, dark: bool) -> Self {
        let bus = connection::Builder::address(address)
            .and_then(|builder| builder.serve_at(PLACE, Settings { dark }))
            .and_then(|builder| builder.name("org.freedesktop.portal.Desktop"))
            .and_then(connection::Builder::build)
            .expect("the bus takes a portal");
        Self { bus }
    }

    /// Changes the setting as the user would.
    pub fn choose(&self, dark: bool) {
        let body = (NAMESPACE, KEY, scheme(dark));
        let interface = "org.freedesktop.portal.Settings";
        self.bus
            .emit_signal(None::<&str>, PLACE, interface, "SettingChanged", &body)
            .expect("the bus takes a signal");
    }
}
