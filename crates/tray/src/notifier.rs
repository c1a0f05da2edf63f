//! Linux: StatusNotifierItem and com.canonical.dbusmenu over D-Bus (ksni). A watcher that comes late or goes is followed.

use ksni::blocking::{Handle, TrayMethods};
use ksni::menu::{CheckmarkItem, RadioGroup, RadioItem, StandardItem, SubMenu};
use ksni::{Icon, MenuItem, OfflineReason, ToolTip};

use crate::icon::SIZES;
use crate::view::{Action, Entry, View};
use crate::{Event, Events, Panel, PanelError};

struct Item {
    view: View,
    events: Events,
}

impl Item {
    /// A click is lost only where so many wait that none of them was heeded.
    fn tell(&self, event: Event) {
        let _ = self.events.try_send(event);
    }
}

impl ksni::Tray for Item {
    fn id(&self) -> String {
        "privet".to_owned()
    }

    fn title(&self) -> String {
        "Privet".to_owned()
    }

    fn icon_pixmap(&self) -> Vec<Icon> {
        SIZES
            .iter()
            .map(|size| Icon {
                width: i32::from(*size),
                height: i32::from(*size),
                data: self.view.shape.argb(*size),
            })
            .collect()
    }

    fn tool_tip(&self) -> ToolTip {
        ToolTip {
            title: "Privet".to_owned(),
            description: self.view.hint.clone(),
            ..ToolTip::default()
        }
    }

    fn activate(&mut self, _x: i32, _y: i32) {
        self.tell(Event::Click(Action::Open));
    }

    fn menu(&self) -> Vec<MenuItem<Self>> {
        self.view.menu.iter().map(item).collect()
    }

    fn menu_about_to_show(&mut self) {
        self.tell(Event::Looked);
    }

    fn watcher_online(&self) {
        self.tell(Event::Panel);
    }

    fn watcher_offline(&self, _reason: OfflineReason) -> bool {
        self.tell(Event::NoPanel);
        true
    }
}

fn item(entry: &Entry) -> MenuItem<Item> {
    match entry {
        Entry::Line => MenuItem::Separator,
        Entry::Label(text) => StandardItem {
            label: plain(text),
            enabled: false,
            ..StandardItem::default()
        }
        .into(),
        Entry::Button(text, action) => {
            let action = action.clone();
            StandardItem {
                label: plain(text),
                activate: Box::new(move |item: &mut Item| item.tell(Event::Click(action.clone()))),
                ..StandardItem::default()
            }
            .into()
        }
        Entry::Check(text, checked, action) => {
            let action = action.clone();
            CheckmarkItem {
                label: plain(text),
                checked: *checked,
                activate: Box::new(move |item: &mut Item| item.tell(Event::Click(action.clone()))),
                ..CheckmarkItem::default()
            }
            .into()
        }
        Entry::Choice(all) => {
            let actions: Vec<Action> = all.iter().map(|one| one.action.clone()).collect();
            let options = all.iter().map(|one| RadioItem {
                label: plain(&one.label),
                ..RadioItem::default()
            });
            RadioGroup {
                // None of them: past the last.
                selected: all.iter().position(|one| one.on).unwrap_or(all.len()),
                select: Box::new(move |item: &mut Item, at| {
                    if let Some(action) = actions.get(at) {
                        item.tell(Event::Click(action.clone()));
                    }
                }),
                options: options.collect(),
            }
            .into()
        }
        Entry::Sub(text, entries) => SubMenu {
            label: plain(text),
            submenu: entries.iter().map(item).collect(),
            ..SubMenu::default()
        }
        .into(),
    }
}

/// An underscore would mark a key.
fn plain(text: &str) -> String {
    text.replace('_', "__")
}

struct Shown {
    handle: Handle<Item>,
    last: View,
}

impl Panel for Shown {
    fn show(&mut self, view: &View) {
        if self.last == *view {
            return;
        }
        self.last = view.clone();
        self.handle.update(|item| item.view = view.clone());
    }

    fn is_gone(&self) -> bool {
        self.handle.is_closed()
    }
}

/// Puts the icon up, or waits for a panel that takes it. Blocks until the bus has answered.
pub(crate) fn start(view: View, events: Events) -> Result<Box<dyn Panel>, PanelError> {
    let item = Item {
        view: view.clone(),
        events,
    };
    let handle = item.assume_sni_available(true).spawn();
    let handle = handle.map_err(|error| PanelError::NoBus(error.to_string()))?;
    Ok(Box::new(Shown { handle, last: view }))
}
