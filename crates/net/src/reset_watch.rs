//! Notices that a peer reset its connection while nothing is read from it. A mere end of its stream (half-close) is no reset.

use std::io;
use std::task::{Context, Poll};

use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::Stream;

/// Watches one stream. Nothing is consumed.
#[derive(Default)]
pub struct ResetWatch {
    /// A second registration of the socket, made once bytes or an end wait in it: the first one reports each readiness
    /// once, and belongs to the reader.
    #[cfg(unix)]
    second: Option<TcpStream>,
}

impl ResetWatch {
    /// Ready once the peer has reset the connection. Never ready where no socket carries the stream. Registers the
    /// task for reading: not for a stream that another task reads.
    pub fn poll(&mut self, cx: &mut Context<'_>, stream: &mut Stream) -> Poll<io::Error> {
        let Some(stream) = stream.socket() else {
            return Poll::Pending;
        };
        #[cfg(unix)]
        if self.second.is_some() {
            return self.poll_second(cx);
        }
        loop {
            match stream.poll_read_ready(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                Poll::Ready(Ok(())) => {}
            }
            match peek(stream) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(error),
                Ok(_) => break,
            }
        }
        #[cfg(unix)]
        {
            let socket = socket2::SockRef::from(stream).try_clone();
            self.second = socket
                .and_then(|socket| TcpStream::from_std(socket.into()))
                .ok();
            self.poll_second(cx)
        }
        #[cfg(not(unix))]
        Poll::Pending
    }

    #[cfg(unix)]
    fn poll_second(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        // Absent: out of descriptors. The reset is then noticed by the next write.
        let Some(second) = &self.second else {
            return Poll::Pending;
        };
        loop {
            match second.take_error() {
                Ok(Some(error)) | Err(error) => return Poll::Ready(error),
                Ok(None) => {}
            }
            match second.poll_read_ready(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                // Only the next event tells more.
                Poll::Ready(Ok(())) => {
                    let _ = second.try_io(Interest::READABLE, || {
                        Err::<(), _>(io::ErrorKind::WouldBlock.into())
                    });
                }
            }
        }
    }
}

fn peek(stream: &TcpStream) -> io::Result<usize> {
    let mut byte = [std::mem::MaybeUninit::uninit(); 1];
    stream.try_io(Interest::READABLE, || {
        socket2::SockRef::from(stream).peek(&mut byte)
    })
}

/// Runs a future until it is ready, or until the peer of `stream` has reset its connection: then it is dropped.
///
/// # Errors
/// The stream's.
pub async fn unless_reset<T>(
    stream: &mut Stream,
    future: impl Future<Output = T>,
) -> Result<T, io::Error> {
    let mut watch = ResetWatch::default();
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| {
        if let Poll::Ready(value) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(value));
        }
        watch.poll(cx, stream).map(Err)
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    const SHORT: Duration = Duration::from_millis(200);

    #[tokio::test]
    async fn a_reset_is_noticed_after_data_and_a_half_close_and_these_are_no_reset() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (bytes, ends) in [(0, false), (3, false), (0, true), (3, true)] {
            let connecting = TcpStream::connect(listener.local_addr().unwrap());
            let (peer, accepted) = tokio::join!(connecting, listener.accept());
            let (mut peer, mut stream) = (peer.unwrap(), Stream::Tcp(accepted.unwrap().0));
            peer.write_all(&vec![b'x'; bytes]).await.unwrap();
            if ends {
                peer.shutdown().await.unwrap();
            }
            let Stream::Tcp(tcp) = &stream else {
                unreachable!()
            };
            let second = socket2::SockRef::from(tcp).try_clone().unwrap();
            let forever = std::future::pending::<()>();
            let mut watched = std::pin::pin!(unless_reset(&mut stream, forever));
            assert!(
                timeout(SHORT, &mut watched).await.is_err(),
                "{bytes} {ends}"
            );
            if ends {
                // It is gone, and what is written to it is answered by a reset.
                drop(peer);
                second.send(b"x").unwrap();
            } else {
                peer.set_zero_linger().unwrap();
                drop(peer);
            }
            let result = timeout(Duration::from_secs(10), watched).await;
            assert!(matches!(result, Ok(Err(_))), "{bytes} {ends}");
        }
    }
}
