//! Reports settings that are valid and have no effect in this version.

use crate::diagnose::DiagnosticCode;
use crate::tree::Table;

/// Warns at `key` if its value needs something that this version does not support.
pub(super) fn warn_not_served(table: &Table<'_>, key: &'static str, wanted: bool, what: &str) {
    if let Some(value) = table.get(key).filter(|_| wanted) {
        let cause = format!("{what} is not served by this version yet");
        value.warn(
            DiagnosticCode::NotServed,
            cause,
            "it stays off until a version that has it",
        );
    }
}
