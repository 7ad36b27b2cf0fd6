//! `Cache`: answers that all workers share, until the heap is full; then those go that nobody asks for.
#![expect(unsafe_code, reason = "takes a lock whose owner was killed")]

use std::array;
use std::hash::{DefaultHasher, Hasher};

use aquifer::{LockError, SharedHeap, ShmMutex, ShmMutexGuard, ShmSafe};

use crate::shard::{Entry, Shard, Stored};
use crate::site::Version;

/// A lock for each part, so that two workers seldom want the same.
#[derive(ShmSafe)]
#[repr(C)]
pub(crate) struct Cache {
    shards: [ShmMutex<Shard>; Cache::SHARDS],
}

/// What there is of a path.
#[derive(Debug)]
pub(crate) enum Lookup<R> {
    Fresh(R),
    /// It has to be compared with the file: that was this then.
    Stale(Version),
    Absent,
}

impl Cache {
    /// The most bytes of an answer that is kept.
    pub(crate) const MAX_BODY: u64 = 128 << 10;
    const SHARDS: usize = 16;
    /// How many answers make room for one before it is not kept after all.
    const MAX_EVICTIONS: usize = 64;

    pub(crate) fn new_in(heap: &SharedHeap) -> Self {
        Self { shards: array::from_fn(|_| ShmMutex::new(Shard::new_in(heap))) }
    }

    /// Reads the answer of a path, if it was compared with its file since `fresh_since`. The lock is held
    /// meanwhile: to copy is all there should be done.
    pub(crate) fn read<R>(
        &self,
        path: &str,
        (fresh_since, now): (u64, u64),
        read: impl FnOnce(&Entry) -> R,
    ) -> Lookup<R> {
        let key = key_of(path);
        let Some(mut shard) = self.lock_for(key) else { return Lookup::Absent };
        match shard.find(key, path.as_bytes()) {
            Some(entry) if entry.checked >= fresh_since => {
                entry.used = now;
                Lookup::Fresh(read(entry))
            }
            Some(entry) => Lookup::Stale(entry.version),
            None => Lookup::Absent,
        }
    }

    /// Says that the file of a path is still of this version.
    pub(crate) fn confirm(&self, path: &str, version: Version, now: u64) {
        let key = key_of(path);
        let Some(mut shard) = self.lock_for(key) else { return };
        let entry = shard.find(key, path.as_bytes()).filter(|entry| entry.version == version);
        entry.into_iter().for_each(|entry| entry.checked = now);
    }

    /// Keeps an answer, if there is room or others can make some.
    pub(crate) fn keep(&self, new: Stored<'_>, now: u64) {
        let key = key_of_bytes(new.path);
        for _ in 0..Self::MAX_EVICTIONS {
            let Some(mut shard) = self.lock_for(key) else { return };
            if shard.keep(key, now, new).is_ok() {
                return;
            }
            // Of two locks at a time each of two workers could have one.
            drop(shard);
            if !self.remove_oldest() {
                return;
            }
        }
    }

    /// How many answers are there, and how many bytes they have.
    pub(crate) fn contents(&self) -> (usize, usize) {
        let contents = self.shards.iter().filter_map(lock).map(|shard| shard.contents());
        contents.fold((0, 0), |(count, bytes), (more, other)| (count + more, bytes + other))
    }

    /// Forgets the answer of all shards that nobody has asked for for longest, or one that was when it was looked for.
    fn remove_oldest(&self) -> bool {
        let uses = self.shards.iter().filter_map(|shard| Some((lock(shard)?.oldest_use()?, shard)));
        let oldest = uses.min_by_key(|(used, _)| *used);
        oldest.and_then(|(_, shard)| lock(shard)).is_some_and(|mut shard| shard.remove_oldest())
    }

    fn lock_for(&self, key: u64) -> Option<ShmMutexGuard<'_, Shard>> {
        lock(&self.shards[key as usize % Self::SHARDS])
    }
}

/// Takes the lock of a shard; none if this process cannot share the heap.
fn lock(shard: &ShmMutex<Shard>) -> Option<ShmMutexGuard<'_, Shard>> {
    let mut guard = match shard.lock() {
        Ok(guard) => return Some(guard),
        Err(LockError::OwnerDied(died)) => {
            // SAFETY: a shard is valid between any two stores. Its numbers may have any bytes. Its vectors are in
            // order at every instruction, as theirs says, and their elements are bytes, which own nothing; none
            // is ever moved, swapped or replaced, so no block has two owners. Which entries are whole is told by
            // their keys, each changed by one store before all other stores or after them.
            unsafe { died.into_guard() }
        }
        Err(LockError::Panicked(panicked)) => panicked.into_guard(),
        Err(_) => return None,
    };
    // Who is killed on the way leaves it to the next.
    guard.sweep();
    ShmMutexGuard::clear_poison(&mut guard);
    Some(guard)
}

fn key_of(path: &str) -> u64 {
    key_of_bytes(path.as_bytes())
}

/// The same in all processes; never 0.
fn key_of_bytes(path: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(path);
    hasher.finish().max(1)
}
