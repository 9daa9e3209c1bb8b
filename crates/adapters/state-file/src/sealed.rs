//! What the binary files of this crate have in common: `magic[8] version[4] crc32[4] body`, with the
//! CRC-32 (IEEE 802.3) of the body; integers are little-endian.

use std::{fs, io, path::PathBuf};

const VERSION: u32 = 1;
const BODY: usize = 16;

/// Why there is nothing although there is a file.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// A newer program wrote it.
    #[error("{} has version {found}; this program reads version {VERSION}", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// It is not what any program wrote.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// It is a folder, so that nothing can be kept either.
    #[error("{} is a folder: move it away, or what belongs into it outlives no restart", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
    },
    /// The file system fails.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
}

/// What `body` makes of all of the file's body; nothing if there is no file.
pub(crate) fn read<T>(
    path: PathBuf,
    magic: [u8; 8],
    body: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Result<Option<T>, StateError> {
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => {
            return Err(StateError::Folder { path });
        }
        Err(cause) => return Err(StateError::Unreadable { path, cause }),
    };
    match version(&bytes, magic) {
        Some(found) if found > VERSION => Err(StateError::TooNew { path, found }),
        Some(VERSION) => match unsealed(&bytes, body) {
            Some(found) => Ok(Some(found)),
            None => Err(StateError::Damaged { path }),
        },
        _ => Err(StateError::Damaged { path }),
    }
}

fn version(bytes: &[u8], magic: [u8; 8]) -> Option<u32> {
    let mut fields = Fields(bytes);
    (fields.take::<8>()? == magic).then_some(())?;
    fields.u32()
}

/// What the whole of a file has in it.
pub(crate) fn unsealed<T>(
    bytes: &[u8],
    body: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Option<T> {
    let mut fields = Fields(bytes);
    fields.take::<12>()?;
    let crc = fields.u32()?;
    (crc32fast::hash(fields.0) == crc).then_some(())?;
    let found = body(&mut fields)?;
    fields.0.is_empty().then_some(found)
}

/// What goes before a body of so many bytes.
pub(crate) fn begin(magic: [u8; 8], body_bytes: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(BODY + body_bytes);
    bytes.extend(magic);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend([0; 4]);
    bytes
}

/// Puts the sum of the body in its place.
pub(crate) fn end(bytes: &mut [u8]) {
    let crc = crc32fast::hash(&bytes[BODY..]).to_le_bytes();
    bytes[BODY - 4..BODY].copy_from_slice(&crc);
}

/// A length as it is written; what is longer than 2^32 makes the file one that is refused as damaged.
pub(crate) fn length(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes()
}

/// What is left of the bytes. Every method gives `None` when they are over.
pub(crate) struct Fields<'b>(pub(crate) &'b [u8]);

impl Fields<'_> {
    pub(crate) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*field)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}
