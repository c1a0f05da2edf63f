//! Sends responses of the proxy itself, and closes so that they arrive.

use std::time::Duration;

use privet_net::Stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use crate::error_page::{self, ErrorPage, ResponseFormat};
use crate::head::BadRequest;
use crate::proxy_auth::CHALLENGE;
use privet_gateway::Refusal;
use privet_policy::Target;

/// The limit for a client to read such a response.
const WRITE: Duration = Duration::from_secs(10);
/// How long and how much is read from a client that still sends after the last response: closing at once would reset
/// the connection, and the response would be lost.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 256 * 1024;

/// Sends `bytes`; `false`: the client is gone or too slow.
pub async fn send(client: &mut Stream, bytes: &[u8]) -> bool {
    matches!(timeout(WRITE, client.write_all(bytes)).await, Ok(Ok(())))
}

/// Closes the connection after a response, reading what the client still sends for a while.
pub async fn linger(mut client: Stream) {
    if client.shutdown().await.is_err() {
        return;
    }
    let drain = async {
        let mut waste = vec![0; 4096];
        let mut left = LINGER_BYTES;
        while let Ok(count) = client.read(&mut waste).await {
            left = left.saturating_sub(count);
            if count == 0 || left == 0 {
                return;
            }
        }
    };
    let _ = timeout(LINGER, drain).await;
}

pub fn bad_request(bad: BadRequest) -> Vec<u8> {
    let text = format!("This request is not passed on: {bad}.");
    let reason = bad.to_string();
    let mut out = Vec::new();
    ErrorPage::new(bad.status(), &reason, &text, ResponseFormat::LAST).write(&mut out);
    out
}

pub fn authentication_required(format: ResponseFormat) -> Vec<u8> {
    let mut page = ErrorPage::new(
        407,
        "login wanted",
        "This proxy asks for a user name and a password.",
        format,
    );
    page.fields = CHALLENGE;
    let mut out = Vec::new();
    page.write(&mut out);
    out
}

/// The page for a refusal.
pub fn refusal(refusal: &Refusal, target: &Target, format: ResponseFormat) -> Vec<u8> {
    let mut out = Vec::new();
    match refusal {
        Refusal::Blocked(why) => {
            let text = error_page::sentence_for_block(why, target);
            let mut page = ErrorPage::new(403, &why.text, &text, format);
            page.hints = error_page::hints_for_block(why, target);
            page.write(&mut out);
        }
        Refusal::Failed(error) => {
            let status = error_page::status_for_dial(error.kind);
            let reason = error_page::reason_for_dial(error);
            let text = format!("{target} could not be reached: {error}");
            ErrorPage::new(status, reason, &text, format).write(&mut out);
        }
    }
    out
}

pub fn bad_gateway(status: u16, reason: &str, text: &str, format: ResponseFormat) -> Vec<u8> {
    let mut out = Vec::new();
    let reason = format!("{reason}: {text}");
    ErrorPage::new(status, &reason, text, format).write(&mut out);
    out
}
