//! Simulates a request: what would happen to this target, asked for by this program and user.

pub(crate) mod from_file;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::SystemTime;

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
        let (target, usual) = self.target()?;
        let protocol = self.protocol.unwrap_or(usual);
        let app = self.app();
        let url = self
            .target
            .contains("://")
            .then_some(self.target.as_str())
            // Requests by FTP are decided without their URL.
            .filter(|url| protocol == Protocol::Http && !url.starts_with("ftp://"));
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

    fn target(&self) -> Result<(Target, Protocol), TargetError> {
        if self.target.starts_with("http://") {
            return Ok((Target::from_url(&self.target)?, Protocol::Http));
        }
        if self.target.starts_with("ftp://") {
            return Ok((Target::from_ftp_url(&self.target)?, Protocol::Http));
        }
        if self.target.contains("://") {
            return Ok((Target::from_url(&self.target)?, Protocol::Connect));
        }
        // A host alone means HTTPS; all of "::1:443" is an address.
        let target = match (Target::parse(&self.target), Host::parse(&self.target)) {
            (Ok(target), _) => target,
            (Err(_), Ok(host)) => Target { host, port: 443 },
            (Err(error), Err(_)) if self.target.contains(':') => return Err(error),
            (Err(_), Err(error)) => return Err(error.into()),
        };
        Ok((target, Protocol::Connect))
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
