//! The status of the engine in one sentence.

use privet_api::status::Status;

use crate::view::{PAUSE_MODE, TrayInputs};

/// Maximum of characters in a menu label.
const MAX_LABEL: usize = 64;

/// The sentence that the window's title and its first page show too.
pub(crate) fn status_line(inputs: &TrayInputs<'_>) -> String {
    let mode = &inputs.status.mode;
    let then = mode.then.as_deref().zip(mode.until_ms);
    let then = then.map(|(then, until)| {
        format!(
            "{} in {}",
            mode_label(then),
            time_left(until, inputs.now_ms)
        )
    });
    match then {
        Some(then) if mode.name == PAUSE_MODE => format!("Paused · {then}"),
        None if inputs.is_paused() => "Paused · until restart".to_owned(),
        then => {
            let state = if mode.name == PAUSE_MODE {
                "Passing all through"
            } else {
                "On"
            };
            let then = then.map_or_else(String::new, |then| format!(" · {then}"));
            format!(
                "{state} · {} · {}{then}",
                mode_label(&mode.name),
                route_label(inputs.status)
            )
        }
    }
}

/// A mode's name to show: the built-in ones are capitalised.
fn mode_label(mode: &str) -> &str {
    match mode {
        "off" => "Off",
        "standard" => "Standard",
        "strict" => "Strict",
        own => own,
    }
}

/// The time until `until_ms`, rounded up to minutes.
pub(crate) fn time_left(until_ms: u64, now_ms: u64) -> String {
    let minutes = until_ms.saturating_sub(now_ms).div_ceil(60_000).max(1);
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

fn route_label(status: &Status) -> String {
    let route = &status.route;
    let health = match route.healthy {
        Some(false) => " · route is down".to_owned(),
        _ => route
            .latency_ms
            .map_or_else(String::new, |ms| format!(" · {ms:.0} ms")),
    };
    match route.name.as_str() {
        "direct" => "direct".to_owned(),
        "none" => "no route".to_owned(),
        name => format!("via {name}{health}"),
    }
}

/// Cuts text that would make the menu too wide.
pub(crate) fn shortened(text: &str) -> String {
    if text.chars().count() <= MAX_LABEL {
        return text.to_owned();
    }
    let cut: String = text.chars().take(MAX_LABEL - 1).collect();
    format!("{cut}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_rounded_up() {
        for (ms, text) in [
            (1, "1 min"),
            (60_000, "1 min"),
            (60_001, "2 min"),
            (3_600_000, "1 h"),
            (5_400_000, "1 h 30 min"),
        ] {
            assert_eq!(time_left(ms, 0), text);
        }
    }
}
