//! A plain request's way: decided, sent on a pooled or fresh upstream connection, sent once more if that was stale,
//! and what its outcome means for both connections.

use std::time::Duration;

use bytes::Bytes;
use privet_config::HeaderMode;
use privet_connection_log::CloseReason;
use privet_net::{DialError, DialErrorKind};
use socket2::SockRef;
use tokio::time::Instant;

use super::answer::shape;
use super::ask::{ask, consume, filled, write_page, write_url};
use super::exchange::{Exchange, State};
use super::origin::Origin;
use super::outcome::{Asked, Outcome};
use super::serve::{Connection, Next};
use super::work::Work;
use super::{pool, refuse};
use crate::body::pump::Out;
use crate::head::scan::Scan;
use crate::head::{Length, Method, RequestHead, Version};
use crate::headers::request::{self, Outward};
use crate::headers::via;
use crate::road::{Refusal, Road, Ticket};

impl<R: Road> Connection<'_, R> {
    pub(super) async fn forward(&mut self) -> Next {
        let work = self.work.get();
        write_url(&mut work.url, &work.head, filled(&self.inbound));
        write_page(&mut work.page, &work.head, filled(&self.inbound));
        let Some(wish) = ask(self.ends, &work.head, &work.url, &work.page, &self.user) else {
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
        let Some(wish) = ask(self.ends, &work.head, &work.url, &work.page, &self.user) else {
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
        // A policy that forbids this way came between deciding and here: not a byte goes out.
        if self.rows.get(row)?.row().cancelled().is_some() {
            return Some(Next::Close);
        }
        let work = self.work.get();
        // The head's bytes are needed again only if the request may have to be sent again.
        if !(origin.reused && asked.may_repeat) {
            consume(&mut self.inbound, std::mem::take(&mut work.head.len));
            if filled(&self.inbound).is_empty() {
                self.inbound = None;
            }
        }
        let exchange = Exchange {
            client: &mut self.client,
            inbound: &mut self.inbound,
            work,
            origin: &mut origin,
            live: self.rows.get(row)?,
            deadline: &mut self.deadline,
            idle_timeout: self.road.idle_timeout(),
            asked,
            opened: new.then(Instant::now),
            state: State::fresh(asked.keep_alive),
        };
        let outcome = exchange.run().await;
        if matches!(outcome, Outcome::Repeat) {
            return None;
        }
        if !matches!(outcome, Outcome::BadGateway { .. }) {
            let head = &mut self.work.get().head;
            consume(&mut self.inbound, std::mem::take(&mut head.len));
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
            page,
            ..
        } = self.work.get();
        let head = &*head;
        let buffer = filled(&self.inbound);
        let wish = ask(self.ends, head, url, page, &self.user)?;
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
                self.end_row(row, CloseReason::Broken, &text);
                self.answer_failure(status, reason, &text).await
            }
            Outcome::BadRequest(bad) => {
                self.end_row(row, CloseReason::Broken, &bad.to_string());
                refuse::send(&mut self.client, &refuse::bad_request(bad)).await;
                Next::Linger
            }
            Outcome::Broken { reset, text } => {
                self.end_row(row, CloseReason::Broken, &text);
                if reset {
                    let _ = SockRef::from(&self.client).set_linger(Some(Duration::ZERO));
                }
                Next::Close
            }
            Outcome::Idle => {
                self.end_row(row, CloseReason::Idle, "no byte moved for too long");
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

    fn end_row(&mut self, row: usize, end: CloseReason, error: &str) {
        if let Some(live) = self.rows.take(row) {
            live.close(end, Some(error.to_owned()));
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

fn asked(head: &RequestHead, mode: HeaderMode) -> Asked {
    Asked {
        is_head: head.method == Method::Head,
        modern: head.version == Version::Http11,
        keep_alive: head.keeps_alive(),
        upgrades: head.upgrades,
        may_repeat: head.method.is_idempotent() && !head.has_body(),
        mode,
    }
}
