//! The loop of one client connection: a head, its answer, the next head; until it becomes a tunnel or ends.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use privet_config::HeaderMode;
use privet_ledger::{End, Live};
use privet_net::{DialError, DialErrorKind, Dialed};
use privet_policy::{Listener, Protocol, Target};
use socket2::SockRef;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::deadline::Deadline;
use super::exchange::{Asked, Exchange, Outcome};
use super::origin::Origin;
use super::rows::Rows;
use super::work::{Lent, Work};
use super::{own, pool, refuse};
use crate::body::Buffer;
use crate::body::pump::Out;
use crate::head::scan::Scan;
use crate::head::{BadRequest, Form, Length, Method, RequestHead};
use crate::headers::request::{self, Outward};
use crate::headers::{via, write_host};
use crate::login::Login;
use crate::page::Shape;
use crate::road::{Ask, Refusal, Road, Ticket};

/// The longest body of a refused request that is read and thrown away to keep the connection.
const MAX_DRAINED: u64 = 64 * 1024;
/// How long that may take.
const DRAIN: Duration = Duration::from_secs(5);
const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// How a client connection ended, as far as HTTP goes.
#[allow(clippy::large_enum_variant)] // moved once, at the end of a handshake
pub enum Served {
    /// After CONNECT or 101: bytes are to be relayed. `ahead` came from the client already and has to be written to the
    /// far end first; the client has had its answer.
    Tunnel {
        client: TcpStream,
        ahead: Bytes,
        dialed: Dialed,
        live: Live,
    },
    /// It is closed.
    Done,
}

/// Serves one client connection. `first`: what was read of it already. `local`: our address that it reached.
///
/// The whole first head has to be there by `deadline`; a later one has [`Road::handshake_timeout`] from its first byte.
pub fn serve<'a, R: Road>(
    client: TcpStream,
    first: &[u8],
    deadline: Instant,
    local: SocketAddr,
    peer: SocketAddr,
    listener: Listener,
    road: &'a R,
) -> impl Future<Output = Served> + Send + use<'a, R> {
    let mut inbound = Buffer::lend();
    let all = inbound.append(first) == first.len();
    let connection = Connection {
        client,
        road,
        ends: Ends {
            local,
            peer,
            listener,
        },
        inbound: Some(inbound),
        work: Lent::none(),
        rows: Rows::default(),
        deadline: Deadline::at(deadline),
        waits: Wait::Head,
        login: Login::default(),
        user: None,
    };
    Box::pin(async move {
        if all {
            connection.run().await
        } else {
            Served::Done
        }
    })
}

/// Both addresses of the client connection and where it came in.
#[derive(Clone, Copy)]
struct Ends {
    local: SocketAddr,
    peer: SocketAddr,
    listener: Listener,
}

/// What the deadline stands for while a head is awaited.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// Not set yet.
    Unset,
    /// For the first byte of a next request.
    Idle,
    /// For the whole head.
    Head,
}

struct Connection<'a, R> {
    client: TcpStream,
    road: &'a R,
    ends: Ends,
    inbound: Option<Buffer>,
    work: Lent,
    rows: Rows,
    deadline: Deadline,
    waits: Wait,
    login: Login,
    user: Option<Arc<str>>,
}

/// What comes after an answer.
enum Next {
    Request,
    Close,
    /// The client may still be sending.
    Linger,
    Tunnel {
        ahead: Bytes,
        dialed: Box<Dialed>,
        live: Live,
    },
}

