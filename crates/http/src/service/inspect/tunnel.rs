//! An inspected tunnel: who opened it, and what is known of its target.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use privet_connection_log::CloseReason;
use privet_gateway::{Gateway, RequestContext, RouteDecision};
use privet_net::{Connected, HttpProxyMode};
use privet_policy::{Inspection, Listener, Protocol, Target};
use privet_tls::Alpn;
use privet_tls::inspection::OriginError;

use super::fault_page::OriginFault;
use super::inspected_fetch::InspectedFetch;
use super::origins::{OriginCheck, Origins};
use crate::service::{OriginProtocol, OwnResponse};

/// Who opened a tunnel, and where it leads.
#[derive(Clone)]
pub struct TunnelContext {
    pub listener: Listener,
    pub client: SocketAddr,
    pub local: SocketAddr,
    pub protocol: Protocol,
    pub user: Option<Arc<str>>,
    pub target: Target,
}

impl TunnelContext {
    pub fn of(context: &RequestContext<'_>) -> Self {
        Self {
            listener: context.listener,
            client: context.client,
            local: context.local,
            protocol: context.protocol,
            user: context.user.cloned(),
            target: context.target.clone(),
        }
    }

    /// The tunnel as a whole.
    pub fn context(&self) -> RequestContext<'_> {
        RequestContext {
            listener: self.listener,
            client: self.client,
            local: self.local,
            protocol: self.protocol,
            user: self.user.as_ref(),
            target: &self.target,
            url: None,
            page: None,
        }
    }
}

/// An inspected tunnel. Requests are decided with the protocol of the tunnel, so that the rules that chose its route hold.
pub struct InspectedTunnel<G> {
    pub gateway: G,
    pub tunnel: TunnelContext,
    /// `None`: what passes is plain HTTP.
    origins: Option<Arc<Origins>>,
    origin: Mutex<Origin>,
}

/// What is known of the tunnel's target.
enum Origin {
    Good {
        protocol: OriginProtocol,
        /// The connection by which the certificate was judged, for the first request.
        ready: Option<Box<CheckedOrigin>>,
    },
    Bad(OriginFault),
}

struct CheckedOrigin {
    connected: Connected,
    policy_generation: u64,
    /// Route, isolation and identity: another one must not use the connection.
    pool_key: u64,
}

/// The origin asks for a certificate of the client: the tunnel passes untouched.
#[derive(Debug, Clone, Copy)]
pub struct AsksForCertificate;

impl<G: Gateway> InspectedTunnel<G> {
    /// A tunnel with plain HTTP in it.
    pub fn plain(gateway: G, tunnel: TunnelContext) -> Self {
        Self {
            gateway,
            tunnel,
            origins: None,
            origin: Mutex::new(Origin::Good {
                protocol: OriginProtocol::Http1,
                ready: None,
            }),
        }
    }

    /// Judges the target's certificate before the client is shown ours: from memory, or by a connection. What is wrong is what
    /// every request is answered with.
    ///
    /// # Errors
    /// The target asks for a certificate of the client, and nothing demands inspection.
    pub async fn reach(
        gateway: G,
        tunnel: TunnelContext,
        decision: &RouteDecision,
        origins: Arc<Origins>,
    ) -> Result<Self, AsksForCertificate> {
        let origin = match origins.check(decision.pool_key, &tunnel.target) {
            Some(OriginCheck::Good(protocol)) => Origin::Good {
                protocol,
                ready: None,
            },
            Some(OriginCheck::Bad(faults)) => Origin::Bad(OriginFault::Certificate(faults)),
            None => judge(&gateway, &tunnel, decision, &origins).await?,
        };
        if let Origin::Bad(fault) = &origin
            && let Some(text) = fault.record(&tunnel.target)
        {
            let context = tunnel.context();
            gateway.record_refused_tunnel(&context, decision, CloseReason::Failed, text);
        }
        Ok(Self {
            gateway,
            tunnel,
            origins: Some(origins),
            origin: Mutex::new(origin),
        })
    }

    /// Whether the certificate is not acceptable, or the target not reachable.
    pub fn is_refused(&self) -> bool {
        matches!(*self.origin(), Origin::Bad(_))
    }

    fn origin(&self) -> MutexGuard<'_, Origin> {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The protocol of the target, or what keeps requests from it.
    pub(super) fn protocol(&self) -> Result<OriginProtocol, OwnResponse> {
        match &*self.origin() {
            Origin::Good { protocol, .. } => Ok(*protocol),
            Origin::Bad(fault) => Err(fault.page(&self.tunnel.target)),
        }
    }

    pub(super) fn take_ready(&self, fetch: &InspectedFetch) -> Option<Connected> {
        let Origin::Good { protocol, ready } = &mut *self.origin() else {
            return None;
        };
        if fetch.protocol != *protocol {
            return None;
        }
        let ready = ready.take()?;
        let (then, now) = (&ready, &fetch.decision);
        let is_same =
            then.policy_generation == now.policy_generation && then.pool_key == now.pool_key;
        is_same.then_some(ready.connected)
    }

    /// TLS on a new connection to the target.
    pub(super) async fn secure(
        &self,
        connected: Connected,
        fetch: &InspectedFetch,
    ) -> Result<Connected, OwnResponse> {
        let Some(origins) = &self.origins else {
            return Ok(connected);
        };
        let target = &self.tunnel.target;
        let alpn: &[Alpn] = match fetch.protocol {
            OriginProtocol::Http2 => &[Alpn::H2, Alpn::Http11],
            OriginProtocol::Http1 => &[Alpn::Http11],
        };
        let key = fetch.decision.pool_key;
        match origins.connect(key, target, connected, alpn).await {
            Ok((connected, protocol)) => {
                if protocol != fetch.protocol {
                    *self.origin() = Origin::Good {
                        protocol,
                        ready: None,
                    };
                }
                Ok(connected)
            }
            Err(error) => {
                let fault = OriginFault::from(error);
                let page = fault.page(target);
                if matches!(fault, OriginFault::Certificate(_)) {
                    *self.origin() = Origin::Bad(fault);
                }
                Err(page)
            }
        }
    }
}

/// Dials the target and runs the handshake.
async fn judge<G: Gateway>(
    gateway: &G,
    tunnel: &TunnelContext,
    decision: &RouteDecision,
    origins: &Origins,
) -> Result<Origin, AsksForCertificate> {
    let context = tunnel.context();
    let connected = match gateway
        .dial(&context, decision, HttpProxyMode::Connect)
        .await
    {
        Ok(connected) => connected,
        Err(refusal) => return Ok(Origin::Bad(OriginFault::Unreachable(Arc::new(refusal)))),
    };
    let alpn = [Alpn::H2, Alpn::Http11];
    let key = decision.pool_key;
    let demanded = Inspection::Inspect { demanded: true };
    match origins.connect(key, &tunnel.target, connected, &alpn).await {
        Ok((connected, protocol)) => Ok(Origin::Good {
            protocol,
            ready: Some(Box::new(CheckedOrigin {
                connected,
                policy_generation: decision.policy_generation,
                pool_key: key,
            })),
        }),
        Err(OriginError::AsksForCertificate) if decision.treatment.inspection != demanded => {
            Err(AsksForCertificate)
        }
        Err(error) => Ok(Origin::Bad(error.into())),
    }
}
