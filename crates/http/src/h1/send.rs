//! Writes separate byte slices (a head, body data, an end) in few writes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

/// Writes `pieces` in order, starting at byte `sent` of all of them and advancing `sent`. Ready when everything is
/// written.
pub fn poll_send<S: AsyncWrite + Unpin>(
    cx: &mut Context<'_>,
    stream: &mut S,
    pieces: [&[u8]; 3],
    sent: &mut usize,
) -> Poll<io::Result<()>> {
    let whole: usize = pieces.iter().map(|piece| piece.len()).sum();
    while *sent < whole {
        let mut skip = *sent;
        let mut slices = [IoSlice::new(&[]); 3];
        let mut count = 0;
        for (slot, piece) in slices.iter_mut().zip(pieces) {
            let rest = piece.get(skip.min(piece.len())..).unwrap_or_default();
            skip = skip.saturating_sub(piece.len());
            *slot = IoSlice::new(rest);
            count += usize::from(!rest.is_empty());
        }
        let written = if count == 1 {
            let only = slices.iter().find(|slice| !slice.is_empty());
            let only: &[u8] = only.map_or(&[], |slice| slice);
            ready!(Pin::new(&mut *stream).poll_write(cx, only))?
        } else {
            ready!(Pin::new(&mut *stream).poll_write_vectored(cx, &slices))?
        };
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        *sent += written;
    }
    Poll::Ready(Ok(()))
}
