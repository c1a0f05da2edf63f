//! What several of these tests need.

use privet_config::ListFormat;
use privet_policy::*;

pub fn list(format: ListFormat, text: &str) -> List {
    List::parse("list", text.as_bytes(), format).unwrap()
}

/// "block 3", "allow 1" or "-".
pub fn says(list: &List, host: &str) -> String {
    hit_text(list.matches(&Host::parse(host).unwrap(), None))
}

pub fn hit_text(hit: Option<ListHit>) -> String {
    match hit {
        Some(hit) if hit.allow => format!("allow {}", hit.line),
        Some(hit) => format!("block {}", hit.line),
        None => "-".into(),
    }
}

pub fn table(list: &List, rows: &[(&str, &str)]) {
    for (host, want) in rows {
        assert_eq!(says(list, host), *want, "{host}");
    }
}
