//! What a header mode does with one field of a request.

use privet_config::HeaderMode;
use privet_policy::Target;

use super::write::{write_field, write_host};
use crate::head::{FieldKind, Scheme};

/// `User-Agent` in the minimal mode: the most common one, since it reveals the least.
pub const COMMON_USER_AGENT: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";
/// `Accept-Language` in the minimal mode.
pub const COMMON_LANGUAGE: &str = "en-US,en;q=0.5";

/// What happens to a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldAction {
    Keep,
    Drop,
    /// Keep the name, replace the value.
    Replace(&'static str),
    /// Reduce a `Referer` of another site to scheme and host.
    TrimToOrigin,
}

/// What a header mode does with an end-to-end field of a request.
pub fn field_action(mode: HeaderMode, kind: FieldKind) -> FieldAction {
    let minimal = mode == HeaderMode::Minimal;
    match kind {
        _ if mode == HeaderMode::Untouched => FieldAction::Keep,
        FieldKind::Via | FieldKind::Identity => FieldAction::Drop,
        FieldKind::Referer => FieldAction::TrimToOrigin,
        FieldKind::Hint | FieldKind::PrivacyPreference if minimal => FieldAction::Drop,
        FieldKind::UserAgent if minimal => FieldAction::Replace(COMMON_USER_AGENT),
        FieldKind::AcceptLanguage if minimal => FieldAction::Replace(COMMON_LANGUAGE),
        _ => FieldAction::Keep,
    }
}

/// Added to every request in the minimal mode: do not track, do not sell.
pub(super) fn write_privacy_preferences(out: &mut Vec<u8>) {
    out.extend_from_slice(b"DNT: 1\r\nSec-GPC: 1\r\n");
}

/// Writes a `Referer` for the reduced modes: unchanged within the target's host, only the origin from elsewhere,
/// nothing where it is not an http(s) URL.
pub(super) fn write_referer(out: &mut Vec<u8>, value: &[u8], target: &Target, scheme: Scheme) {
    let Some(origin) = origin_of(value) else {
        return;
    };
    let mut own = Vec::with_capacity(64);
    own.extend_from_slice(match scheme {
        Scheme::Https => b"https://",
        _ => b"http://",
    });
    write_host(&mut own, target, scheme);
    if origin.eq_ignore_ascii_case(&own) {
        write_field(out, b"Referer", value);
    } else {
        out.extend_from_slice(b"Referer: ");
        out.extend_from_slice(origin);
        out.extend_from_slice(b"/\r\n");
    }
}

/// `scheme://host[:port]` of an http(s) URL without user information.
pub(crate) fn origin_of(url: &[u8]) -> Option<&[u8]> {
    let is = |scheme: &[u8]| {
        url.get(..scheme.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(scheme))
            .then_some(scheme.len())
    };
    let start = is(b"http://").or_else(|| is(b"https://"))?;
    let rest = url.get(start..)?;
    let end = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?' | b'#'))
        .unwrap_or(rest.len());
    let host = rest.get(..end)?;
    (!host.is_empty() && !host.contains(&b'@')).then(|| url.get(..start + end))?
}
