//! Which store this session has.

use super::gnome::Gnome;
use super::kde::Kde;
use super::layout::Layout;
use super::macos::MacOs;
use super::store::ProxyStore;
use super::windows::Windows;

/// Names the store instead of the session: "gnome", "kde", "macos", "windows" or "none".
pub const VARIABLE: &str = "PRIVET_SYSTEM_PROXY";

/// The store of this session; `None`: its desktop has no proxy settings that we know.
pub fn detect() -> Option<Box<dyn ProxyStore>> {
    let read = |name: &str| std::env::var(name).unwrap_or_default();
    let layout = choose(
        &read(VARIABLE),
        &read("XDG_CURRENT_DESKTOP"),
        std::env::consts::OS,
        Gnome::is_here,
    )?;
    open(layout)
}

/// The store of a layout, whatever the session is.
pub fn open(layout: Layout) -> Option<Box<dyn ProxyStore>> {
    Some(match layout {
        Layout::Gnome => Box::new(Gnome),
        Layout::Kde => Box::new(Kde::of_user()?),
        Layout::MacOs => Box::new(MacOs),
        Layout::Windows => Box::new(Windows),
    })
}

fn choose(named: &str, desktop: &str, os: &str, has_schema: impl Fn() -> bool) -> Option<Layout> {
    match named {
        "none" => return None,
        "gnome" => return Some(Layout::Gnome),
        "kde" => return Some(Layout::Kde),
        "macos" => return Some(Layout::MacOs),
        "windows" => return Some(Layout::Windows),
        _ => {}
    }
    match os {
        "macos" => return Some(Layout::MacOs),
        "windows" => return Some(Layout::Windows),
        _ => {}
    }
    let is = |name: &str| {
        desktop
            .split(':')
            .any(|part| part.eq_ignore_ascii_case(name))
    };
    if is("KDE") {
        return Some(Layout::Kde);
    }
    // Without a desktop (a server, ssh) there is nobody whose programs would look.
    (!desktop.is_empty() && has_schema()).then_some(Layout::Gnome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_says_which_store_it_has() {
        for (named, desktop, os, schema, layout) in [
            ("", "GNOME", "linux", true, Some(Layout::Gnome)),
            ("", "ubuntu:GNOME", "linux", true, Some(Layout::Gnome)),
            ("", "X-Cinnamon", "linux", true, Some(Layout::Gnome)),
            ("", "KDE", "linux", true, Some(Layout::Kde)),
            ("", "sway", "linux", false, None),
            ("", "", "linux", true, None),
            ("", "", "macos", false, Some(Layout::MacOs)),
            ("", "", "windows", false, Some(Layout::Windows)),
            ("none", "GNOME", "linux", true, None),
            ("gnome", "", "linux", false, Some(Layout::Gnome)),
        ] {
            let found = choose(named, desktop, os, || schema);
            assert_eq!(found, layout, "{named} {desktop} {os}");
        }
    }
}
