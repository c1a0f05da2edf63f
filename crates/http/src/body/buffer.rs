//! A read buffer that is lent by the thread while bytes flow and given back when it is empty.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// Bytes that a buffer holds at first: nearly every head, and the body of most responses.
pub const SMALL: usize = 16 * 1024;
/// Bytes that one holds once it was filled: a whole head of the greatest size, or a good piece of a long body.
pub const LARGE: usize = 64 * 1024;
/// Buffers of each size that a thread keeps for later; more are freed.
const SPARE: usize = 32;

#[derive(Default)]
struct Pool {
    small: Vec<Box<[u8]>>,
    large: Vec<Box<[u8]>>,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

fn lend(size: usize) -> Box<[u8]> {
    let spare = POOL.with_borrow_mut(|pool| pool.of(size).pop());
    spare.unwrap_or_else(|| vec![0; size].into_boxed_slice())
}

impl Pool {
    fn of(&mut self, size: usize) -> &mut Vec<Box<[u8]>> {
        if size == LARGE {
            &mut self.large
        } else {
            &mut self.small
        }
    }
}

/// Bytes read and not yet used: `data[start..end]`.
pub struct Buffer {
    data: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// Takes a small one from the thread's pool, or makes one.
    pub fn lend() -> Self {
        Self::of(SMALL)
    }

    /// A large one.
    pub fn lend_large() -> Self {
        Self::of(LARGE)
    }

    fn of(size: usize) -> Self {
        Self {
            data: lend(size),
            start: 0,
            end: 0,
        }
    }

    /// Whether the last read may have left bytes in the socket.
    pub fn is_full(&self) -> bool {
        self.end == self.data.len()
    }

    pub fn filled(&self) -> &[u8] {
        self.data.get(self.start..self.end).unwrap_or_default()
    }

    pub fn filled_mut(&mut self) -> &mut [u8] {
        self.data.get_mut(self.start..self.end).unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Forgets the first `count` bytes.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Appends what fits of `bytes`; how many did.
    pub fn append(&mut self, bytes: &[u8]) -> usize {
        if bytes.len() > self.data.len() - self.end && self.data.len() < LARGE {
            self.grow();
        }
        let free = self.room();
        let count = bytes.len().min(free.len());
        if let (Some(to), Some(from)) = (free.get_mut(..count), bytes.get(..count)) {
            to.copy_from_slice(from);
        }
        self.end += count;
        count
    }

    /// Reads once. `0`: the stream ended, or the buffer is full.
    pub fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        stream: &mut S,
    ) -> Poll<io::Result<usize>> {
        let mut room = ReadBuf::new(self.room());
        ready!(Pin::new(stream).poll_read(cx, &mut room))?;
        let count = room.filled().len();
        self.end += count;
        Poll::Ready(Ok(count))
    }

    /// The free part; what is filled is moved to the front when the end is reached, and to a larger buffer when there is
    /// no room left.
    fn room(&mut self) -> &mut [u8] {
        if self.end == self.data.len() && self.start > 0 {
            self.data.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        } else if self.end == self.data.len() && self.end < LARGE {
            self.grow();
        }
        self.data.get_mut(self.end..).unwrap_or_default()
    }

    fn grow(&mut self) {
        let mut larger = Self::lend_large();
        larger.append(self.filled());
        *self = larger;
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        if data.is_empty() {
            return;
        }
        // At the thread's end the pool may be gone already.
        let _ = POOL.try_with(|pool| {
            if let Ok(mut pool) = pool.try_borrow_mut()
                && pool.of(data.len()).len() < SPARE
            {
                pool.of(data.len()).push(data);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_grows_once_and_then_takes_what_fits() {
        let mut buffer = Buffer::lend();
        let bytes: Vec<u8> = (0..LARGE + 100).map(|n| n as u8).collect();
        assert_eq!(buffer.append(&bytes[..10]), 10);
        assert_eq!(buffer.append(&bytes[10..]), LARGE - 10);
        assert_eq!(buffer.filled(), &bytes[..LARGE]);
        buffer.consume(500);
        assert_eq!(buffer.append(&bytes[LARGE..]), 100);
        assert_eq!(buffer.filled(), &bytes[500..]);
    }
}
