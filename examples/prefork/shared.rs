//! `Shared`: what all processes have together, in one heap.
#![forbid(unsafe_code)]

use std::error::Error;
use std::sync::atomic::AtomicU32;

use aquifer::{Backing, HeapOptions, Root, SharedHeap, ShmMutex};

use crate::cache::Cache;
use crate::counters::Counters;
use crate::limiter::Limiter;

/// The heap, and its roots.
pub(crate) struct Shared {
    pub(crate) heap: SharedHeap,
    pub(crate) counters: Root<ShmMutex<Counters>>,
    pub(crate) limiter: Root<Limiter>,
    pub(crate) cache: Root<Cache>,
    /// The number of the newest generation of workers.
    pub(crate) generation: Root<AtomicU32>,
}

impl Shared {
    /// Makes a heap that no file leads to: it is gone with the last process.
    pub(crate) fn create(bytes: usize) -> Result<Self, Box<dyn Error>> {
        let heap = HeapOptions::new(bytes).create(&Backing::Memfd)?;
        let counters = heap.root_or_insert_with("counters", || ShmMutex::new(Counters::new()))?;
        let limiter = heap.root_or_insert_with("limiter", Limiter::new)?;
        let cache = heap.root_or_insert_with("cache", || Cache::new_in(&heap))?;
        let generation = heap.root_or_insert_with("generation", || AtomicU32::new(0))?;
        Ok(Self { heap, counters, limiter, cache, generation })
    }
}
