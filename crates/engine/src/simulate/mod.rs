//! Simulates a request: what would happen to this target, asked for by this program and user.

pub(crate) mod from_file;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::SystemTime;

use privet_http::RequestedUrl;
use privet_http::head::Scheme;
use privet_net::ClientKey;
use privet_policy::{
    Addresses, App, Explanation, Host, Listener, Protocol, Request, Target, TargetError, explain,
};

use crate::snapshot::Snapshot;
use crate::supervise::lists::quote;

/// A request to simulate.
#[derive(Debug, Clone, Default)]
pub struct SimulatedRequest {
    /// `host:port`, or a URL.
    pub target: String,
    /// File name or full path of the program.
    pub app: Option<String>,
    pub user: Option<String>,
    /// The client's address; `None`: this machine.
    pub client: Option<IpAddr>,
    /// `None`: plain HTTP for an `http://` URL, else CONNECT.
    pub protocol: Option<Protocol>,
}

/// The address of a client: an IPv6 one with or without brackets, as in the connections table also with a port.
///
/// # Errors
/// The text is no address.
pub fn parse_client(text: &str) -> Result<IpAddr, String> {
    let with_port = text.parse().map(|address: SocketAddr| address.ip());
    let alone = || Host::parse(text).ok().and_then(|host| host.ip());
    let ip = with_port.ok().or_else(alone);
    ip.ok_or_else(|| format!("the client \"{text}\" is not an address"))
}

/// A protocol as rules write it.
///
/// # Errors
/// There is none of this name.
pub fn parse_protocol(text: &str) -> Result<Protocol, String> {
    Protocol::from_name(text).ok_or_else(|| {
        format!("the protocol \"{text}\" is none of socks4, socks5, udp, http and connect")
    })
}

impl SimulatedRequest {
    /// Explains the decision with the function that the engine decides by. Names are resolved only where the mode
    /// resolves locally. Lines of lists are quoted from their files.
    ///
    /// # Errors
    /// The target is neither `host:port` nor a URL.
    pub async fn explain(&self, snapshot: &Snapshot) -> Result<Explanation, TargetError> {
        let mut explained = self.decide(snapshot).await?;
        let texts = snapshot.list_texts.clone();
        let quoted = tokio::task::spawn_blocking(move || {
            quote(&mut explained, &texts);
            explained
        });
        match quoted.await {
            Ok(explained) => Ok(explained),
            Err(_) => self.decide(snapshot).await,
        }
    }

    async fn decide(&self, snapshot: &Snapshot) -> Result<Explanation, TargetError> {
        let read = self.read()?;
        let (target, protocol) = (read.target, self.protocol.unwrap_or(read.protocol));
        let app = self.app();
        let url = read.url.as_deref().filter(|_| protocol == Protocol::Http);
        let mut request = Request {
            listener: Listener::Mixed,
            client: SocketAddr::new(self.client.unwrap_or(Ipv4Addr::LOCALHOST.into()), 0),
            protocol,
            user: self.user.as_deref(),
            app: app.as_ref().into(),
            target: &target,
            addresses: Addresses::Unresolved,
            url,
            page: None,
            at: SystemTime::now(),
        };
        let first = explain(&request, &snapshot.policy);
        if !first.verdict.wants_addresses {
            return Ok(first);
        }
        let addresses = resolve(snapshot, &target).await;
        request.addresses = match &addresses {
            Some(addresses) => Addresses::from(addresses.as_slice()),
            None => Addresses::Failed,
        };
        Ok(explain(&request, &snapshot.policy))
    }

    /// The host that the target names; `None`: it names none.
    pub fn host(&self) -> Option<Host> {
        self.read().ok().map(|read| read.target.host)
    }

    fn read(&self) -> Result<ReadTarget, TargetError> {
        if self.target.contains("://") {
            return read_url(&self.target);
        }
        // A host alone means HTTPS; all of "::1:443" is an address.
        let target = match (Target::parse(&self.target), Host::parse(&self.target)) {
            (Ok(target), _) => target,
            (Err(_), Ok(host)) => Target { host, port: 443 },
            (Err(error), Err(_)) if self.target.contains(':') => return Err(error),
            (Err(_), Err(error)) => return Err(error.into()),
        };
        Ok(ReadTarget {
            target,
            protocol: Protocol::Connect,
            url: None,
        })
    }

    fn app(&self) -> Option<App> {
        let given = self.app.as_deref()?;
        let name = given.rsplit(['/', '\\']).next().unwrap_or(given);
        Some(App {
            name: name.into(),
            path: (name != given).then(|| given.into()),
            pid: 0,
            user: None,
        })
    }
}

/// What a request for a target is decided by.
struct ReadTarget {
    target: Target,
    protocol: Protocol,
    url: Option<String>,
}

/// Reads a URL as the proxy reads it in a request. A client sends no more of an `https` one than its host and port.
fn read_url(url: &str) -> Result<ReadTarget, TargetError> {
    if let Ok(read) = RequestedUrl::parse(url) {
        // Requests by FTP are decided without their URL.
        let is_ftp = read.scheme == Scheme::Ftp;
        return Ok(ReadTarget {
            target: read.target,
            protocol: Protocol::Http,
            url: (!is_ftp).then_some(read.url),
        });
    }
    let url = without_login(url);
    let target = Target::from_url(&url)?;
    let is_https = url
        .get(..8)
        .is_some_and(|start| start.eq_ignore_ascii_case("https://"));
    Ok(ReadTarget {
        target,
        protocol: if is_https {
            Protocol::Connect
        } else {
            Protocol::Http
        },
        url: Some(url),
    })
}

/// A URL without what stands before the first `@` of its authority; any other text as it is.
pub fn without_login(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let authority = rest.get(..end).unwrap_or_default();
    let skipped = authority.find('@').map_or(0, |at| at + 1);
    format!("{scheme}://{}", rest.get(skipped..).unwrap_or_default())
}

/// The addresses of the target's name; `None`: the look-up failed.
async fn resolve(snapshot: &Snapshot, target: &Target) -> Option<Vec<IpAddr>> {
    let (Some(permit), Host::Name(name)) = (snapshot.policy.permit(), &target.host) else {
        return None;
    };
    let dns = &snapshot.policy.mode().dns;
    let client = &ClientKey::ENGINE;
    let resolving = snapshot.dialer.resolve(&permit, dns, name, client);
    resolving.await.ok()
}
