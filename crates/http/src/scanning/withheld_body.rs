//! The bytes of a withheld body: in memory, or in an unnamed temporary file where memory is short.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use privet_scan::{Budget, Reservation, Spool};
use tokio::task::{JoinHandle, spawn_blocking};

/// Bytes that are written to the file, or read from it, at once.
const BLOCK: usize = 128 * 1024;

/// There is room neither in memory nor in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BufferFull;

/// The result of a blocking job on the file.
enum Done {
    /// The bytes, and the file where it could be made.
    Wrote(Vec<u8>, Option<Arc<File>>, io::Result<()>),
    Read(u64, io::Result<Vec<u8>>),
}

/// The received bytes of a withheld body.
pub struct WithheldBody {
    memory: Reservation,
    spool: Option<Spool>,
    /// Of the spool, once there was no memory.
    spooled: Option<Reservation>,
    file: Option<Arc<File>>,
    /// Bytes in the file.
    written: u64,
    /// The bytes behind those, until the body is whole.
    tail: Vec<u8>,
    /// After that.
    frozen: Bytes,
    job: Option<JoinHandle<Done>>,
    /// Bytes of the file that were read, and where they stand.
    window: (u64, Vec<u8>),
    failed: bool,
}

/// A whole body.
pub enum CompleteBody {
    Memory(Bytes),
    /// In the file; the bytes are those behind it.
    File(Arc<File>, u64, Bytes),
}

impl WithheldBody {
    pub fn new(memory: &Budget, spool: Option<&Spool>) -> Self {
        Self {
            memory: memory.hold(),
            spool: spool.cloned(),
            spooled: None,
            file: None,
            written: 0,
            tail: Vec::new(),
            frozen: Bytes::new(),
            job: None,
            window: (0, Vec::new()),
            failed: false,
        }
    }

    pub fn len(&self) -> u64 {
        self.written + self.behind().len() as u64
    }

    /// The bytes that are not in the file.
    fn behind(&self) -> &[u8] {
        match self.frozen.is_empty() {
            true => &self.tail,
            false => &self.frozen,
        }
    }

    /// Adds a piece. No job may be running.
    ///
    /// # Errors
    /// There is no room; it was added nevertheless.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), BufferFull> {
        let fits = self.takes(piece.len() as u64);
        self.tail.extend_from_slice(piece);
        fits
    }

    fn takes(&mut self, bytes: u64) -> Result<(), BufferFull> {
        if let Some(spooled) = &mut self.spooled {
            return spooled.grow(bytes).then_some(()).ok_or(BufferFull);
        }
        if self.memory.grow(bytes) {
            return Ok(());
        }
        let mut spooled = self.spool.as_ref().ok_or(BufferFull)?.hold();
        if !spooled.grow(self.len() + bytes) {
            return Err(BufferFull);
        }
        self.spooled = Some(spooled);
        Ok(())
    }

    /// Ready when nothing waits to be written.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            if self.job.is_some() {
                ready!(self.poll_job(cx))?;
                continue;
            }
            let spool = self.spool.clone().filter(|_| self.spooled.is_some());
            let Some(spool) = spool.filter(|_| !self.failed && self.tail.len() >= BLOCK) else {
                return Poll::Ready(Ok(()));
            };
            let (bytes, file) = (std::mem::take(&mut self.tail), self.file.clone());
            self.job = Some(spawn_blocking(move || write(&spool, file, bytes)));
        }
    }

    /// Ready when the byte at `at` is there.
    pub fn poll_load(&mut self, cx: &mut Context<'_>, at: u64) -> Poll<io::Result<()>> {
        while self.available(at).is_empty() && at < self.len() {
            if self.job.is_some() {
                ready!(self.poll_job(cx))?;
                continue;
            }
            let Some(file) = self.file.clone() else {
                return Poll::Ready(Err(io::ErrorKind::NotFound.into()));
            };
            let len = (self.written - at).min(BLOCK as u64);
            self.job = Some(spawn_blocking(move || Done::Read(at, read(&file, at, len))));
        }
        Poll::Ready(Ok(()))
    }

    fn poll_job(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(job) = &mut self.job else {
            return Poll::Ready(Ok(()));
        };
        let done = ready!(Pin::new(job).poll(cx));
        self.job = None;
        Poll::Ready(match done.map_err(io::Error::other)? {
            Done::Wrote(bytes, file, Ok(())) => {
                self.written += bytes.len() as u64;
                self.file = file;
                self.memory.clear();
                Ok(())
            }
            Done::Wrote(bytes, _, Err(error)) => {
                self.tail = bytes;
                self.failed = true;
                Err(error)
            }
            Done::Read(at, Ok(bytes)) => {
                self.window = (at, bytes);
                Ok(())
            }
            Done::Read(_, Err(error)) => Err(error),
        })
    }

    /// The bytes from `at` on that need no wait.
    pub fn available(&self, at: u64) -> &[u8] {
        let within = |start: u64, bytes: &'_ [u8]| {
            let skip = at
                .checked_sub(start)
                .and_then(|skip| usize::try_from(skip).ok());
            skip.filter(|skip| *skip < bytes.len())
        };
        if let Some(skip) = within(self.written, self.behind()) {
            return self.behind().get(skip..).unwrap_or_default();
        }
        let (start, window) = &self.window;
        match within(*start, window) {
            Some(skip) => window.get(skip..).unwrap_or_default(),
            None => &[],
        }
    }

    /// All of it. Nothing is added after this. No job may be running.
    pub fn whole(&mut self) -> CompleteBody {
        self.frozen = std::mem::take(&mut self.tail).into();
        match &self.file {
            None => CompleteBody::Memory(self.frozen.clone()),
            Some(file) => CompleteBody::File(file.clone(), self.written, self.frozen.clone()),
        }
    }

    /// Drops the bytes: they are not needed again.
    pub fn clear(&mut self) {
        (self.tail, self.frozen) = (Vec::new(), Bytes::new());
        (self.file, self.window, self.written) = (None, (0, Vec::new()), 0);
        self.memory.clear();
        self.spooled = None;
    }
}

