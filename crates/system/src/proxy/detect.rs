//! Chooses the proxy store of this session.

use super::gnome::Gnome;
use super::kde::Kde;
use super::macos::MacOs;
use super::settings::DesktopKind;
use super::store::ProxyStore;
use super::windows::Windows;

/// Environment variable that overrides the choice: "gnome", "kde", "macos", "windows" or "none".
pub const VARIABLE: &str = "PRIVET_SYSTEM_PROXY";

/// The store of this session; `None` where the desktop has no known proxy settings.
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

/// The store of a desktop, whatever the session is.
pub fn open(layout: DesktopKind) -> Option<Box<dyn ProxyStore>> {
    Some(match layout {
        DesktopKind::Gnome => Box::new(Gnome),
        DesktopKind::Kde => Box::new(Kde::of_user()?),
        DesktopKind::MacOs => Box::new(MacOs),
        DesktopKind::Windows => Box::new(Windows),
    })
}

fn choose(
    named: &str,
    desktop: &str,
    os: &str,
    has_schema: impl Fn() -> bool,
) -> Option<DesktopKind> {
    match named {
        "none" => return None,
        "gnome" => return Some(DesktopKind::Gnome),
        "kde" => return Some(DesktopKind::Kde),
        "macos" => return Some(DesktopKind::MacOs),
        "windows" => return Some(DesktopKind::Windows),
        _ => {}
    }
    match os {
        "macos" => return Some(DesktopKind::MacOs),
        "windows" => return Some(DesktopKind::Windows),
        _ => {}
    }
    let is = |name: &str| {
        desktop
            .split(':')
            .any(|part| part.eq_ignore_ascii_case(name))
    };
    if is("KDE") {
        return Some(DesktopKind::Kde);
    }
    // Without a desktop (a server, ssh) no program reads the settings.
    (!desktop.is_empty() && has_schema()).then_some(DesktopKind::Gnome)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_session_determines_the_store() {
        for (named, desktop, os, schema, layout) in [
            ("", "GNOME", "linux", true, Some(DesktopKind::Gnome)),
            ("", "ubuntu:GNOME", "linux", true, Some(DesktopKind::Gnome)),
            ("", "X-Cinnamon", "linux", true, Some(DesktopKind::Gnome)),
            ("", "KDE", "linux", true, Some(DesktopKind::Kde)),
            ("", "sway", "linux", false, None),
            ("", "", "linux", true, None),
            ("", "", "macos", false, Some(DesktopKind::MacOs)),
            ("", "", "windows", false, Some(DesktopKind::Windows)),
            ("none", "GNOME", "linux", true, None),
            ("gnome", "", "linux", false, Some(DesktopKind::Gnome)),
        ] {
            let found = choose(named, desktop, os, || schema);
            assert_eq!(found, layout, "{named} {desktop} {os}");
        }
    }
}
