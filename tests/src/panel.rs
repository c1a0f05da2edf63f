//! A panel that shows icons, scripted: the StatusNotifierWatcher of a session and a host that reads and clicks menus.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use zbus::blocking::{Connection, Proxy, connection};
use zbus::zvariant::{OwnedValue, Value};

use crate::PATIENCE;

const WATCHER: &str = "org.kde.StatusNotifierWatcher";
const ITEM: &str = "org.kde.StatusNotifierItem";
const MENU: &str = "com.canonical.dbusmenu";

/// The watcher with the items that registered.
pub struct Panel {
    bus: Connection,
    items: Arc<Mutex<Vec<String>>>,
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

/// A line of a menu as a host reads it.
#[derive(Debug, Clone)]
pub struct Line {
    pub id: i32,
    pub label: String,
    pub enabled: bool,
    pub checked: bool,
    pub children: Vec<Line>,
}

impl Panel {
    /// Starts one on the session bus at `address`.
    pub fn start(address: &str) -> Self {
        let items = Arc::new(Mutex::new(Vec::new()));
        let bus = connection::Builder::address(address)
            .and_then(|builder| builder.serve_at("/StatusNotifierWatcher", Watcher(items.clone())))
            .and_then(|builder| builder.name(WATCHER))
            .and_then(connection::Builder::build)
            .expect("the session bus takes a watcher");
        Self { bus, items }
    }

    /// Returns the first item once one has registered.
    pub fn await_item(&self) -> String {
        let mut found = None;
        until("an icon", || {
            found = self
                .items
                .lock()
                .expect("no reader panics")
                .first()
                .cloned();
            found.is_some()
        });
        found.expect("it was just found")
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

    /// The whole menu, as a host opens it.
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

    /// Clicks the line that `path` leads to, by how labels begin; waits until it is there.
    #[track_caller]
    pub fn choose(&self, item: &str, path: &[&str]) {
        let mut found = None;
        until(&format!("the menu's {path:?}"), || {
            found = find(&self.menu(item), path);
            found.is_some()
        });
        self.click(item, found.expect("it was just found").id);
    }

    /// Waits until the line that `path` leads to is as wanted.
    #[track_caller]
    pub fn await_line(&self, item: &str, path: &[&str], wanted: impl Fn(&Line) -> bool) {
        until(&format!("the menu's {path:?} as wanted"), || {
            find(&self.menu(item), path).is_some_and(|line| wanted(&line))
        });
    }

    /// The panel goes, and its name with it.
    pub fn end(self) {
        self.bus.close().expect("the bus lets go");
    }
}

/// The line that labels lead to, each by its beginning.
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

#[track_caller]
#[expect(
    clippy::disallowed_methods,
    reason = "a menu in another process gives no event to wait for"
)]
fn until(what: &str, mut ready: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ready() {
        assert!(start.elapsed() < PATIENCE, "{what} never comes");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
