//! One command and its reply on a connection: a reply may begin, or come, before the whole command was sent.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// How long a reply may take after the other side stopped reading.
const AFTER_BREAK: Duration = Duration::from_secs(1);

/// Sends `pieces` and receives what `receive` reads, both at once. The flag: everything was sent before the end of the reply.
/// `io`: how long the other side may take no byte.
///
/// # Errors
/// The connection broke, the other side took nothing for too long, or the reply is malformed.
pub async fn exchange<W, T>(
    mut to: W,
    pieces: &[&[u8]],
    io: Duration,
    receive: impl Future<Output = io::Result<T>>,
) -> io::Result<(T, bool)>
where
    W: AsyncWrite + Unpin,
{
    let sending = async {
        for piece in pieces {
            send(&mut to, piece, io).await?;
        }
        timeout(io, to.flush()).await.map_err(|_| stalled())?
    };
    let mut receive = std::pin::pin!(receive);
    let mut sending = std::pin::pin!(sending);
    let sent = tokio::select! {
        biased;
        reply = &mut receive => return Ok((reply?, false)),
        sent = &mut sending => sent,
    };
    match sent {
        Ok(()) => Ok((receive.await?, true)),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(error),
        Err(error) => match timeout(AFTER_BREAK, receive).await {
            Ok(Ok(reply)) => Ok((reply, false)),
            _ => Err(error),
        },
    }
}

/// Each byte that the other side takes begins the wait anew.
async fn send<W>(to: &mut W, mut piece: &[u8], io: Duration) -> io::Result<()>
where
    W: AsyncWrite + Unpin,
{
    while !piece.is_empty() {
        let sending = timeout(io, to.write(piece)).await;
        let sent = sending.map_err(|_| stalled())??;
        if sent == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        piece = piece.get(sent..).unwrap_or_default();
    }
    Ok(())
}

fn stalled() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "it stopped taking the body")
}

/// Reads until `end` was read, at most `most` bytes.
///
/// # Errors
/// The stream ends before, or there is no end within `most` bytes.
pub async fn read_until<R: AsyncRead + Unpin>(
    from: &mut R,
    end: &[u8],
    most: usize,
) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    while !out.ends_with(end) {
        if out.len() >= most {
            let text = "the scanner's reply is too long";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        // Replies are short; nothing behind one may be taken.
        out.push(from.read_u8().await?);
    }
    Ok(out)
}

pub fn invalid(text: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.into())
}
