//! A list that grows in chunks: it never has twice the memory it needs, and growing moves nothing.

/// Items of one chunk.
const CHUNK: usize = 32;

#[derive(Debug)]
pub(crate) struct Chunked<T> {
    chunks: Vec<Box<[T]>>,
}

impl<T> Default for Chunked<T> {
    fn default() -> Self {
        Chunked { chunks: Vec::new() }
    }
}

impl<T: Default> Chunked<T> {
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        let index = index as usize;
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        let index = index as usize;
        self.chunks.get_mut(index / CHUNK)?.get_mut(index % CHUNK)
    }

    /// The item, after as many default ones as it takes to have it.
    pub(crate) fn get_or_default(&mut self, index: u32) -> &mut T {
        let (chunk, within) = (index as usize / CHUNK, index as usize % CHUNK);
        while self.chunks.len() <= chunk {
            self.chunks.push((0..CHUNK).map(|_| T::default()).collect());
        }
        #[expect(
            clippy::indexing_slicing,
            reason = "the loop above made the chunk, and each has CHUNK items"
        )]
        &mut self.chunks[chunk][within]
    }
}
