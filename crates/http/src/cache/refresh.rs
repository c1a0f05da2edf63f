//! Asks an origin in the background whether a stored response still holds (`stale-while-revalidate`, RFC 5861): the same
//! request without a client. The store that machines share is asked first, as for any other request.

use std::io;
use std::task::{Context, Poll};

use bytes::Bytes;
use privet_cache::rules::cache_status::Forward;
use privet_cache::{Entry, FillPermit, OnError};
use tokio::time::Instant;

use super::fill::Audience;
use super::shared_store::{AskResult, AskedShared};
use super::status::Failure;
use crate::body::{BodyError, BodySink, BodySource, Piece, SourceError};
use crate::exchange::downstream::ClientWatch;
use crate::exchange::{Deadline, Downstream};
use crate::head::ResponseHead;
use crate::headers::response::{ResponseRewrite, StoredResponse};
use crate::request::RequestFlow;
use crate::request::client_state::ClientState;
use crate::request::scratch::Scratch;
use crate::service::{Service, Session};

impl<S: Service, D: Downstream> RequestFlow<'_, S, D> {
    /// Sends this request to its origin on a task of its own. Its response is for the store alone.
    pub(super) fn refresh(&self, mut fetch: S::Fetch, entry: Entry, permit: FillPermit) {
        let service = self.service.clone();
        let info = self.info;
        let mut client = BackgroundClient::new(self.client.head_bytes());
        let mut scratch = Scratch {
            head: self.head.clone(),
            url: self.url.clone(),
            page: self.page.clone(),
            ..Scratch::default()
        };
        let session = Session::of_user(self.session.user.clone());
        tokio::spawn(async move {
            let deadline = Deadline::at(Instant::now() + service.timeouts().idle);
            let mut state = ClientState::new(session, deadline);
            let mut flow = RequestFlow::new(&service, info, &mut client, &mut scratch, &mut state);
            flow.run_refresh(&mut fetch, entry, permit).await;
        });
    }
}

impl<S: Service> RequestFlow<'_, S, BackgroundClient> {
    async fn run_refresh(&mut self, fetch: &mut S::Fetch, entry: Entry, permit: FillPermit) {
        use super::fill_observer::FillOutcome;
        use super::observer::Observer;
        use crate::request::fetched::Fetched;
        let mut asked = AskedShared::default();
        // Another machine may have refreshed it; what the origin says is written for the others.
        let asking = self.ask_shared_store(fetch, permit, &mut asked);
        let AskResult::Nothing(permit) = Box::pin(asking).await else {
            return;
        };
        let held = Some((entry, OnError::Never));
        let fill_observer =
            self.fill_observer(fetch, permit, Forward::Stale, held, Audience::Store);
        let Some(fill_observer) = fill_observer else {
            return;
        };
        self.observer = Some(fill_observer.into());
        let fetched = Box::pin(self.fetch_from_origin(fetch)).await;
        let Some(Observer::Fill(mut fill_observer)) = self.observer.take() else {
            return;
        };
        match (fetched, fill_observer.taken.take()) {
            // The row stays open as long as the body arrives.
            (Fetched::Taken(row), Some(FillOutcome::Stored { control, .. })) => {
                if let (Some(control), Some(live)) = (control, self.live_connections.take(row)) {
                    control.adopt(live);
                }
            }
            (Fetched::Failed(..), _) => drop(fill_observer.failed(Failure::Origin)),
            _ => {}
        }
    }
}

/// The client of a background request: it sends no body and discards what it is sent.
pub struct BackgroundClient {
    head: Bytes,
}

impl BackgroundClient {
    fn new(head: &[u8]) -> Self {
        Self {
            head: Bytes::copy_from_slice(head),
        }
    }
}

impl Downstream for BackgroundClient {
    type Source<'a> = NoBody;
    type Sink<'a> = NoBody;
    type Watch<'a> = NoBody;

    const HTTP_2: bool = false;

    fn head_bytes(&self) -> &[u8] {
        &self.head
    }

    fn head_and_watch(&mut self) -> (&[u8], NoBody) {
        (&self.head, NoBody)
    }

    fn detach_head(&mut self) {}

    fn release_head(&mut self) {}

    fn limit_body(&mut self, _: u64) {}

    fn source(&mut self) -> NoBody {
        NoBody
    }

    fn sink(&mut self) -> NoBody {
        NoBody
    }

    fn start_response(&mut self, _: &ResponseHead, _: &[u8], _: &ResponseRewrite<'_>) -> u64 {
        0
    }

    fn start_stored(&mut self, _: &StoredResponse<'_>) -> u64 {
        0
    }

    async fn send(&mut self, _: &[u8]) -> bool {
        false
    }

    async fn accept_tunnel(&mut self) -> bool {
        false
    }

    async fn drain(&mut self, _: u64) -> bool {
        false
    }

    fn take_preread(&mut self) -> Bytes {
        Bytes::new()
    }

    fn reset(&mut self) {}
}

/// No body, and nowhere to write one.
pub struct NoBody;

impl BodySource for NoBody {
    fn next_piece(&mut self) -> Result<bool, BodyError> {
        Ok(true)
    }

    fn poll_read(&mut self, _: &mut Context<'_>) -> Poll<Result<(), SourceError>> {
        Poll::Ready(Ok(()))
    }

    fn piece(&self) -> &[u8] {
        &[]
    }

    fn consume(&mut self) {}

    fn is_done(&self) -> bool {
        true
    }

    fn trailers(&self) -> &[u8] {
        &[]
    }
}

impl BodySink for NoBody {
    fn has_queued(&self) -> bool {
        false
    }

    fn frame(&mut self, _: &[u8], _: Option<&[u8]>) -> Result<Piece, BodyError> {
        Ok(Piece::Borrowed)
    }

    fn poll_write(&mut self, _: &mut Context<'_>, _: &[u8], _: &mut u64) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn has_started(&self) -> bool {
        false
    }
}

impl ClientWatch for NoBody {
    fn poll_gone(&mut self, _: &mut Context<'_>) -> Poll<io::Error> {
        Poll::Pending
    }
}
