//! The response to a request by FTP, as a stream that an HTTP/1 response is read from.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use privet_connection_log::{CloseReason, LiveConnection};
use privet_ftp::{Control, FtpError, Transfer};
use privet_net::{Stream, read_received};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::range::Part;
use crate::headers::write_number;

/// An open data connection. Its bytes are counted with the response, in the row of the control connection.
pub(super) struct Data {
    stream: Stream,
    preread: Bytes,
    row: Option<LiveConnection>,
}

impl Data {
    pub fn new(stream: Stream, preread: Bytes, row: LiveConnection) -> Self {
        row.exempt_from_idle();
        Self {
            stream,
            preread,
            row: Some(row),
        }
    }

    pub async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        AsyncReadExt::read(self, buffer).await
    }

    fn broke(&mut self, text: &str) {
        if let Some(row) = self.row.take() {
            row.close(CloseReason::Broken, Some(text.to_owned()));
        }
    }
}

impl AsyncRead for Data {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if let Some(row) = &this.row
            && row.poll_cancelled(cx).is_ready()
        {
            this.row = None;
            return Poll::Ready(Err(io::Error::other("the data connection was closed")));
        }
        if read_received(&mut this.preread, buf) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut this.stream).poll_read(cx, buf)
    }
}

/// The fields that depend on what is sent.
pub(super) struct ResponseHead {
    part: Option<Part>,
    length: Option<u64>,
    /// A listing, or a file whose size is known.
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Page,
    File { takes_ranges: bool },
}

impl ResponseHead {
    pub fn of_file(part: Option<Part>, size: Option<u64>) -> Self {
        Self {
            part,
            length: part.map(Part::length).or(size),
            kind: Kind::File {
                takes_ranges: size.is_some(),
            },
        }
    }

    pub fn of_page(length: Option<u64>) -> Self {
        Self {
            part: None,
            length,
            kind: Kind::Page,
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(match self.part {
            Some(_) => b"HTTP/1.1 206 Partial Content\r\n",
            None => b"HTTP/1.1 200 OK\r\n",
        });
        out.extend_from_slice(match self.kind {
            Kind::Page => {
                b"Content-Type: text/html; charset=utf-8\r\n\
                  Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n\
                  X-Content-Type-Options: nosniff\r\n"
            }
            Kind::File { .. } => b"Content-Type: application/octet-stream\r\n",
        });
        if self.kind == (Kind::File { takes_ranges: true }) {
            out.extend_from_slice(b"Accept-Ranges: bytes\r\n");
        }
        if let Some(Part { first, last, size }) = self.part {
            let field = format!("Content-Range: bytes {first}-{last}/{size}\r\n");
            out.extend_from_slice(field.as_bytes());
        }
        if let Some(length) = self.length {
            out.extend_from_slice(b"Content-Length: ");
            write_number(&mut out, length);
            out.extend_from_slice(b"\r\n");
        }
        // The control connection serves one request.
        out.extend_from_slice(b"Connection: close\r\n\r\n");
        out
    }
}

type Finishing = Pin<Box<dyn Future<Output = Result<(), FtpError>> + Send>>;

/// What follows the head.
enum Body {
    /// `left`: bytes that the head announces and that were not read yet; `None`: it announces no length.
    File {
        data: Data,
        left: Option<u64>,
        control: Option<(Control<Stream>, Transfer)>,
    },
    /// The file's end was seen; only the server's reply says that the file is complete.
    Finishing(Finishing, Data),
    Done,
}

/// The stream. What is written to it, the request, is dropped: it was read already.
pub(super) struct FtpResponse {
    head: Bytes,
    body: Body,
}

impl FtpResponse {
    /// A whole response.
    pub fn without_file(bytes: Vec<u8>) -> Self {
        Self {
            head: bytes.into(),
            body: Body::Done,
        }
    }

    /// A file, which is read from the data connection as the client reads it.
    pub fn with_file(
        head: &ResponseHead,
        data: Data,
        control: Control<Stream>,
        transfer: Transfer,
    ) -> Self {
        Self {
            head: head.bytes().into(),
            body: Body::File {
                data,
                left: head.length,
                control: Some((control, transfer)),
            },
        }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.body {
            Body::Done => Poll::Ready(Ok(())),
            Body::Finishing(finishing, data) => {
                let finished = ready!(finishing.as_mut().poll(cx));
                if let Err(error) = &finished {
                    data.broke(&error.to_string());
                }
                self.body = Body::Done;
                Poll::Ready(finished.map_err(io::Error::other))
            }
            Body::File {
                data,
                left,
                control,
            } => {
                let before = buf.filled().len();
                if let Err(error) = ready!(Pin::new(&mut *data).poll_read(cx, buf)) {
                    data.broke(&error.to_string());
                    return Poll::Ready(Err(error));
                }
                let mut count = (buf.filled().len() - before) as u64;
                if let Some(left) = left {
                    if count > *left {
                        // The file grew, or the client wants a part.
                        count = *left;
                        buf.set_filled(before + usize::try_from(count).unwrap_or_default());
                    }
                    *left -= count;
                }
                if count > 0 {
                    return Poll::Ready(Ok(()));
                }
                match (*left, control.take()) {
                    (None, Some((control, transfer))) => self.finish(control, transfer),
                    (Some(0) | None, _) => self.body = Body::Done,
                    (Some(_), _) => {
                        data.broke("the transfer broke off");
                        self.body = Body::Done;
                    }
                }
                self.poll_body(cx, buf)
            }
        }
    }

    /// Waits for the server's reply.
    fn finish(&mut self, mut control: Control<Stream>, transfer: Transfer) {
        let finishing: Finishing = Box::pin(async move {
            let finished = control.finish(transfer).await;
            control.quit().await;
            finished
        });
        let body = std::mem::replace(&mut self.body, Body::Done);
        if let Body::File { data, .. } = body {
            self.body = Body::Finishing(finishing, data);
        }
    }
}

impl privet_net::Duplex for FtpResponse {}

impl AsyncRead for FtpResponse {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if read_received(&mut this.head, buf) {
            return Poll::Ready(Ok(()));
        }
        this.poll_body(cx, buf)
    }
}

impl AsyncWrite for FtpResponse {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
