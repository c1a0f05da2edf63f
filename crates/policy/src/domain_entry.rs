//! Domains as users write them in rules and filters.

use crate::Host;
use crate::compile_error::CompileError;

/// The host of a domain entry; a leading `*.` or `.` is dropped, since the entry covers subdomains anyway. `what` names the
/// setting in the error.
pub(crate) fn domain_entry(what: &str, text: &str) -> Result<Host, CompileError> {
    let bare = text.trim();
    let bare = bare.strip_prefix("*.").unwrap_or(bare);
    let bare = bare.strip_prefix('.').unwrap_or(bare);
    Host::parse(bare).map_err(|cause| CompileError::Host {
        what: what.to_owned(),
        text: text.to_owned(),
        cause,
    })
}
