//! What the road is asked about a request, and the bytes it was read from.

use std::sync::Arc;

use privet_policy::{Protocol, Target};

use super::serve::Ends;
use crate::body::Buffer;
use crate::head::{Form, RequestHead};
use crate::headers::write_host;
use crate::road::Ask;

pub(super) fn ask<'b>(
    ends: Ends,
    head: &'b RequestHead,
    url: &'b [u8],
    user: &'b Option<Arc<str>>,
) -> Option<Ask<'b>> {
    let target: &Target = head.target.as_ref()?;
    let url = match &head.form {
        Form::Absolute { .. } => std::str::from_utf8(url).ok(),
        Form::Authority | Form::Asterisk => None,
    };
    Some(Ask {
        listener: ends.listener,
        client: ends.peer,
        local: ends.local,
        protocol: if url.is_some() {
            Protocol::Http
        } else {
            Protocol::Connect
        },
        user: user.as_ref(),
        target,
        url,
    })
}

/// Writes the URL as it was understood, so that no spelling of it hides from a filter.
pub(super) fn write_url(out: &mut Vec<u8>, head: &RequestHead, buffer: &[u8]) {
    out.clear();
    if let (Form::Absolute { path, .. }, Some(target)) = (&head.form, &head.target) {
        out.extend_from_slice(b"http://");
        write_host(out, target);
        let path = path.of_buffer(buffer);
        if path.first() != Some(&b'/') {
            out.push(b'/');
        }
        out.extend_from_slice(path);
    }
}

pub(super) fn filled(inbound: &Option<Buffer>) -> &[u8] {
    inbound.as_ref().map(Buffer::filled).unwrap_or_default()
}

pub(super) fn consume(inbound: &mut Option<Buffer>, len: usize) {
    if let Some(buffer) = inbound {
        buffer.consume(len);
    }
}
