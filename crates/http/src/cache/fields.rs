//! The fields of a request and of a response as the rules of the cache read them.

use privet_cache::Fields;
use privet_config::HeaderMode;

use crate::head::{FieldKind, RequestHead};
use crate::headers::header_mode::{self, FieldAction};
use crate::headers::request::is_for_this_hop;

/// The fields of a request as its client sent them.
#[derive(Clone, Copy)]
pub struct ClientFields<'a> {
    pub head: &'a RequestHead,
    pub bytes: &'a [u8],
}

impl Fields for ClientFields<'_> {
    fn for_each<'f>(&'f self, visit: &mut dyn FnMut(&'f [u8], &'f [u8])) {
        for field in &self.head.fields {
            visit(
                field.name.of_buffer(self.bytes),
                field.value.of_buffer(self.bytes),
            );
        }
        if let Some(value) = &self.head.authorization {
            visit(b"Authorization", value.as_bytes());
        }
    }
}

/// The fields of a request as an origin gets them, which is what `Vary` names. A `Referer` that is reduced to its origin is
/// seen without its path.
#[derive(Clone, Copy)]
pub struct SentFields<'a> {
    pub client: ClientFields<'a>,
    pub mode: HeaderMode,
    /// Field lines of a site that say who asks; `None` for the forward proxy.
    pub site: Option<&'a [u8]>,
}

impl Fields for SentFields<'_> {
    fn for_each<'f>(&'f self, visit: &mut dyn FnMut(&'f [u8], &'f [u8])) {
        let ClientFields { head, bytes } = self.client;
        for field in &head.fields {
            let name = field.name.of_buffer(bytes);
            if is_for_this_hop(field.kind, head) || head.connection.names(name, bytes) {
                continue;
            }
            if self.site.is_some() && field.kind == FieldKind::Identity {
                continue;
            }
            let value = field.value.of_buffer(bytes);
            match header_mode::field_action(self.mode, field.kind) {
                FieldAction::Keep => visit(name, value),
                FieldAction::Drop => {}
                FieldAction::Replace(with) => visit(name, with.as_bytes()),
                FieldAction::TrimToOrigin => {
                    if let Some(origin) = header_mode::origin_of(value) {
                        visit(name, origin);
                    }
                }
            }
        }
        if let Some(value) = &head.authorization {
            visit(b"Authorization", value.as_bytes());
        }
        for line in self.site.unwrap_or_default().split(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let colon = memchr::memchr(b':', line);
            if let Some((name, value)) = colon.and_then(|at| line.split_at_checked(at)) {
                visit(name, value.get(1..).unwrap_or_default().trim_ascii());
            }
        }
    }
}
