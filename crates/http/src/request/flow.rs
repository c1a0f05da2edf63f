//! Decides who responds to a request: the proxy itself (authentication, refusals, `Max-Forwards`), a tunnel, or the
//! origin.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use privet_connection_log::LiveConnection;
use privet_gateway::TunnelInspector;
use privet_net::Connected;

use super::client_state::ClientState;
use super::live_connections::LiveConnections;
use super::scratch::Scratch;
use super::urls::{write_page, write_url};
use crate::body::KeptBody;
use crate::cache::observer::Observer;
use crate::exchange::downstream::unless_gone;
use crate::exchange::{Deadline, Downstream, Observed};
use crate::head::{BodyLength, Method, RequestHead, ResponseHead, TargetForm};
use crate::respond::local_response;
use crate::scanning::Scans;
use crate::service::{
    ConnectionInfo, OwnResponse, Plan, Request, ResponseFormat, Service, Session,
};
use crate::upstream::pinned::PinnedOrigins;

/// The longest body of a refused request that is read, to keep the connection.
const MAX_DRAINED: u64 = 64 * 1024;

/// One request, with what its client connection lends it.
pub struct RequestFlow<'a, S, D> {
    pub service: &'a S,
    pub info: ConnectionInfo,
    pub client: &'a mut D,
    pub head: &'a RequestHead,
    /// The request's URL in normal form: host in lower case, without the default port.
    pub url: &'a mut String,
    /// The host of the page that caused the request; empty where the request does not name it.
    pub page: &'a mut String,
    pub reply: &'a mut ResponseHead,
    pub observed: &'a mut Observed,
    pub session: &'a mut Session,
    pub live_connections: &'a mut LiveConnections,
    pub pinned: &'a mut PinnedOrigins,
    pub deadline: &'a mut Deadline,
    /// Looks at the response of the origin.
    pub observer: Option<Observer>,
    pub kept: KeptBody,
    pub scans: Scans,
}

/// The [`Request`] of a flow. A macro, since it borrows some fields while others are changed.
macro_rules! request {
    ($flow:expr, $bytes:expr) => {
        $crate::request::flow::request_of(
            $flow.info,
            $flow.session.user.as_ref(),
            $flow.head,
            $bytes,
            $flow.url,
            $flow.page,
        )
    };
}
pub(crate) use request;

/// `None`: the request has no target.
pub(crate) fn request_of<'a>(
    connection: ConnectionInfo,
    user: Option<&'a Arc<str>>,
    head: &'a RequestHead,
    bytes: &'a [u8],
    url: &'a str,
    page: &'a str,
) -> Option<Request<'a>> {
    let target = head.target.as_ref()?;
    let url = match &head.form {
        TargetForm::Url { .. } => Some(url).filter(|url| !url.is_empty()),
        TargetForm::Authority | TargetForm::Asterisk => None,
    };
    let page = url.and(Some(page));
    Some(Request {
        connection,
        user,
        head,
        bytes,
        target,
        url,
        page: page.filter(|page| !page.is_empty()),
    })
}

/// What follows a response.
pub enum NextStep {
    Request,
    Close,
    /// Close, after reading what the client may still be sending.
    Linger,
    Tunnel {
        preread: Bytes,
        connected: Box<Connected>,
        live: LiveConnection,
    },
    Inspect {
        preread: Bytes,
        inspector: TunnelInspector,
    },
}

impl<'a, S: Service, D: Downstream> RequestFlow<'a, S, D> {
    /// The flow of the request whose head is in `scratch`.
    pub fn new(
        service: &'a S,
        info: ConnectionInfo,
        client: &'a mut D,
        scratch: &'a mut Scratch,
        state: &'a mut ClientState,
    ) -> Self {
        Self {
            service,
            info,
            client,
            head: &scratch.head,
            url: &mut scratch.url,
            page: &mut scratch.page,
            reply: &mut scratch.reply,
            observed: &mut scratch.observed,
            session: &mut state.session,
            live_connections: &mut state.live_connections,
            pinned: &mut state.pinned,
            deadline: &mut state.deadline,
            observer: None,
            kept: KeptBody::default(),
            scans: Scans::default(),
        }
    }

    /// Responds to the request.
    pub async fn run(mut self) -> NextStep {
        let bytes = self.client.head_bytes();
        let admitted = self
            .service
            .admit(self.session, self.info, self.head, bytes);
        if let Err(response) = admitted.await {
            return self.reply(response).await;
        }
        self.url.clear();
        self.page.clear();
        self.observed.start();
        if self.head.method != Method::Connect {
            let bytes = self.client.head_bytes();
            let close = !self.head.keeps_alive() || !may_drain(self.head);
            let mut out = Vec::new();
            if local_response::answer(&mut out, self.head, bytes, close) {
                return self.reply(Box::new(|_| out)).await;
            }
            write_url(self.url, self.head, bytes);
            write_page(self.page, self.head, bytes);
        }
        match self.plan().await {
            Some(Plan::Respond(response)) => self.reply(response).await,
            Some(Plan::Tunnel(fetch)) => self.tunnel(fetch).await,
            Some(Plan::Inspect(inspector)) => self.inspect(inspector).await,
            Some(Plan::Fetch(fetch)) => self.fetch(fetch).await,
            None => NextStep::Close,
        }
    }

    /// `None`: the client is gone, or the request has no target.
    async fn plan(&mut self) -> Option<Plan<S::Fetch>> {
        let (bytes, watch) = self.client.head_and_watch();
        let request = request!(self, bytes)?;
        // Pinned here: passing a future on by value copies it.
        unless_gone(watch, pin!(self.service.plan(&request)))
            .await
            .ok()
    }

    /// Sends a response that was made here, and drops the request's body.
    pub(crate) async fn reply(&mut self, response: OwnResponse) -> NextStep {
        let head = self.head;
        let preread = self.client.head_bytes().len() > head.len;
        // Bytes behind a refused CONNECT may belong to the tunnel.
        let tunnel = head.method == Method::Connect && preread;
        // Of a body that was sent on, an unknown part is left.
        let close = !head.keeps_alive() || !may_drain(head) || tunnel || self.kept.is_on();
        if !self.client.send(&response(format(head, close))).await {
            return NextStep::Close;
        }
        if close {
            return NextStep::Linger;
        }
        self.client.release_head();
        match head.body {
            BodyLength::Known(left) if left > 0 => match self.client.drain(left).await {
                true => NextStep::Request,
                false => NextStep::Close,
            },
            _ => NextStep::Request,
        }
    }
}

/// Whether the connection can be kept after a refusal: there is no body, or a small one that the client sends anyway.
fn may_drain(head: &RequestHead) -> bool {
    match head.body {
        BodyLength::None => true,
        BodyLength::Known(length) => length <= MAX_DRAINED && !head.expects_continue,
        BodyLength::Chunked | BodyLength::UntilClose => false,
    }
}

pub(super) fn format(head: &RequestHead, close: bool) -> ResponseFormat {
    ResponseFormat {
        close,
        head_only: head.method == Method::Head,
        json: head.wants_json,
    }
}
