//! A read buffer from the thread's pool: taken while bytes flow, returned when it is empty.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// The initial size in bytes: enough for nearly every head and for most response bodies.
pub const SMALL: usize = 16 * 1024;
/// The size in bytes after growing: the largest head fits.
pub const LARGE: usize = 64 * 1024;
/// Small and large buffers that a thread keeps; more are freed. One that is allocated anew has to be zeroed.
const SPARE_SMALL: usize = 128;
const SPARE_LARGE: usize = 32;

#[derive(Default)]
struct Pool {
    small: Vec<Box<[u8]>>,
    large: Vec<Box<[u8]>>,
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::default();
}

/// Frees the buffers of the calling thread's pool.
pub fn free_pool() {
    POOL.with_borrow_mut(|pool| *pool = Pool::default());
}

fn take_from_pool(size: usize) -> Box<[u8]> {
    let spare = POOL.with_borrow_mut(|pool| pool.of(size).pop());
    spare.unwrap_or_else(|| vec![0; size].into_boxed_slice())
}

impl Pool {
    fn keep(&mut self, data: Box<[u8]>) {
        let most = match data.len() {
            LARGE => SPARE_LARGE,
            _ => SPARE_SMALL,
        };
        let spare = self.of(data.len());
        if spare.len() < most {
            spare.push(data);
        }
    }

    fn of(&mut self, size: usize) -> &mut Vec<Box<[u8]>> {
        if size == LARGE {
            &mut self.large
        } else {
            &mut self.small
        }
    }
}

/// Bytes that were read and not used yet: `data[start..end]`.
pub struct Buffer {
    data: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    /// Takes a small buffer from the thread's pool, or allocates one.
    pub fn small() -> Self {
        Self::of(SMALL)
    }

    /// Takes a large buffer from the thread's pool, or allocates one.
    pub fn large() -> Self {
        Self::of(LARGE)
    }

    fn of(size: usize) -> Self {
        Self {
            data: take_from_pool(size),
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

    /// Removes the first `count` bytes.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Appends as much of `bytes` as fits. Returns how many bytes that was.
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

    /// The free part. When the end is reached, the contents move to the front, or to a larger buffer.
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
        let mut larger = Self::large();
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
        // The pool may be gone when its thread ends.
        let _ = POOL.try_with(|pool| {
            if let Ok(mut pool) = pool.try_borrow_mut() {
                pool.keep(data);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_grows_once_and_then_takes_what_fits() {
        let mut buffer = Buffer::small();
        let bytes: Vec<u8> = (0..LARGE + 100).map(|n| n as u8).collect();
        assert_eq!(buffer.append(&bytes[..10]), 10);
        assert_eq!(buffer.append(&bytes[10..]), LARGE - 10);
        assert_eq!(buffer.filled(), &bytes[..LARGE]);
        buffer.consume(500);
        assert_eq!(buffer.append(&bytes[LARGE..]), 100);
        assert_eq!(buffer.filled(), &bytes[500..]);
    }
}
