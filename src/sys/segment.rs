//! `Segment`: memory as System V has it, which without a maker that removes it would stay for good.
//!
//! ```text
//! create ──▶ a segment with a key ──▶ attach ──▶ drop: it has no key, and goes with the last who has it attached
//!              killed here, an orphan stays: the next `create` of this user knows it by its key
//! ```
#![expect(unsafe_code, reason = "makes system calls")]

use core::mem;
use core::ptr;
use std::io;
use std::process;

use super::file;

/// A segment of this process, which is removed when this is dropped: those who have it attached keep it.
#[derive(Debug)]
pub(super) struct Segment {
    id: libc::c_int,
}

impl Segment {
    /// Makes one of `bytes` zeros, of mode 0600, and removes what the dead have left.
    ///
    /// # Errors
    ///
    /// Those of `shmget`: the bytes are more than `kernel.shmmax`, or no memory is left.
    pub(super) fn create(bytes: usize) -> io::Result<Self> {
        remove_orphans();
        for key in keys_of(own_user(), process::id(), bytes) {
            match Self::of_key(key, bytes) {
                // Another thread is about to attach one of this size.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return made,
            }
        }
        Self::of_key(libc::IPC_PRIVATE, bytes)
    }

    /// Makes one, if no other has that key.
    pub(super) fn of_key(key: libc::key_t, bytes: usize) -> io::Result<Self> {
        let flags = libc::IPC_CREAT | libc::IPC_EXCL | file::OF_ITS_OWNER as libc::c_int;
        // SAFETY: the call takes numbers.
        let id = unsafe { libc::shmget(key, bytes, flags) };
        if id < 0 { Err(io::Error::last_os_error()) } else { Ok(Self { id }) }
    }

    /// Maps all of it. Who unmaps these bytes has it no more.
    ///
    /// # Errors
    ///
    /// Those of `shmat`: there is no room for so many addresses.
    pub(super) fn attach(&self) -> io::Result<*mut libc::c_void> {
        // SAFETY: the kernel chooses an address where nothing is mapped.
        let start = unsafe { libc::shmat(self.id, ptr::null(), 0) };
        if start.addr() == usize::MAX { Err(io::Error::last_os_error()) } else { Ok(start) }
    }

    #[cfg(all(test, not(asan)))]
    pub(super) fn id(&self) -> libc::c_int {
        self.id
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        remove(self.id);
    }
}

/// How many keys there are for segments of one size that one process makes.
pub(super) const KEYS: usize = 16;

/// Returns the keys of the segments that a process of this crate makes. None of them is `IPC_PRIVATE`.
pub(super) fn keys_of(user: u32, maker: u32, bytes: usize) -> [libc::key_t; KEYS] {
    core::array::from_fn(|salt| key(user, maker, bytes, salt))
}

/// Returns one of them: FNV-1a of 32 bits, by Glenn Fowler, Landon Curt Noll and Kiem-Phong Vo:
/// <http://www.isthe.com/chongo/tech/comp/fnv/>.
pub(super) fn key(user: u32, maker: u32, bytes: usize, salt: usize) -> libc::key_t {
    const OFFSET_BASIS: u32 = 0x811c_9dc5;
    const PRIME: u32 = 0x0100_0193;
    let numbers = [u64::from(user), u64::from(maker), bytes as u64, salt as u64];
    let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
    let hash = b"aquifer".iter().copied().chain(bytes);
    let hash = hash.fold(OFFSET_BASIS, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(PRIME));
    hash.max(1) as libc::key_t
}

/// Removes a segment; if somebody else has done so, nothing happens.
fn remove(id: libc::c_int) {
    // SAFETY: the call takes numbers, and with this command no address.
    unsafe { libc::shmctl(id, libc::IPC_RMID, ptr::null_mut()) };
}

/// Removes the segments of this user that nobody has attached, and whose makers have died before they could.
fn remove_orphans() {
    let user = own_user();
    for index in 0..=highest_index() {
        match segment_at(index) {
            Some((id, status)) if is_orphan(user, id, &status) => remove(id),
            _ => {}
        }
    }
}

/// Whether a segment is of this user, and of a maker that is no more.
fn is_orphan(user: u32, id: libc::c_int, status: &libc::shmid_ds) -> bool {
    let maker = status.shm_cpid;
    // Who is of another namespace of processes has the number 0 here, and may live there.
    let is_left = status.shm_nattch == 0 && maker > 0 && is_dead(maker);
    let mut keys = keys_of(user, maker.unsigned_abs(), status.shm_segsz).into_iter();
    status.shm_perm.uid == user && is_left && keys.any(|key| leads_to(key, id))
}

/// Whether no process has this number. Who has ended, and was not waited for, still has it.
fn is_dead(process: libc::pid_t) -> bool {
    // SAFETY: the call takes numbers; signal 0 is none.
    let result = unsafe { libc::kill(process, 0) };
    result != 0 && io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH)
}

/// Whether a key is that of a segment. (Each C library has another name for the key in `struct ipc_perm`.)
fn leads_to(key: libc::key_t, id: libc::c_int) -> bool {
    // SAFETY: the call takes numbers, and makes nothing.
    unsafe { libc::shmget(key, 0, 0) == id }
}

fn own_user() -> u32 {
    // SAFETY: the call takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// Returns the last index at which the kernel has a segment. It is negative if the call is forbidden.
fn highest_index() -> libc::c_int {
    const SHM_INFO: libc::c_int = 14;
    /// Of `struct shm_info`: an `int`, and five `unsigned long`.
    const WRITTEN_BYTES: usize = 48;
    const { assert!(size_of::<libc::shmid_ds>() >= WRITTEN_BYTES) };
    // SAFETY: it consists of numbers.
    let mut room: libc::shmid_ds = unsafe { mem::zeroed() };
    // SAFETY: there is room for what is written.
    unsafe { libc::shmctl(0, SHM_INFO, &raw mut room) }
}

/// Returns the segment at an index, if there is one that this process may look at.
fn segment_at(index: libc::c_int) -> Option<(libc::c_int, libc::shmid_ds)> {
    const SHM_STAT: libc::c_int = 13;
    // SAFETY: it consists of numbers.
    let mut status: libc::shmid_ds = unsafe { mem::zeroed() };
    // SAFETY: there is room for what is written.
    let id = unsafe { libc::shmctl(index, SHM_STAT, &raw mut status) };
    (id >= 0).then_some((id, status))
}
