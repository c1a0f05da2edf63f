//! Sends bytes of a file to a socket: the kernel moves them, and the process sees none.

use std::fs::File;
use std::io;
use std::task::{Context, Poll};

use tokio::net::TcpStream;

/// Whether this system can.
pub const SENDS_FILES: bool = cfg!(target_os = "linux");

/// Sends up to `bytes` of `file` from `offset` on, as many as the socket takes.
///
/// # Errors
/// The socket or the file is broken, or the file is shorter.
#[cfg(target_os = "linux")]
pub fn poll_send_file(
    cx: &mut Context<'_>,
    socket: &TcpStream,
    file: &File,
    offset: u64,
    bytes: usize,
) -> Poll<io::Result<usize>> {
    use std::task::ready;

    use rustix::fs::sendfile;
    use tokio::io::Interest;

    let send = || loop {
        match sendfile(socket, file, Some(&mut { offset }), bytes) {
            Err(rustix::io::Errno::INTR) => {}
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            other => return Ok(other?),
        }
    };
    loop {
        ready!(socket.poll_write_ready(cx))?;
        match socket.try_io(Interest::WRITABLE, send) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return Poll::Ready(other),
        }
    }
}

/// Not on this system.
///
/// # Errors
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn poll_send_file(
    _: &mut Context<'_>,
    _: &TcpStream,
    _: &File,
    _: u64,
    _: usize,
) -> Poll<io::Result<usize>> {
    Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::future::poll_fn;
    use std::io::Write;

    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_file_arrives_as_it_is_and_a_short_one_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connecting = TcpStream::connect(listener.local_addr().unwrap());
        let (sender, accepted) = tokio::join!(connecting, listener.accept());
        let (sender, mut receiver) = (sender.unwrap(), accepted.unwrap().0);
        let mut file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
        file.write_all(&bytes).unwrap();
        let reading = tokio::spawn(async move {
            let mut got = vec![0; 2_999_000];
            receiver.read_exact(&mut got).await.unwrap();
            got
        });
        let mut at = 1000;
        while at < 3_000_000 {
            let rest = 3_000_000 - at;
            let send = |cx: &mut Context<'_>| poll_send_file(cx, &sender, &file, at as u64, rest);
            at += poll_fn(send).await.unwrap();
        }
        assert!(reading.await.unwrap() == bytes[1000..]);
        let behind = poll_fn(|cx| poll_send_file(cx, &sender, &file, 3_000_000, 1)).await;
        assert_eq!(behind.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
