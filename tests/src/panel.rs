//! A panel that shows tray icons: Xfce's, or a scripted StatusNotifierWatcher that can stop and start; it reads and clicks
//! menus over D-Bus.

use std::collections::HashMap;
use std::process::Command;
use std::sync::{Arc, Mutex};

use zbus::blocking::{Connection, Proxy, connection};
use zbus::zvariant::{OwnedValue, Value};

use crate::process::{Running, program};
use crate::screen::Screen;
use crate::wait::until;

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const ITEM: &str = "org.kde.StatusNotifierItem";
const MENU: &str = "com.canonical.dbusmenu";

pub struct Panel {
    bus: Connection,
    shown: Watch,
}

/// The StatusNotifierWatcher behind the panel.
enum Watch {
    /// A scripted watcher, with the registered items.
    Scripted(Arc<Mutex<Vec<String>>>),
    /// Xfce's panel.
    Real { _panel: Running },
}

struct Watcher(Arc<Mutex<Vec<String>>>);

#[zbus::interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, service: &str) {
        self.0
            .lock()
            .expect("no reader panics")
            .push(service.to_owned());
    }

    fn register_status_notifier_host(&self, _service: &str) {}

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        true
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        self.0.lock().expect("no reader panics").clone()
    }
}

/// A menu entry as read over D-Bus.
#[derive(Debug, Clone)]
pub struct Line {
    pub id: i32,
    pub label: String,
    pub enabled: bool,
    pub checked: bool,
    pub children: Vec<Line>,
}

impl Panel {
    /// Starts a scripted watcher on the session bus at `address`.
    pub fn start(address: &str) -> Self {
        let items = Arc::new(Mutex::new(Vec::new()));
        let bus = connection::Builder::address(address)
            .and_then(|builder| builder.serve_at("/StatusNotifierWatcher", Watcher(items.clone())))
            .and_then(|builder| builder.name(WATCHER))
            .and_then(connection::Builder::build)
            .expect("the session bus takes a watcher");
        let shown = Watch::Scripted(items);
        Self { bus, shown }
    }

    /// Starts Xfce's panel on that screen, and waits until it shows icons; `None`, reported as skipped, where it is not installed.
    ///
    /// # Panics
    /// The panel does not accept icons in time.
    pub fn real(screen: &Screen) -> Option<Self> {
        let mut command = Command::new(program("xfce4-panel")?);
        command.arg("--disable-wm-check").envs(screen.env());
        let panel = Running::start("xfce4-panel", command);
        let bus = connection::Builder::address(screen.desktop.bus_address().as_str())
            .and_then(connection::Builder::build)
            .expect("the session bus answers");
        let shown = Watch::Real { _panel: panel };
        let panel = Self { bus, shown };
        until("a panel that shows icons", || panel.has_host());
        Some(panel)
    }