impl<R: Road> Connection<'_, R> {
    async fn run(mut self) -> Served {
        loop {
            let next = match poll_fn(|cx| self.poll_head(cx)).await {
                Ok(true) => self.answer().await,
                Ok(false) => Next::Close,
                Err(bad) => {
                    refuse::send(&mut self.client, &refuse::bad_request(bad)).await;
                    Next::Linger
                }
            };
            match next {
                Next::Request => self.waits = Wait::Unset,
                Next::Close => return Served::Done,
                Next::Linger => {
                    self.inbound = None;
                    self.work.give_back();
                    refuse::linger(self.client).await;
                    return Served::Done;
                }
                Next::Tunnel {
                    ahead,
                    dialed,
                    live,
                } => {
                    return Served::Tunnel {
                        client: self.client,
                        ahead,
                        dialed: *dialed,
                        live,
                    };
                }
            }
        }
    }

    /// Waits for a whole head. `false`: the client closed, or was silent for too long between requests.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, BadRequest>> {
        loop {
            if let Some(buffer) = &self.inbound
                && !buffer.is_empty()
            {
                let work = self.work.get();
                if work.head.parse(buffer.filled(), &mut work.scan)? {
                    return Poll::Ready(Ok(true));
                }
                if self.waits != Wait::Head {
                    self.waits = Wait::Head;
                    self.deadline.set(self.road.handshake_timeout());
                }
            }
            let buffer = self.inbound.get_or_insert_with(Buffer::lend);
            match buffer.poll_fill(cx, &mut self.client) {
                Poll::Ready(Ok(count)) if count > 0 => {}
                Poll::Ready(_) => return Poll::Ready(Ok(false)),
                Poll::Pending if buffer.is_empty() => {
                    self.inbound = None;
                    self.work.give_back();
                    break;
                }
                Poll::Pending => break,
            }
        }
        if self.waits == Wait::Unset {
            self.waits = Wait::Idle;
            self.deadline.set(self.road.idle_timeout());
        }
        if self.rows.poll_cancelled(cx).is_ready() {
            return Poll::Ready(Ok(false));
        }
        match self.deadline.poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(()) if self.inbound.is_some() => Poll::Ready(Err(BadRequest::Timeout)),
            Poll::Ready(()) => {
                self.rows.end(End::Idle, None);
                Poll::Ready(Ok(false))
            }
        }
    }

    /// Answers the request whose head stands in `work`.
    async fn answer(&mut self) -> Next {
        if self.road.asks_login() {
            let head = &self.work.get().head;
            let filled = filled(&self.inbound);
            let value = head.proxy_authorization.map(|span| span.of_buffer(filled));
            let ip = self.ends.peer.ip();
            match self.login.check(self.road, ip, value).await {
                Some(user) => self.user = Some(user),
                None => {
                    return self.reply(refuse::login_wanted).await;
                }
            }
        }
        let head = &self.work.get().head;
        if head.method == Method::Connect {
            return self.connect().await;
        }
        let close = !head.keeps_alive() || !may_drain(head);
        let mut out = Vec::new();
        if own::answer(&mut out, head, filled(&self.inbound), close) {
            return self.reply(|_| out).await;
        }
        self.forward().await
    }

    /// Sends an answer of our own, made by `write`, and gets rid of the request's body.
    async fn reply(&mut self, write: impl FnOnce(Shape) -> Vec<u8>) -> Next {
        let head = &self.work.get().head;
        let ahead = filled(&self.inbound).len() > head.len;
        // Bytes behind a refused CONNECT may belong to the tunnel that it did not get.
        let tunnel = head.method == Method::Connect && ahead;
        let close = !head.keeps_alive() || !may_drain(head) || tunnel;
        let bytes = write(shape(head, close));
        let (len, body) = (head.len, head.body);
        if !refuse::send(&mut self.client, &bytes).await {
            return Next::Close;
        }
        if close {
            return Next::Linger;
        }
        consume(&mut self.inbound, len);
        match body {
            Length::Known(left) if left > 0 => self.drain(left).await,
            _ => Next::Request,
        }
    }

    /// Reads a small body and throws it away.
    async fn drain(&mut self, mut left: u64) -> Next {
        let (client, inbound) = (&mut self.client, &mut self.inbound);
        let drained = timeout(
            DRAIN,
            poll_fn(|cx| {
                loop {
                    let buffer = inbound.get_or_insert_with(Buffer::lend);
                    let here = (buffer.filled().len() as u64).min(left);
                    buffer.consume(here as usize);
                    left -= here;
                    if left == 0 {
                        return Poll::Ready(true);
                    }
                    match buffer.poll_fill(cx, client) {
                        Poll::Pending => return Poll::Pending,
                        Poll::Ready(Ok(count)) if count > 0 => {}
                        Poll::Ready(_) => return Poll::Ready(false),
                    }
                }
            }),
        );
        match drained.await {
            Ok(true) => Next::Request,
            _ => Next::Close,
        }
    }

    async fn connect(&mut self) -> Next {
        let work = self.work.get();
        let Some(ask) = ask(self.ends, &work.head, &work.url, &self.user) else {
            return Next::Close;
        };
        let opened = match self.road.decide(&ask).await {
            Ok(ticket) => match Box::pin(self.road.dial(&ask, &ticket, false)).await {
                Ok(dialed) => Ok((self.road.book(&ask, &ticket, &dialed), dialed)),
                Err(refusal) => Err(refusal),
            },
            Err(refusal) => Err(refusal),
        };
        let (live, dialed) = match opened {
            Ok(opened) => opened,
            Err(refusal) => return self.refuse(refusal).await,
        };
        let ahead = filled(&self.inbound)
            .get(work.head.len..)
            .map(Bytes::copy_from_slice)
            .unwrap_or_default();
        self.inbound = None;
        self.work.give_back();
        if !refuse::send(&mut self.client, ESTABLISHED).await {
            live.end(End::Broken, Some("the client went away".into()));
            return Next::Close;
        }
        Next::Tunnel {
            ahead,
            dialed: Box::new(dialed),
            live,
        }
    }

    async fn refuse(&mut self, refusal: Refusal) -> Next {
        let Some(target) = self.work.get().head.target.clone() else {
            return Next::Close;
        };
        self.reply(|shape| refuse::refusal(&refusal, &target, shape))
            .await
    }

    async fn forward(&mut self) -> Next {
        let work = self.work.get();
        write_url(&mut work.url, &work.head, filled(&self.inbound));
        let Some(wish) = ask(self.ends, &work.head, &work.url, &self.user) else {
            return Next::Close;
        };
        let ticket = match self.road.decide(&wish).await {
            Ok(ticket) => ticket,
            Err(refusal) => return self.refuse(refusal).await,
        };
        if ticket.headers == HeaderMode::Untouched
            && via::has_passed_here(&work.head, filled(&self.inbound))
        {
            let text = "This request passed this proxy before: it goes round in a circle.";
            return self
                .reply(|shape| refuse::bad_gateway(508, "loop", text, shape))
                .await;
        }
        let asked = asked(&work.head, ticket.headers);
        let pooled = pool::take(ticket.key, wish.target, !asked.may_repeat);
        let mut pooled = pooled;
        loop {
            let fresh = pooled.is_none();
            let origin = match pooled.take() {
                Some(origin) => origin,
                None => match self.dial(&ticket).await {
                    Ok(origin) => origin,
                    Err(refusal) => return self.refuse(refusal).await,
                },
            };
            match self.exchange(origin, &ticket, asked).await {
                Some(next) => return next,
                None if fresh => return Next::Close,
                None => {}
            }
        }
    }

    async fn dial(&mut self, ticket: &Ticket) -> Result<Origin, Refusal> {
        let work = self.work.get();
        let Some(wish) = ask(self.ends, &work.head, &work.url, &self.user) else {
            return Err(Refusal::Blocked(ticket.why.clone()));
        };
        // Boxed: it happens once for many requests, and is the largest future of all.
        let dialed = Box::pin(self.road.dial(&wish, ticket, true)).await?;
        if !dialed.prefix.is_empty() {
            return Err(Refusal::Failed(spoke_first()));
        }
        Ok(Origin::new(dialed, wish.target.clone(), ticket.key))
    }

    /// Sends the request on `origin`. `None`: the connection was stale, and nothing is lost.
    async fn exchange(
        &mut self,
        mut origin: Origin,
        ticket: &Ticket,
        asked: Asked,
    ) -> Option<Next> {
        let (row, new) = self.prepare(&origin, ticket)?;
        let work = self.work.get();
        let (len, has_body) = (work.head.len, work.head.has_body());
        if has_body {
            consume(&mut self.inbound, len);
        }
        let exchange = Exchange::new(
            &mut self.client,
            &mut self.inbound,
            work,
            &mut origin,
            self.rows.get(row)?,
            &mut self.deadline,
            self.road.idle_timeout(),
            asked,
            new.then(Instant::now),
        );
        let outcome = exchange.run().await;
        if matches!(outcome, Outcome::Repeat) {
            return None;
        }
        if !has_body && !matches!(outcome, Outcome::BadGateway { .. }) {
            consume(&mut self.inbound, len);
        }
        Some(self.conclude(outcome, origin, row).await)
    }

    /// Books the row and writes the head for the far end.
    fn prepare(&mut self, origin: &Origin, ticket: &Ticket) -> Option<(usize, bool)> {
        let Work {
            head,
            up,
            reply_scan,
            url,
            ..
        } = self.work.get();
        let head = &*head;
        let buffer = filled(&self.inbound);
        let wish = ask(self.ends, head, url, &self.user)?;
        let road = self.road;
        let mut new = false;
        let row = self
            .rows
            .find_or_book(ticket.key, wish.target, &origin.dialed.route, || {
                new = true;
                road.book(&wish, ticket, &origin.dialed)
            });
        let outward = Outward {
            target: wish.target,
            mode: ticket.headers,
            proxy: origin.dialed.absolute_form.as_ref(),
        };
        let out = match head.body {
            Length::Chunked => Out::Chunked,
            _ => Out::Plain,
        };
        up.before.clear();
        request::write(&mut up.before, head, buffer, &outward);
        up.start(head.body, out);
        *reply_scan = Scan::default();
        Some((row, new))
    }

    async fn conclude(&mut self, outcome: Outcome, origin: Origin, row: usize) -> Next {
        match outcome {
            Outcome::Done {
                keep_client,
                keep_origin,
            } => {
                let uploaded = self.work.get().up.is_done();
                if keep_origin {
                    pool::give(origin);
                }
                match (keep_client, uploaded) {
                    (true, _) => Next::Request,
                    (false, true) => Next::Close,
                    (false, false) => Next::Linger,
                }
            }
            Outcome::Switched => self.switch(origin, row),
            Outcome::BadGateway {
                status,
                reason,
                text,
            } => {
                self.end_row(row, End::Broken, &text);
                self.answer_failure(status, reason, &text).await
            }
            Outcome::BadRequest(bad) => {
                self.end_row(row, End::Broken, &bad.to_string());
                refuse::send(&mut self.client, &refuse::bad_request(bad)).await;
                Next::Linger
            }
            Outcome::Broken { reset, text } => {
                self.end_row(row, End::Broken, &text);
                if reset {
                    let _ = SockRef::from(&self.client).set_linger(Some(Duration::ZERO));
                }
                Next::Close
            }
            Outcome::Idle => {
                self.end_row(row, End::Idle, "no byte moved for too long");
                Next::Close
            }
            Outcome::Repeat | Outcome::Cancelled => Next::Close,
        }
    }

    fn switch(&mut self, origin: Origin, row: usize) -> Next {
        let ahead = Bytes::copy_from_slice(filled(&self.inbound));
        match self.rows.take(row) {
            Some(live) => Next::Tunnel {
                ahead,
                dialed: Box::new(origin.dialed),
                live,
            },
            None => Next::Close,
        }
    }

    async fn answer_failure(&mut self, status: u16, reason: &'static str, text: &str) -> Next {
        let head = &self.work.get().head;
        if head.has_body() {
            let page = refuse::bad_gateway(status, reason, text, shape(head, true));
            refuse::send(&mut self.client, &page).await;
            return Next::Linger;
        }
        self.reply(|shape| refuse::bad_gateway(status, reason, text, shape))
            .await
    }

    fn end_row(&mut self, row: usize, end: End, error: &str) {
        if let Some(live) = self.rows.take(row) {
            live.end(end, Some(error.to_owned()));
        }
    }
}

