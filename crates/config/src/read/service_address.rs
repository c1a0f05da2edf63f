//! Where a service is that Privet asks: `unix:/path` or `tcp:host:port`.

use url::Url;

use super::upstreams::split_host_port;
use crate::backend_url::BackendUrl;
use crate::diagnose::DiagnosticCode;
use crate::model::{ServiceAddress, ServicePlace};
use crate::tree::{Value, quoted};

/// How a service is called in messages.
pub(super) struct Service {
    /// "a clamd".
    pub what: &'static str,
    /// Its address in both forms, as an example.
    pub form: &'static str,
}

/// `unix:/path` or `tcp:host:port`; "" is none.
pub(super) fn read(value: &Value<'_>, service: &Service) -> Option<ServiceAddress> {
    let text = value.string()?;
    if text.is_empty() {
        return None;
    }
    let unix = text.strip_prefix("unix:");
    let unix = unix.filter(|path| path.starts_with('/'));
    let tcp = text.strip_prefix("tcp:").filter(|address| {
        split_host_port(address).is_some_and(|(host, port)| !host.is_empty() && port.is_some())
    });
    let place = match (unix, tcp) {
        (Some(path), _) => Some(ServicePlace::Unix(path.into())),
        (None, Some(address)) => endpoint(address),
        (None, None) => None,
    };
    if let Some(place) = place {
        return Some(ServiceAddress {
            text: text.to_owned(),
            place,
        });
    }
    // It may be a URL with a password.
    value.hide_login(text);
    let shown = match text.contains('@') {
        true => format!("\"{}\"", value.key),
        false => quoted(text),
    };
    let cause = format!("{shown} is not an address of {}", service.what);
    value.refuse(DiagnosticCode::BadValue, cause, service.form);
    None
}

/// `HOST:PORT`.
pub(super) fn endpoint(address: &str) -> Option<ServicePlace> {
    let url = Url::parse(&format!("http://{address}")).ok()?;
    BackendUrl::new(&url).map(ServicePlace::Tcp)
}
