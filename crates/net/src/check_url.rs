//! The page that a health check fetches.

use privet_policy::{Host, Target};
use privet_tls::Trust;

use crate::AbsoluteForm;
use crate::tls::TlsClient;

/// The URL of a health check.
#[derive(Clone)]
pub(crate) struct CheckUrl {
    pub(crate) target: Target,
    /// The value of `Host`: without the scheme's default port.
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) tls: Option<TlsClient>,
}

impl CheckUrl {
    /// # Errors
    /// Why the URL cannot be used, as a sentence.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let url = url::Url::parse(text).map_err(|error| format!("check url {text}: {error}"))?;
        let host = match url.host() {
            Some(url::Host::Domain(name)) => Host::Name(name.into()),
            Some(url::Host::Ipv4(ip)) => Host::Ip(ip.into()),
            Some(url::Host::Ipv6(ip)) => Host::Ip(ip.into()),
            None => return Err(format!("check url {text} names no host")),
        };
        let tls = match url.scheme() {
            "http" => None,
            "https" => Some(TlsClient::new(&host.to_string(), Trust::System)?),
            other => return Err(format!("check url {text}: {other} is not http or https")),
        };
        let port = url.port_or_known_default().unwrap_or(80);
        let target = Target { host, port };
        let authority = match url.port() {
            Some(_) => target.to_string(),
            None => url.host_str().unwrap_or_default().to_owned(),
        };
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        Ok(Self {
            target,
            authority,
            path,
            tls,
        })
    }

    pub(crate) fn request(&self, absolute: Option<&AbsoluteForm>) -> String {
        let mut head = String::from("GET ");
        if absolute.is_some() {
            head.push_str("http://");
            head.push_str(&self.authority);
        }
        head.push_str(&self.path);
        head.push_str(" HTTP/1.1\r\nHost: ");
        head.push_str(&self.authority);
        head.push_str("\r\nConnection: close\r\n");
        if let Some(authorization) = absolute.and_then(|form| form.authorization.as_deref()) {
            head.push_str("Proxy-Authorization: ");
            head.push_str(authorization);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        head
    }
}
