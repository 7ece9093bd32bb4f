//! A file as memory that other processes change at any time, and what else is asked of the system about it.
//!
//! What keeps it sound: the memory is seen through atomics alone, which any bit pattern is a value of; a place is checked
//! to be inside the mapping and aligned; and the file is never shorter than the mapping, as `file` makes it whole before
//! anybody maps it and nothing of ours ever shortens it. (Who may write to the file may shorten it, and so stop its
//! processes with SIGBUS: it belongs to one user and is closed to others.)
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use portable_atomic::AtomicU128;

use super::group::Group;

/// What the memory may be seen as.
///
/// # Safety
///
/// Made of atomics only, without padding that matters: any bytes are a value, and it is changed through `&self` alone.
pub(crate) unsafe trait Cell: Sync {}

// SAFETY: an atomic.
unsafe impl Cell for AtomicU64 {}
// SAFETY: an atomic; `file` opens nothing where it is not lock-free, and so not shared between processes.
unsafe impl Cell for AtomicU128 {}
// SAFETY: any number of the same.
unsafe impl<T: Cell, const N: usize> Cell for [T; N] {}
// SAFETY: `repr(C)`, of atomics alone.
unsafe impl Cell for Group<AtomicU64, AtomicU128> {}

/// A whole file, mapped until this is dropped.
#[derive(Debug)]
pub(crate) struct Map {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: it gives nothing but shared references to atomics.
unsafe impl Send for Map {}
// SAFETY: as above.
unsafe impl Sync for Map {}

impl Map {
    /// Maps the first `len` bytes of `file`, which has at least as many.
    pub(crate) fn new(file: &File, len: usize) -> io::Result<Self> {
        let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        // SAFETY: a fresh mapping at a place that the kernel chooses touches nothing that exists.
        let base = unsafe { libc::mmap(std::ptr::null_mut(), len, access, kind, file.as_raw_fd(), 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or_else(|| io::Error::other("mapped at address zero"))?;
        Ok(Self { base, len })
    }

    /// The `count` cells from byte `at` on. Panics where they are not inside the mapping or not aligned.
    #[inline]
    pub(crate) fn cells<T: Cell>(&self, at: usize, count: usize) -> &[T] {
        let end = count.checked_mul(size_of::<T>()).and_then(|bytes| at.checked_add(bytes));
        assert!(end.is_some_and(|end| end <= self.len) && at.is_multiple_of(align_of::<T>()), "outside of the mapping");
        // SAFETY: inside the mapping, which lives as long as `self`; aligned, as the mapping begins at a page; `Cell` says
        // that any bytes will do and that nothing but atomics touches them.
        unsafe { std::slice::from_raw_parts(self.base.add(at).cast::<T>().as_ptr(), count) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length; no reference outlives `self`.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

/// Gives the file `len` bytes that have their place on the disk or in memory: none can be missing when it is written to.
#[cfg(target_os = "linux")]
pub(crate) fn allocate(file: &File, len: u64) -> io::Result<()> {
    let len = libc::off_t::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
    // SAFETY: a call on a descriptor that is open; it touches no memory.
    match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, len) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Gives the file `len` bytes that have their place on the disk or in memory: none can be missing when it is written to.
#[cfg(not(target_os = "linux"))]
pub(crate) fn allocate(mut file: &File, len: u64) -> io::Result<()> {
    io::copy(&mut io::Read::take(io::repeat(0), len), &mut file).map(drop)
}

/// Locks one byte of the file for this process; `false` where another process has it, or where there are no such locks.
/// The kernel unlocks it when this process ends, in whatever way, or when it closes *any* descriptor of the file. A fork
/// does not inherit it.
pub(crate) fn lock(file: &File, at: u64) -> bool {
    set_lock(file, at, libc::F_WRLCK as libc::c_short)
}

/// Unlocks that byte.
pub(crate) fn unlock(file: &File, at: u64) {
    set_lock(file, at, libc::F_UNLCK as libc::c_short);
}

fn set_lock(file: &File, at: u64, kind: libc::c_short) -> bool {
    // SAFETY: a structure of numbers, for which zeros are values.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = kind;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = at as libc::off_t;
    lock.l_len = 1;
    // SAFETY: a call on a descriptor that is open, which reads a structure that lives longer than it.
    unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw const lock) != -1 }
}

/// Whose processes' files are ours.
pub(crate) fn user() -> u32 {
    // SAFETY: it always succeeds and touches no memory.
    unsafe { libc::geteuid() }
}
