//! Writes separate byte slices (a head, body data, an end; or a head and many blocks) in few writes.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use privet_cache::FilePart;
use privet_net::Stream;
use privet_net::send_file::poll_send_file;
use smallvec::SmallVec;
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

/// As [`poll_send`], for `head` and the part of a file behind it.
pub fn poll_send_with_file(
    cx: &mut Context<'_>,
    stream: &mut Stream,
    head: &[u8],
    file: &FilePart,
    sent: &mut usize,
) -> Poll<io::Result<()>> {
    ready!(poll_send(cx, stream, [head, &[], &[]], sent))?;
    let Stream::Tcp(socket) = stream else {
        return Poll::Ready(Err(io::ErrorKind::Unsupported.into()));
    };
    loop {
        let done = (*sent - head.len()) as u64;
        let left = usize::try_from(file.len - done).unwrap_or(usize::MAX);
        if left == 0 {
            return Poll::Ready(Ok(()));
        }
        let place = file.offset + done;
        *sent += ready!(poll_send_file(cx, socket, &file.file, place, left))?;
    }
}

/// Slices of one write that need no memory of their own.
const SLICES: usize = 18;

/// As [`poll_send`], for `first` and the blocks behind it.
pub fn poll_send_blocks<S: AsyncWrite + Unpin>(
    cx: &mut Context<'_>,
    stream: &mut S,
    first: [&[u8]; 2],
    blocks: &[Bytes],
    sent: &mut usize,
) -> Poll<io::Result<()>> {
    loop {
        let mut skip = *sent;
        let pieces = first
            .into_iter()
            .chain(blocks.iter().map(|block| &block[..]));
        let rests = pieces.filter_map(|piece| {
            let rest = piece.get(skip.min(piece.len())..).unwrap_or_default();
            skip = skip.saturating_sub(piece.len());
            (!rest.is_empty()).then(|| IoSlice::new(rest))
        });
        let slices: SmallVec<[IoSlice<'_>; SLICES]> = rests.collect();
        if slices.is_empty() {
            return Poll::Ready(Ok(()));
        }
        match ready!(Pin::new(&mut *stream).poll_write_vectored(cx, &slices))? {
            0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            written => *sent += written,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncReadExt;

    use super::*;

    #[tokio::test]
    async fn blocks_arrive_in_order_whatever_each_write_takes() {
        let body: Vec<u8> = (0..200_000_u32).map(|n| (n % 251) as u8).collect();
        let blocks: Vec<Bytes> = body.chunks(7_000).map(Bytes::copy_from_slice).collect();
        let (mut here, mut there) = tokio::io::duplex(3_000);
        let sending = async move {
            let mut sent = 0;
            let first = [&b"head"[..], &blocks[0]];
            poll_fn(|cx| poll_send_blocks(cx, &mut here, first, &blocks[1..], &mut sent))
                .await
                .unwrap();
            sent
        };
        let mut got = Vec::new();
        let (sent, read) = tokio::join!(sending, there.read_to_end(&mut got));
        assert_eq!((sent, read.unwrap()), (body.len() + 4, body.len() + 4));
        assert!(got == [&b"head"[..], &body].concat());
    }
}
