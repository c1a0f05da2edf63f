//! Linux: StatusNotifierItem and com.canonical.dbusmenu over D-Bus (ksni), also where the panel starts later or restarts.

use ksni::blocking::{Handle, TrayMethods};
use ksni::menu::{CheckmarkItem, RadioGroup, RadioItem, StandardItem, SubMenu};
use ksni::{Icon, MenuItem, OfflineReason, ToolTip};

use crate::icon::SIZES;
use crate::panel::{Events, Panel, PanelError, PanelEvent};
use crate::view::{Action, MenuChoice, MenuEntry, TrayView};

struct TrayItem {
    view: TrayView,
    events: Events,
}

impl TrayItem {
    /// Drops the event when the queue is full.
    fn send(&self, event: PanelEvent) {
        let _ = self.events.try_send(event);
    }
}

impl ksni::Tray for TrayItem {
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
                data: self.view.icon.argb(*size),
            })
            .collect()
    }

    fn tool_tip(&self) -> ToolTip {
        ToolTip {
            title: "Privet".to_owned(),
            description: self.view.tooltip.clone(),
            ..ToolTip::default()
        }
    }

    fn activate(&mut self, _x: i32, _y: i32) {
        self.send(PanelEvent::Click(Action::OpenWindow));
    }

    fn menu(&self) -> Vec<MenuItem<Self>> {
        self.view.menu.iter().map(item).collect()
    }

    fn menu_about_to_show(&mut self) {
        self.send(PanelEvent::MenuOpened);
    }

    fn watcher_online(&self) {
        self.send(PanelEvent::PanelBack);
    }

    fn watcher_offline(&self, _reason: OfflineReason) -> bool {
        self.send(PanelEvent::PanelGone);
        true
    }
}

fn item(entry: &MenuEntry) -> MenuItem<TrayItem> {
    match entry {
        MenuEntry::Separator => MenuItem::Separator,
        MenuEntry::Label(text) => StandardItem {
            label: plain(text),
            enabled: false,
            ..StandardItem::default()
        }
        .into(),
        MenuEntry::Button { label, action } => StandardItem {
            label: plain(label),
            activate: send_click(action),
            ..StandardItem::default()
        }
        .into(),
        MenuEntry::Checkbox {
            label,
            checked,
            action,
        } => CheckmarkItem {
            label: plain(label),
            checked: *checked,
            activate: send_click(action),
            ..CheckmarkItem::default()
        }
        .into(),
        MenuEntry::Choice(choices) => radio_group(choices).into(),
        MenuEntry::Submenu { label, entries } => SubMenu {
            label: plain(label),
            submenu: entries.iter().map(item).collect(),
            ..SubMenu::default()
        }
        .into(),
    }
}

fn send_click(action: &Action) -> Box<dyn Fn(&mut TrayItem) + Send> {
    let action = action.clone();
    Box::new(move |item| item.send(PanelEvent::Click(action.clone())))
}

fn radio_group(choices: &[MenuChoice]) -> RadioGroup<TrayItem> {
    let actions: Vec<Action> = choices.iter().map(|one| one.action.clone()).collect();
    let selected = choices.iter().position(|one| one.selected);
    let options = choices.iter().map(|one| RadioItem {
        label: plain(&one.label),
        ..RadioItem::default()
    });
    RadioGroup {
        // An index past the last selects none.
        selected: selected.unwrap_or(choices.len()),
        select: Box::new(move |item: &mut TrayItem, at| {
            if let Some(action) = actions.get(at) {
                item.send(PanelEvent::Click(action.clone()));
            }
        }),
        options: options.collect(),
    }
}

/// Doubles underscores: a single one marks a keyboard shortcut.
fn plain(text: &str) -> String {
    text.replace('_', "__")
}

struct NotifierPanel {
    handle: Handle<TrayItem>,
}

impl Panel for NotifierPanel {
    fn show(&mut self, view: &TrayView) {
        self.handle.update(|item| item.view = view.clone());
    }

    fn is_gone(&self) -> bool {
        self.handle.is_closed()
    }
}

/// Shows the icon, now or when a panel starts. Blocks until the bus has answered.
pub(crate) fn start(view: TrayView, events: Events) -> Result<Box<dyn Panel>, PanelError> {
    let item = TrayItem { view, events };
    let handle = item.assume_sni_available(true).spawn();
    let handle = handle.map_err(|error| PanelError::NoBus(error.to_string()))?;
    Ok(Box::new(NotifierPanel { handle }))
}
