//! A suspended child's memory and descriptors.

#![expect(unsafe_code, reason = "no safe wrapper has process_vm_readv and process_vm_writev")]

use std::{fs, path::PathBuf};

use libc::{c_void, iovec, pid_t};
use rustix::io::Errno;

/// The longest path the kernel takes, with its end.
const PATH_MAX: usize = 4096;

/// One thread of a child, suspended in a call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Child(pub(super) pid_t);

impl Child {
    /// Reads `N` bytes of the child's memory.
    pub(super) fn array<const N: usize>(self, address: u64) -> Result<[u8; N], Errno> {
        let mut bytes = [0; N];
        self.read(address, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads `length` bytes of the child's memory; the caller has bounded `length`.
    pub(super) fn bytes(self, address: u64, length: usize) -> Result<Vec<u8>, Errno> {
        let mut bytes = vec![0; length];
        self.read(address, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads up to the zero that ends a path. It may lie at the end of a mapping, hence page by page.
    pub(super) fn path(self, address: u64) -> Result<Vec<u8>, Errno> {
        let mut path = Vec::new();
        while path.len() < PATH_MAX {
            let at = address.checked_add(path.len() as u64).ok_or(Errno::FAULT)?;
            let to_page_end = 4096 - usize::try_from(at % 4096).unwrap_or(0);
            let piece = self.bytes(at, to_page_end.min(256))?;
            if let Some(end) = piece.iter().position(|&byte| byte == 0) {
                path.extend_from_slice(&piece[..end]);
                return Ok(path);
            }
            path.extend_from_slice(&piece);
        }
        Err(Errno::NAMETOOLONG)
    }

    /// What the child's descriptor `fd` refers to, as the kernel names it; `None` if it is not open.
    pub(super) fn descriptor(self, fd: u64) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/fd/{fd}", self.0)).ok()
    }

    fn read(self, address: u64, bytes: &mut [u8]) -> Result<(), Errno> {
        let local = iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        let remote = remote(address, bytes.len())?;
        // SAFETY: `local` spans exactly the exclusively borrowed `bytes`, into which any byte may be
        // written. `remote` is an address in the child: the kernel checks it and we never touch it.
        let copied =
            unsafe { libc::process_vm_readv(self.0, &raw const local, 1, &raw const remote, 1, 0) };
        whole(copied, bytes.len())
    }

    /// Writes to the child's memory. Only for a call that is known to wait still.
    pub(super) fn write(self, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        let local = iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        let remote = remote(address, bytes.len())?;
        // SAFETY: `process_vm_writev` only reads through `local`, which spans exactly the borrowed
        // `bytes`. `remote` is an address in the child: the kernel checks it and we never touch it.
        let copied = unsafe {
            libc::process_vm_writev(self.0, &raw const local, 1, &raw const remote, 1, 0)
        };
        whole(copied, bytes.len())
    }
}

fn remote(address: u64, length: usize) -> Result<iovec, Errno> {
    let address = usize::try_from(address).map_err(|_| Errno::FAULT)?;
    let base = core::ptr::without_provenance_mut::<c_void>(address);
    Ok(iovec { iov_base: base, iov_len: length })
}

/// A copy that ends early met an unmapped page.
fn whole(copied: isize, wanted: usize) -> Result<(), Errno> {
    match usize::try_from(copied) {
        Ok(copied) if copied == wanted => Ok(()),
        Ok(_) => Err(Errno::FAULT),
        Err(_) => {
            Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::FAULT))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn myself() -> Child {
        Child(std::process::id().cast_signed())
    }

    fn address(bytes: &[u8]) -> u64 {
        bytes.as_ptr().addr() as u64
    }

    #[test]
    fn reads_and_writes_exactly_what_it_is_told() {
        let here = *b"register";
        assert_eq!(myself().array(address(&here)), Ok(here));
        let there = std::sync::Mutex::new([0_u8; 4]);
        let at = address(&*there.lock().unwrap());
        myself().write(at, &[1, 2, 3]).unwrap();
        assert_eq!(*there.lock().unwrap(), [1, 2, 3, 0]);
    }

    #[test]
    fn an_unmapped_address_is_a_fault_and_no_crash() {
        assert_eq!(myself().array::<4>(8), Err(Errno::FAULT));
        assert_eq!(myself().write(8, &[1]), Err(Errno::FAULT));
        assert_eq!(myself().path(u64::MAX - 3), Err(Errno::FAULT));
    }

    #[test]
    fn a_path_ends_at_its_zero_and_not_before_a_page_does() {
        let mut text = vec![b'x'; 3 * 4096];
        let at = address(&text);
        assert_eq!(myself().path(at), Err(Errno::NAMETOOLONG));
        text[700] = 0;
        assert_eq!(myself().path(address(&text)).map(|path| path.len()), Ok(700));
    }
}
