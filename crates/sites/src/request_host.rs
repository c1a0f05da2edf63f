//! The host that a request names, as its client sent it.

use std::borrow::Cow;

use privet_http::head::{Scheme, TargetForm};
use privet_http::service::Request;

/// The host as the client sent it: of `Host` where the target is a path, else of the URL (RFC 9112 section 3.2.2).
pub(crate) fn host_of<'a>(request: &Request<'a>) -> Cow<'a, [u8]> {
    let before_path = match request.head.form {
        TargetForm::Url { path } => (path.start as usize).checked_sub(1),
        TargetForm::Authority | TargetForm::Asterisk => None,
    };
    let is_path = before_path.and_then(|at| request.bytes.get(at)) == Some(&b' ');
    match request.head.host(request.bytes) {
        Some(host) if is_path => host.into(),
        _ => {
            let text = request.target.to_string();
            let usual = match request.head.scheme {
                Scheme::Https => ":443",
                _ => ":80",
            };
            let text = text.strip_suffix(usual).unwrap_or(&text);
            text.as_bytes().to_vec().into()
        }
    }
}