/// Reads a whole body. Blocks.
pub fn read_whole(file: &File, written: u64, behind: &[u8]) -> io::Result<Vec<u8>> {
    let mut all = read(file, 0, written)?;
    all.extend_from_slice(behind);
    Ok(all)
}

fn write(spool: &Spool, file: Option<Arc<File>>, bytes: Vec<u8>) -> Done {
    let file = match file {
        Some(file) => file,
        None => match spool.create() {
            Ok(file) => Arc::new(file),
            Err(error) => return Done::Wrote(bytes, None, Err(error)),
        },
    };
    let written = (&*file)
        .seek(SeekFrom::End(0))
        .and_then(|_| (&*file).write_all(&bytes));
    Done::Wrote(bytes, Some(file), written)
}

fn read(mut file: &File, at: u64, len: u64) -> io::Result<Vec<u8>> {
    let room = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
    let mut bytes = vec![0; room];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    fn numbers(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at % 251) as u8).collect()
    }

    async fn read_all(store: &mut WithheldBody) -> Vec<u8> {
        let mut all = Vec::new();
        while (all.len() as u64) < store.len() {
            let at = all.len() as u64;
            poll_fn(|cx| store.poll_load(cx, at)).await.unwrap();
            all.extend_from_slice(store.available(at));
        }
        all
    }

    #[tokio::test]
    async fn what_finds_no_memory_is_in_the_spool_and_both_are_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let (memory, disk) = (Budget::new(1 << 20), Budget::new(4 << 20));
        let spool = Spool::new(folder.path().into(), disk.clone());
        let mut store = WithheldBody::new(&memory, Some(&spool));
        let bytes = numbers(3_300_000);
        for piece in bytes.chunks(70_000) {
            poll_fn(|cx| store.poll_flush(cx)).await.unwrap();
            store.push(piece).unwrap();
        }
        assert_eq!((memory.used(), disk.used()), (0, 3_300_000));
        assert!(read_all(&mut store).await == bytes);
        let CompleteBody::File(file, written, behind) = store.whole() else {
            panic!("it is in a file");
        };
        assert!(read_whole(&file, written, &behind).unwrap() == bytes);
        assert!(read_all(&mut store).await == bytes);
        let mut other = WithheldBody::new(&memory, Some(&spool));
        other.push(&bytes[..1 << 20]).unwrap();
        assert_eq!(other.push(&bytes[..1]), Err(BufferFull));
        store.clear();
        drop(other);
        assert_eq!((memory.used(), disk.used()), (0, 0));
    }

    #[tokio::test]
    async fn a_disk_that_takes_nothing_is_an_error_and_loses_no_byte() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let (memory, disk) = (Budget::new(1000), Budget::new(4 << 20));
        // No folder can be made there.
        let spool = Spool::new(file, disk);
        let mut store = WithheldBody::new(&memory, Some(&spool));
        let bytes = numbers(200_000);
        store.push(&bytes).unwrap();
        assert!(poll_fn(|cx| store.poll_flush(cx)).await.is_err());
        assert!(poll_fn(|cx| store.poll_flush(cx)).await.is_ok());
        assert!(read_all(&mut store).await == bytes);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_gives_the_bytes_back() {
        let folder = tempfile::tempdir().unwrap();
        let spool = Spool::new(folder.path().into(), Budget::new(1));
        let full = File::options().read(true).write(true).open("/dev/full");
        let done = write(&spool, Some(Arc::new(full.unwrap())), vec![7; 9]);
        let Done::Wrote(bytes, _, Err(error)) = done else {
            panic!("it is full");
        };
        assert_eq!((bytes.len(), error.kind()), (9, io::ErrorKind::StorageFull));
    }
}
