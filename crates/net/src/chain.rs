//! A chain of hops, entry first: each hop is asked to connect to the next, the last one to the target.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use privet_config::Scheme;

use crate::hop::credentials::Credentials;
use crate::hop::isolation::IsolationKey;
use crate::hop::{self, HandshakeTimeouts, Hop, HopHandshake, socks5};
use crate::outbound_health::HealthRecord;
use crate::resolve::EntryResolver;
use crate::socket::entry;
use crate::tls;
use crate::{
    AbsoluteForm, Connected, DialError, DialErrorKind, DialRequest, DialTimings, HttpProxyMode,
    OwnListeners, Stream,
};

/// The hops of one upstream, entry first.
pub(crate) struct Chain {
    hops: Vec<Arc<Hop>>,
    last: Arc<Hop>,
    pub(crate) route_name: Arc<str>,
    pub(crate) record: HealthRecord,
}

/// A connection to the last hop of a chain, for requests other than CONNECT. Where the hop speaks SOCKS5, method and
/// login are done; no request was sent yet.
pub struct OpenChain {
    pub stream: Stream,
    /// The protocol of the last hop.
    pub last: Scheme,
    /// The number of hops. UDP to a last hop behind other hops would bypass those.
    pub hops: usize,
    pub local: Option<SocketAddr>,
    pub route: Arc<str>,
    pub timings: DialTimings,
}

/// What all chains share.
pub(crate) struct DialContext<'a> {
    pub(crate) own_listeners: &'a OwnListeners,
    pub(crate) resolver: &'a EntryResolver,
    pub(crate) isolation: &'a IsolationKey,
}

struct ReachedHop {
    stream: Stream,
    local: Option<SocketAddr>,
    timings: DialTimings,
    started: Instant,
}

impl Chain {
    /// `before`: the hops in front of the upstream, entry first. `last`: the upstream itself.
    pub(crate) fn new(before: Vec<Arc<Hop>>, last: Arc<Hop>) -> Self {
        let names: Vec<&str> = before.iter().chain([&last]).map(|hop| &*hop.name).collect();
        Self {
            route_name: names.join(" → ").into(),
            hops: before,
            last,
            record: HealthRecord::default(),
        }
    }

    pub(crate) fn last(&self) -> &Hop {
        &self.last
    }

    /// Whether both have the same hops with the same credentials, so that health may be taken over.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.hops.len() == other.hops.len()
            && self
                .all()
                .zip(other.all())
                .all(|(one, two)| one.is_same(two))
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Hop>> {
        self.hops.iter().chain([&self.last])
    }

    /// Connects to the request's target through every hop.
    pub(crate) async fn dial(
        &self,
        context: &DialContext<'_>,
        request: &DialRequest<'_>,
        timeouts: HandshakeTimeouts,
    ) -> Result<Connected, DialError> {
        let mut reached = self.reach_last(context, request, timeouts).await?;
        let isolated = context.isolation.credentials(&self.last, request);
        let login = isolated.as_ref().or(self.last.login.as_ref());
        let plain = matches!(self.last.scheme, Scheme::Http | Scheme::Https)
            && request.http_proxy == HttpProxyMode::AbsoluteForm;
        let (preread, absolute_form) = if plain {
            let authorization = login.map(|login| Arc::from(login.basic()));
            (Bytes::new(), Some(AbsoluteForm { authorization }))
        } else {
            let handshake = HopHandshake {
                hop: &self.last,
                login,
                target: request.target,
                addresses: request.addresses,
                timeouts,
            };
            (hop::connect(&handshake, &mut reached.stream).await?, None)
        };
        reached.timings.connect = Some(connect_time(&reached));
        Ok(Connected {
            stream: reached.stream,
            preread,
            local: reached.local,
            remote: None,
            route: self.route_name.clone(),
            timings: reached.timings,
            absolute_form,
            alpn: None,
        })
    }

