//! Compressed payloads: a payload of samples as a zlib stream (RFC 1950). The specification is
//! `docs/specs/payload.md`.
//!
//! # Terms
//!
//! * **Plain** — a payload as JSON, which is what it means.
//! * **Compressed** — the same as a zlib stream. Its first byte tells: [`MARK`] begins no JSON.
//!
//! # Invariants
//!
//! 1. Compressing never makes a payload longer: one that would not get shorter stays plain.
//! 2. Whatever is compressed here can be expanded here: nothing longer than [`PLAIN_BYTES_MAX`] is
//!    compressed.
//! 3. Expanding takes any bytes and gives at most [`PLAIN_BYTES_MAX`]; its memory is at most twice what
//!    the bytes really expand to.
//!
//! # Deliberately absent
//!
//! A choice of levels, and a dictionary that readers would need: `docs/adr/0022-compression.md` has what
//! they would bring.

use std::{borrow::Cow, fmt};

use miniz_oxide::{
    deflate::core::{
        CompressorOxide, TDEFLFlush, TDEFLStatus, compress, create_comp_flags_from_zip_params,
    },
    inflate::{TINFLStatus, decompress_to_vec_zlib_with_limit},
};
use serde::Deserialize;

/// The longest plain payload that is compressed, and the most that a compressed one may expand to, in
/// bytes.
pub const PLAIN_BYTES_MAX: usize = 4 << 20;

/// The first byte of a compressed payload: deflate, a window of 32 KiB (RFC 1950, 2.2).
pub const MARK: u8 = 0x78;

/// Of zlib's levels the one that `docs/adr/0022-compression.md` found best for payloads.
const LEVEL: i32 = 2;
/// The exponent of the window's length; positive means with zlib's header and checksum.
const WINDOW_BITS: i32 = 15;
const STRATEGY: i32 = 0;

/// By how many samples more a payload is tried when it will be compressed. A sample takes a fifth to a
/// fourth of its plain bytes then, from 16 samples on.
const GAIN: usize = 4;

/// How payloads of samples are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    /// They are not.
    #[default]
    None,
    /// By deflate, in a zlib stream, each by itself.
    Deflate,
}

/// Why a compressed payload cannot be expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// It is no zlib stream, or not all of one, or its checksum is wrong.
    #[error("zlib stream is damaged")]
    Damaged,
    /// There is more in it than any gateway puts into one.
    #[error("zlib stream holds more than {PLAIN_BYTES_MAX} bytes")]
    TooLong,
}

/// Compresses payloads. Keeps some 320 KB and a buffer as long as the longest payload for that, if it
/// does.
#[derive(Debug)]
pub struct Compressor(Option<Deflate>);

struct Deflate {
    state: Box<CompressorOxide>,
    room: Vec<u8>,
}

impl Compressor {
    /// Compresses as it is told.
    pub fn new(compression: Compression) -> Self {
        Self(match compression {
            Compression::None => None,
            Compression::Deflate => Some(Deflate::new()),
        })
    }

    /// How many times as many samples a payload is expected to hold as it would plain.
    pub const fn gain(&self) -> usize {
        if self.0.is_some() { GAIN } else { 1 }
    }

    /// The payload as it is to be sent: compressed if that makes it shorter.
    pub fn pack(&mut self, plain: Vec<u8>) -> Vec<u8> {
        let shorter = self.0.as_mut().and_then(|deflate| deflate.shorter(&plain));
        shorter.map_or(plain, <[u8]>::to_vec)
    }
}

impl Deflate {
    fn new() -> Self {
        let flags = create_comp_flags_from_zip_params(LEVEL, WINDOW_BITS, STRATEGY);
        Self { state: Box::new(CompressorOxide::new(flags)), room: Vec::new() }
    }

    fn shorter(&mut self, plain: &[u8]) -> Option<&[u8]> {
        if plain.len() > PLAIN_BYTES_MAX {
            return None;
        }
        // There is room for less than the plain bytes, and no more.
        self.room.resize(self.room.len().max(plain.len()), 0);
        let room = &mut self.room[..plain.len().saturating_sub(1)];
        self.state.reset();
        let (status, _, len) = compress(&mut self.state, plain, room, TDEFLFlush::Finish);
        (status == TDEFLStatus::Done).then(|| &self.room[..len])
    }
}

impl fmt::Debug for Deflate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deflate").finish_non_exhaustive()
    }
}

/// The plain payload of one that may be compressed.
///
/// # Errors
///
/// [`ExpandError`] if it is compressed and cannot be expanded.
pub fn expand(bytes: &[u8]) -> Result<Cow<'_, [u8]>, ExpandError> {
    if bytes.first() != Some(&MARK) {
        return Ok(Cow::Borrowed(bytes));
    }
    match decompress_to_vec_zlib_with_limit(bytes, PLAIN_BYTES_MAX) {
        Ok(plain) => Ok(Cow::Owned(plain)),
        Err(error) if error.status == TINFLStatus::HasMoreOutput => Err(ExpandError::TooLong),
        Err(_) => Err(ExpandError::Damaged),
    }
}

#[cfg(test)]
mod tests;
