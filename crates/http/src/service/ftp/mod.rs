//! `GET ftp://…`: fetches a file or a listing by FTP. Read only and passive only. Each request has a control connection of
//! its own and at most one data connection; both are decided on, dialed and recorded like any other.
//!
//! To the rest of the pipeline the control connection is an origin that speaks HTTP/1: [`open`] does everything up to the
//! response's head, and [`response::FtpResponse`] is the stream that the response is read from.

mod failure;
mod listing_page;
mod range;
mod request;
mod response;
mod session;

use bytes::Bytes;
use privet_gateway::{Gateway, RequestContext, RouteDecision};
use privet_net::{Connected, HttpProxyMode, Stream};

use self::failure::Failure;
use self::request::FtpRequest;
use self::session::Session;
use super::refusal_page::page_of;
use super::{OwnResponse, Request};

/// The response to a request that FTP cannot carry.
pub(super) fn refused(request: &Request<'_>) -> Option<OwnResponse> {
    FtpRequest::of(request).err().map(Failure::into_response)
}

/// Opens the control connection that was decided on, and asks for what the URL names.
///
/// # Errors
/// The response that says what failed.
pub(super) async fn open<G: Gateway>(
    gateway: &G,
    context: &RequestContext<'_>,
    decision: &RouteDecision,
    request: &Request<'_>,
) -> Result<Connected, OwnResponse> {
    let wanted = FtpRequest::of(request).map_err(Failure::into_response)?;
    let mode = HttpProxyMode::Connect;
    let dialed = gateway.dial(context, decision, mode).await;
    let connected = dialed.map_err(|refusal| page_of(refusal, context.target))?;
    let remote = connected.remote.map(|remote| remote.ip());
    let Connected {
        stream,
        preread,
        local,
        remote: address,
        route,
        timings,
        ..
    } = connected;
    let opened = |stream: Stream| Connected {
        stream,
        preread: Bytes::new(),
        local,
        remote: address,
        route,
        timings,
        absolute_form: None,
        alpn: None,
    };
    let session = Session::new(gateway, context, stream, &preread, remote);
    match session.fetch(&wanted).await {
        Ok(response) => Ok(opened(Stream::Boxed(Box::pin(response)))),
        Err(failure) => {
            // The connection stood, although no response came of it.
            let stood = opened(Stream::Boxed(Box::pin(tokio::io::empty())));
            let row = gateway.record(context, decision, &stood);
            let (reason, text) = failure.close_reason();
            row.close(reason, Some(text));
            Err(failure.into_response())
        }
    }
}
