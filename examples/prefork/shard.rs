//! `Shard`: a part of the cache, whole after every instruction of whoever changes it.
#![forbid(unsafe_code)]

use std::array;
use std::sync::atomic::{AtomicU64, Ordering, compiler_fence};

use aquifer::{AllocError, SharedHeap, ShmSafe, ShmVec};

use crate::site::Version;

/// What is kept of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored<'a> {
    pub(crate) path: &'a [u8],
    /// The head, up to what it says of the connection.
    pub(crate) head: &'a [u8],
    pub(crate) body: &'a [u8],
    pub(crate) version: Version,
}

/// Answers by the hashes of their paths.
///
/// An answer is there if its key is, which is stored last and taken away first. Whatever is in an entry without
/// a key is nobody's answer; but the entry owns it, as its vectors lie in the heap from the beginning and grow
/// where they lie.
#[derive(ShmSafe)]
#[repr(C)]
pub(crate) struct Shard {
    /// 0 where there is none.
    keys: [AtomicU64; Shard::ENTRIES],
    entries: [Entry; Shard::ENTRIES],
}

#[derive(ShmSafe)]
#[repr(C)]
pub(crate) struct Entry {
    /// When it was last asked for, in nanoseconds.
    pub(crate) used: u64,
    /// When it was last compared with the file.
    pub(crate) checked: u64,
    pub(crate) version: Version,
    path: ShmVec<u8>,
    pub(crate) head: ShmVec<u8>,
    pub(crate) body: ShmVec<u8>,
}

impl Shard {
    pub(crate) const ENTRIES: usize = 64;

    /// One without answers, which takes no memory of the heap.
    pub(crate) fn new_in(heap: &SharedHeap) -> Self {
        let none = || ShmVec::new_in(heap);
        let entry = || Entry {
            used: 0,
            checked: 0,
            version: Version::default(),
            path: none(),
            head: none(),
            body: none(),
        };
        Self { keys: array::from_fn(|_| AtomicU64::new(0)), entries: array::from_fn(|_| entry()) }
    }

    pub(crate) fn find(&mut self, key: u64, path: &[u8]) -> Option<&mut Entry> {
        let index = self.keys.iter().position(|other| other.load(Ordering::Relaxed) == key)?;
        Some(&mut self.entries[index]).filter(|entry| entry.path == *path)
    }

    /// Keeps an answer, in the place of another one if need be.
    ///
    /// # Errors
    ///
    /// There is no room in the heap: nothing is kept.
    pub(crate) fn keep(&mut self, key: u64, now: u64, new: Stored<'_>) -> Result<(), AllocError> {
        let same = self.keys.iter().position(|other| other.load(Ordering::Relaxed) == key);
        let index = same.or_else(|| self.vacancy()).or_else(|| self.oldest()).unwrap_or(0);
        self.remove(index);
        let entry = &mut self.entries[index];
        if let Err(refused) = entry.fill(now, new) {
            entry.empty();
            return Err(refused);
        }
        // Release: all of it is there before the key.
        self.keys[index].store(key, Ordering::Release);
        Ok(())
    }

    /// Forgets the answer that nobody has asked for for longest; returns whether there was one.
    pub(crate) fn remove_oldest(&mut self) -> bool {
        let oldest = self.oldest();
        oldest.into_iter().for_each(|index| self.remove(index));
        oldest.is_some()
    }

    /// When the answer was asked for that nobody has asked for for longest.
    pub(crate) fn oldest_use(&self) -> Option<u64> {
        self.oldest().map(|index| self.entries[index].used)
    }

    /// Gives back what a dead worker has left in entries without keys.
    pub(crate) fn sweep(&mut self) {
        let entries = self.keys.iter().zip(&mut self.entries);
        entries.filter(|(key, _)| is_free(key)).for_each(|(_, entry)| entry.empty());
    }

    /// How many answers are there, and how many bytes they have.
    pub(crate) fn contents(&self) -> (usize, usize) {
        let entries = self.keys.iter().zip(&self.entries).filter(|(key, _)| !is_free(key));
        entries.fold((0, 0), |(count, bytes), (_, entry)| (count + 1, bytes + entry.body.len()))
    }

    fn vacancy(&self) -> Option<usize> {
        self.keys.iter().position(is_free)
    }

    fn oldest(&self) -> Option<usize> {
        let indices = (0..Self::ENTRIES).filter(|&index| !is_free(&self.keys[index]));
        indices.min_by_key(|&index| self.entries[index].used)
    }

    fn remove(&mut self, index: usize) {
        self.keys[index].store(0, Ordering::Relaxed);
        // The key is gone before anything else is. Nobody but a later process looks on.
        compiler_fence(Ordering::SeqCst);
        self.entries[index].empty();
    }
}

impl Entry {
    fn fill(&mut self, now: u64, new: Stored<'_>) -> Result<(), AllocError> {
        (self.used, self.checked, self.version) = (now, now, new.version);
        let parts =
            [(&mut self.path, new.path), (&mut self.head, new.head), (&mut self.body, new.body)];
        for (vec, bytes) in parts {
            vec.reserve_exact(bytes.len())?;
            vec.extend_from_slice(bytes)?;
        }
        Ok(())
    }

    /// Gives its memory back.
    fn empty(&mut self) {
        for vec in [&mut self.path, &mut self.head, &mut self.body] {
            vec.clear();
            // Nothing is kept, so it needs no other block.
            vec.shrink_to_fit();
        }
    }
}

fn is_free(key: &AtomicU64) -> bool {
    key.load(Ordering::Relaxed) == 0
}