/// Bytes that come before the request are no answer to it.
fn spoke_first() -> DialError {
    DialError {
        kind: DialErrorKind::UpstreamProtocol,
        hop: None,
        text: "the server spoke before it was asked".into(),
    }
}

fn filled(inbound: &Option<Buffer>) -> &[u8] {
    inbound.as_ref().map(Buffer::filled).unwrap_or_default()
}

fn consume(inbound: &mut Option<Buffer>, len: usize) {
    if let Some(buffer) = inbound {
        buffer.consume(len);
    }
}

/// Whether the connection can go on after a refusal: the body is absent or small and on its way.
fn may_drain(head: &RequestHead) -> bool {
    match head.body {
        Length::None => true,
        Length::Known(length) => length <= MAX_DRAINED && !head.expects_continue,
        Length::Chunked | Length::UntilClose => false,
    }
}

fn shape(head: &RequestHead, close: bool) -> Shape {
    Shape {
        close,
        head_only: head.method == Method::Head,
        json: head.wants_json,
    }
}

/// Writes the URL as it was understood, so that no spelling of it hides from a filter.
fn write_url(out: &mut Vec<u8>, head: &RequestHead, buffer: &[u8]) {
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

fn ask<'b>(
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

fn asked(head: &RequestHead, mode: HeaderMode) -> Asked {
    Asked {
        is_head: head.method == Method::Head,
        modern: head.version == crate::head::Version::Http11,
        keep_alive: head.keeps_alive(),
        upgrades: head.upgrades,
        may_repeat: head.method.is_idempotent() && !head.has_body(),
        mode,
    }
}