    fn watcher(&self) -> Proxy<'_> {
        self.proxy(WATCHER, "/StatusNotifierWatcher", WATCHER)
    }

    fn has_host(&self) -> bool {
        let host = self
            .watcher()
            .get_property("IsStatusNotifierHostRegistered");
        host.unwrap_or(false)
    }

    fn items(&self) -> Vec<String> {
        match &self.shown {
            Watch::Scripted(items) => items.lock().expect("no reader panics").clone(),
            Watch::Real { .. } => {
                let items = self.watcher().get_property("RegisteredStatusNotifierItems");
                items.unwrap_or_default()
            }
        }
    }

    /// Returns the first item's name on the bus once one has registered.
    pub fn await_item(&self) -> String {
        let mut found = None;
        until("an icon", || {
            found = self.items().first().cloned();
            found.is_some()
        });
        let item = found.expect("it was just found");
        // The object's path may follow the name.
        item.split('/').next().unwrap_or_default().to_owned()
    }

    /// Waits until no icon is registered.
    pub fn await_none(&self) {
        until("the icon's end", || self.items().is_empty());
    }

    fn proxy<'a>(&self, item: &'a str, path: &'a str, interface: &'a str) -> Proxy<'a> {
        Proxy::new(&self.bus, item, path, interface).expect("names are well formed")
    }

    pub fn property(&self, item: &str, name: &str) -> OwnedValue {
        self.proxy(item, "/StatusNotifierItem", ITEM)
            .get_property(name)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Width and ARGB bytes of each picture.
    pub fn pixmaps(&self, item: &str) -> Vec<(i32, Vec<u8>)> {
        let value = self.property(item, "IconPixmap");
        let all: Vec<(i32, i32, Vec<u8>)> = value.try_into().expect("a(iiay)");
        all.into_iter()
            .map(|(width, _, bytes)| (width, bytes))
            .collect()
    }

    /// The whole menu, read as when it is opened.
    pub fn menu(&self, item: &str) -> Vec<Line> {
        let proxy = self.proxy(item, "/MenuBar", MENU);
        let _: bool = proxy
            .call("AboutToShow", &(0_i32,))
            .expect("the menu is there");
        let names: Vec<&str> = Vec::new();
        let (_, (_, _, children)): (u32, Node) = proxy
            .call("GetLayout", &(0_i32, -1_i32, names))
            .expect("the menu is read");
        children.iter().map(|child| line(child)).collect()
    }

    pub fn click(&self, item: &str, id: i32) {
        let () = self
            .proxy(item, "/MenuBar", MENU)
            .call("Event", &(id, "clicked", Value::I32(0), 0_u32))
            .expect("the menu takes a click");
    }

    /// Waits for the entry at `path` (beginnings of labels) and clicks it.
    #[track_caller]
    pub fn choose(&self, item: &str, path: &[&str]) {
        let mut found = None;
        until(&format!("the menu's {path:?}"), || {
            found = find(&self.menu(item), path);
            found.is_some()
        });
        self.click(item, found.expect("it was just found").id);
    }

    /// Waits until `wanted` is true of the entry at `path`.
    #[track_caller]
    pub fn await_line(&self, item: &str, path: &[&str], wanted: impl Fn(&Line) -> bool) {
        until(&format!("the menu's {path:?} as wanted"), || {
            find(&self.menu(item), path).is_some_and(|line| wanted(&line))
        });
    }

    /// Ends the panel and releases its bus name.
    pub fn end(self) {
        self.bus.close().expect("the bus lets go");
    }
}

/// The entry at `path`, whose parts are beginnings of labels.
pub fn find(menu: &[Line], path: &[&str]) -> Option<Line> {
    let (first, rest) = path.split_first()?;
    let mut lines = menu.iter().filter(|line| line.label.starts_with(first));
    if rest.is_empty() {
        lines.next().cloned()
    } else {
        lines.find_map(|line| find(&line.children, rest))
    }
}

/// Number, properties, children.
type Node = (i32, HashMap<String, OwnedValue>, Vec<OwnedValue>);

fn line(node: &Value<'_>) -> Line {
    let Value::Structure(node) = node else {
        panic!("a line of the menu is {node:?}");
    };
    let [
        Value::I32(id),
        Value::Dict(properties),
        Value::Array(children),
    ] = node.fields()
    else {
        panic!("a line of the menu is {node:?}");
    };
    let property = |name: &str| {
        let mut all = properties.iter();
        all.find_map(|(key, value)| match (key, value) {
            (Value::Str(key), Value::Value(value)) if key.as_str() == name => {
                Some((**value).clone())
            }
            _ => None,
        })
    };
    Line {
        id: *id,
        label: match property("label") {
            Some(Value::Str(label)) => label.to_string(),
            _ => String::new(),
        },
        enabled: !matches!(property("enabled"), Some(Value::Bool(false))),
        checked: matches!(property("toggle-state"), Some(Value::I32(1))),
        children: children
            .iter()
            .map(|child| match child {
                Value::Value(child) => line(child),
                other => line(other),
            })
            .collect(),
    }
}
