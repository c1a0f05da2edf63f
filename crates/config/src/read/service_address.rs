//! Where a service is that Privet asks: `unix:/path`, `tcp:host:port` or, for some services, `tls:host:port`.

use url::Url;

use super::upstreams::split_host_port;
use crate::backend_url::BackendUrl;
use crate::diagnose::DiagnosticCode;
use crate::model::{ServiceAddress, ServiceEndpoint};
use crate::tree::{Value, quoted};

/// How a service is called in messages.
pub(super) struct ServiceKind {
    /// "a clamd".
    pub what: &'static str,
    /// Its address in all forms, as an example.
    pub form: &'static str,
    /// Whether it may be asked over TLS.
    pub tls: bool,
}

/// `unix:/path`, `tcp:host:port` or `tls:host:port`; "" is none.
pub(super) fn read(value: &Value<'_>, service: &ServiceKind) -> Option<ServiceAddress> {
    let text = value.string()?;
    if text.is_empty() {
        return None;
    }
    let unix = text.strip_prefix("unix:");
    let unix = unix.filter(|path| path.starts_with('/'));
    let host_and_port = |prefix| {
        let address = text.strip_prefix(prefix)?;
        let (host, port) = split_host_port(address)?;
        (!host.is_empty() && port.is_some()).then_some(address)
    };
    let endpoint = match (unix, host_and_port("tcp:"), host_and_port("tls:")) {
        (Some(path), _, _) => Some(ServiceEndpoint::Unix(path.into())),
        (_, Some(address), _) => endpoint("http", address),
        (_, _, Some(address)) if service.tls => endpoint("https", address),
        _ => None,
    };
    if let Some(endpoint) = endpoint {
        return Some(ServiceAddress {
            text: text.to_owned(),
            endpoint,
        });
    }
    // It may be a URL with a password.
    value.redact_login(text);
    let shown = match text.contains('@') {
        true => format!("\"{}\"", value.key),
        false => quoted(text),
    };
    let cause = format!("{shown} is not an address of {}", service.what);
    value.refuse(DiagnosticCode::BadValue, cause, service.form);
    None
}

/// `HOST:PORT`; with the scheme `https` over TLS.
pub(super) fn endpoint(scheme: &str, address: &str) -> Option<ServiceEndpoint> {
    let url = Url::parse(&format!("{scheme}://{address}")).ok()?;
    BackendUrl::new(&url).map(ServiceEndpoint::Tcp)
}