    /// Connects to the last hop, ready for a request.
    pub(crate) async fn open(
        &self,
        context: &DialContext<'_>,
        request: &DialRequest<'_>,
        timeouts: HandshakeTimeouts,
    ) -> Result<OpenChain, DialError> {
        let mut reached = self.reach_last(context, request, timeouts).await?;
        if self.last.scheme == Scheme::Socks5 {
            let isolated = context.isolation.credentials(&self.last, request);
            let handshake = HopHandshake {
                hop: &self.last,
                login: isolated.as_ref().or(self.last.login.as_ref()),
                target: request.target,
                addresses: request.addresses,
                timeouts,
            };
            socks5::negotiate(&handshake, &mut reached.stream).await?;
        }
        reached.timings.connect = Some(connect_time(&reached));
        Ok(OpenChain {
            stream: reached.stream,
            last: self.last.scheme,
            hops: self.hops.len() + 1,
            local: reached.local,
            route: self.route_name.clone(),
            timings: reached.timings,
        })
    }

    /// Connects to the entry, asks each hop for the next one, and starts TLS where the next hop needs it.
    async fn reach_last(
        &self,
        context: &DialContext<'_>,
        request: &DialRequest<'_>,
        timeouts: HandshakeTimeouts,
    ) -> Result<ReachedHop, DialError> {
        let mut hops = self.all();
        let first = hops.next().unwrap_or(&self.last);
        let started = Instant::now();
        let (socket, dns) =
            entry::connect(&first.entry, context.own_listeners, context.resolver).await?;
        let mut reached = ReachedHop {
            local: socket.local_addr().ok(),
            stream: Stream::Tcp(socket),
            timings: DialTimings {
                dns,
                ..DialTimings::default()
            },
            started,
        };
        let mut here = first;
        reached.secure(here, timeouts.step).await?;
        for next in hops {
            let isolated: Option<Credentials> = context.isolation.credentials(here, request);
            let handshake = HopHandshake {
                hop: here,
                login: isolated.as_ref().or(here.login.as_ref()),
                target: &next.endpoint,
                addresses: &[],
                timeouts,
            };
            let excess = hop::connect(&handshake, &mut reached.stream)
                .await
                .map_err(|error| inside_the_chain(error, &next.name))?;
            if !excess.is_empty() {
                let text = format!("upstream {} spoke before it was asked", next.name);
                return Err(DialError::at(
                    &next.name,
                    DialErrorKind::UpstreamProtocol,
                    text,
                ));
            }
            here = next;
            reached.secure(here, timeouts.step).await?;
        }
        Ok(reached)
    }
}

impl ReachedHop {
    async fn secure(&mut self, hop: &Hop, wait: Duration) -> Result<(), DialError> {
        let Some(tls) = &hop.tls else {
            return Ok(());
        };
        let bare = std::mem::replace(
            &mut self.stream,
            Stream::Boxed(Box::pin(tokio::io::empty())),
        );
        let secured = tls::wrap(tls, bare, None, wait).await.map_err(|what| {
            let text = format!("TLS to upstream {} failed: {what}", hop.name);
            DialError::at(&hop.name, DialErrorKind::UpstreamDown, text)
        })?;
        self.stream = secured.stream;
        self.timings.tls = Some(self.timings.tls.unwrap_or_default() + secured.took);
        Ok(())
    }
}

fn connect_time(reached: &ReachedHop) -> Duration {
    let apart = reached.timings.dns.unwrap_or_default() + reached.timings.tls.unwrap_or_default();
    reached.started.elapsed().saturating_sub(apart)
}

/// A failure between two hops is the chain's fault, never the target's.
fn inside_the_chain(error: DialError, next: &Arc<str>) -> DialError {
    let kind = match error.kind {
        kind if kind.blames_upstream() => kind,
        DialErrorKind::Unsupported => DialErrorKind::Unsupported,
        _ => DialErrorKind::UpstreamDown,
    };
    DialError {
        kind,
        hop: error.hop,
        text: format!("on the way to upstream {next}: {}", error.text),
    }
}
