//! Reads what a call left of its request's body: a client that is still sending gets the answer, and the connection goes on.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::response::Response;
use http::{HeaderValue, Request, StatusCode, header};
use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};

/// Most bytes that are read after an answer was made.
const MAX_DRAINED: u64 = crate::extract::MAX_BODY as u64;
/// Longest time for it.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// A request's body, which can be read on after the call has dropped it.
#[derive(Clone)]
pub(crate) struct RequestBody(Arc<Mutex<State>>);

struct State {
    body: Incoming,
    /// The client was asked for the body (RFC 9110 section 10.1.1).
    was_read: bool,
    ended: bool,
}

impl RequestBody {
    /// The request with a body of this kind, and the body once more.
    pub(crate) fn wrap(request: Request<Incoming>) -> (Request<Self>, Self) {
        let (parts, body) = request.into_parts();
        let ended = body.is_end_stream();
        let body = Self(Arc::new(Mutex::new(State {
            body,
            was_read: false,
            ended,
        })));
        (Request::from_parts(parts, body.clone()), body)
    }

    /// Reads the rest of the body before the answer is sent. Where that is not possible, the answer says that the connection
    /// closes (RFC 9112 section 9.6).
    pub(crate) async fn finish(&self, mut answer: Response, awaits_continue: bool) -> Response {
        if !self.drain(answer.status(), awaits_continue).await {
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(header::CONNECTION, close);
        }
        answer
    }

    /// Whether the whole body has arrived.
    async fn drain(&self, status: StatusCode, awaits_continue: bool) -> bool {
        let Ok((ended, was_read, left)) = self.0.lock().map(|state| {
            let left = state.body.size_hint().lower();
            (state.ended, state.was_read, left)
        }) else {
            return false;
        };
        if ended {
            return true;
        }
        // Reading would ask a client for its body that waits for the answer. After a time-out there was time enough.
        let is_slow = status == StatusCode::REQUEST_TIMEOUT;
        if (awaits_continue && !was_read) || is_slow || left > MAX_DRAINED {
            return false;
        }
        let reading = async {
            let (mut body, mut read) = (self.clone(), 0);
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else { return false };
                read += frame.data_ref().map_or(0, |data| data.len() as u64);
                if read > MAX_DRAINED {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(DRAIN_TIMEOUT, reading).await == Ok(true)
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Ok(mut state) = self.0.lock() else {
            return Poll::Ready(None);
        };
        state.was_read = true;
        let polled = Pin::new(&mut state.body).poll_frame(context);
        state.ended |= matches!(polled, Poll::Ready(None)) || state.body.is_end_stream();
        polled.map_err(axum::Error::new)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().is_ok_and(|state| state.ended)
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.0.lock().map(|state| state.body.size_hint());
        hint.unwrap_or_default()
    }
}
