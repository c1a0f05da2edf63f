//! How bytes on disk are checked, and kept from readers where there is a key.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::rand;

use super::codec::Damaged;

/// Random bytes at the beginning of each file: no block of one file passes for one of another.
pub(crate) const SALT: usize = 16;
pub(crate) const NONCE: usize = 12;

/// The store's key, where its files are encrypted.
#[derive(Clone)]
pub struct DiskKey([u8; 32]);

impl DiskKey {
    /// 32 unpredictable bytes.
    pub fn new(key: [u8; 32]) -> DiskKey {
        DiskKey(key)
    }
}

impl std::fmt::Debug for DiskKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("DiskKey(…)")
    }
}

/// Random bytes.
///
/// # Errors
///
/// Where the system has none.
pub(crate) fn random<const N: usize>() -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| std::io::Error::other("no random numbers"))?;
    Ok(bytes)
}

/// Checks and, with a key, encrypts the pieces of one file.
pub(crate) enum Seal {
    /// CRC-32 over the file's salt, the piece's name and the piece.
    Checksum { salt: [u8; SALT] },
    /// AES-256-GCM under a key of the file's own (HKDF-SHA256 of the store's key and the salt).
    Cipher { key: Box<LessSafeKey> },
}

/// What distinguishes a piece from the others of its file. It is never used twice with other contents.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Piece {
    Block(u64),
    /// With a nonce that is stored beside it.
    Record([u8; NONCE]),
}

impl Piece {
    fn nonce(self) -> [u8; NONCE] {
        match self {
            Piece::Record(nonce) => nonce,
            Piece::Block(number) => {
                let mut nonce = [0; NONCE];
                let (_, end) = nonce.split_at_mut(NONCE - 8);
                end.copy_from_slice(&number.to_be_bytes());
                nonce
            }
        }
    }
}

impl Seal {
    pub(crate) fn new(key: Option<&DiskKey>, salt: [u8; SALT]) -> std::io::Result<Seal> {
        let Some(DiskKey(key)) = key else {
            return Ok(Seal::Checksum { salt });
        };
        let mut file_key = [0; 32];
        Salt::new(HKDF_SHA256, &salt)
            .extract(key)
            .expand(&[b"privet cache file"], HKDF_SHA256)
            .and_then(|expanded| expanded.fill(&mut file_key))
            .and_then(|()| UnboundKey::new(&AES_256_GCM, &file_key))
            .map(|key| Seal::Cipher {
                key: Box::new(LessSafeKey::new(key)),
            })
            .map_err(|_| std::io::Error::other("no key could be derived"))
    }

    /// Bytes of a tag.
    pub(crate) fn tag_len(&self) -> usize {
        tag_len(matches!(self, Seal::Cipher { .. }))
    }

    /// Encrypts `data` where there is a key, and appends its tag to `tags`. `beside` is checked with it.
    pub(crate) fn seal(
        &self,
        piece: Piece,
        beside: &[u8],
        data: &mut [u8],
        tags: &mut Vec<u8>,
    ) -> std::io::Result<()> {
        match self {
            Seal::Checksum { salt } => {
                let sum = checksum(salt, piece, beside, data);
                tags.extend_from_slice(&sum.to_le_bytes());
            }
            Seal::Cipher { key } => {
                let nonce = Nonce::assume_unique_for_key(piece.nonce());
                let tag = key
                    .seal_in_place_separate_tag(nonce, Aad::from(beside), data)
                    .map_err(|_| std::io::Error::other("the data could not be encrypted"))?;
                tags.extend_from_slice(tag.as_ref());
            }
        }
        Ok(())
    }

    /// Checks `data` against its tag, and decrypts it.
    ///
    /// # Errors
    ///
    /// Where anything differs from what was sealed; `data` is of no use then.
    pub(crate) fn open(
        &self,
        piece: Piece,
        beside: &[u8],
        data: &mut [u8],
        tag: &[u8],
    ) -> Result<(), Damaged> {
        match self {
            Seal::Checksum { salt } => {
                let sum = checksum(salt, piece, beside, data).to_le_bytes();
                (sum == tag).then_some(()).ok_or(Damaged)
            }
            Seal::Cipher { key } => {
                let nonce = Nonce::assume_unique_for_key(piece.nonce());
                let mut both = Vec::with_capacity(data.len() + tag.len());
                both.extend_from_slice(data);
                both.extend_from_slice(tag);
                let opened = key
                    .open_in_place(nonce, Aad::from(beside), &mut both)
                    .map_err(|_| Damaged)?;
                if opened.len() != data.len() {
                    return Err(Damaged);
                }
                data.copy_from_slice(opened);
                Ok(())
            }
        }
    }
}

/// Bytes of a tag, with and without encryption.
pub(crate) const fn tag_len(encrypted: bool) -> usize {
    if encrypted { 16 } else { 4 }
}

fn checksum(salt: &[u8; SALT], piece: Piece, beside: &[u8], data: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(salt);
    hasher.update(match piece {
        Piece::Block(_) => b"block",
        Piece::Record(_) => b"record",
    });
    hasher.update(&piece.nonce());
    hasher.update(&(beside.len() as u64).to_le_bytes());
    hasher.update(beside);
    hasher.update(data);
    hasher.finalize()
}
