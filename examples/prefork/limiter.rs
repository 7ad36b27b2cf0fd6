//! How fast a client may ask: nginx's `limit_req`, a bucket that leaks, for each address.
#![forbid(unsafe_code)]

use std::array;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering, compiler_fence};

use aquifer::{KillSafe, ShmMutex, ShmMutexGuard, ShmSafe};

use crate::clock::MICROSECOND;

/// So many requests a second, and so many more for a moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limit {
    rate: u64,
    /// In thousandths of a request.
    burst: u64,
}

/// The buckets of all clients that were seen of late: in each set those that were not seen for longest make room.
#[derive(ShmSafe)]
#[repr(C)]
pub(crate) struct Limiter {
    shards: [ShmMutex<Shard>; Limiter::SHARDS],
}

#[derive(KillSafe, ShmSafe)]
#[repr(C)]
struct Shard {
    sets: [[Bucket; 8]; Limiter::SETS],
}

/// What a client has asked for above its rate.
#[derive(KillSafe, ShmSafe)]
#[repr(C)]
struct Bucket {
    /// A hash of its address: 0 if the bucket is nobody's, or is about to change hands.
    client: AtomicU64,
    /// In thousandths of a request.
    excess: u64,
    /// When it was seen, in nanoseconds.
    seen: u64,
}

impl Limit {
    pub(crate) fn new(rate: u32, burst: u32) -> Self {
        Self { rate: rate.into(), burst: u64::from(burst) * 1000 }
    }
}

impl Limiter {
    const SHARDS: usize = 16;
    const SETS: usize = 32;

    pub(crate) fn new() -> Self {
        let bucket = || Bucket { client: AtomicU64::new(0), excess: 0, seen: 0 };
        let set = || array::from_fn(|_| bucket());
        let shard = || Shard { sets: array::from_fn(|_| set()) };
        Self { shards: array::from_fn(|_| ShmMutex::new(shard())) }
    }

    /// Returns whether a client may ask now, and counts it if so.
    pub(crate) fn admits(&self, address: IpAddr, limit: Limit, now: u64) -> bool {
        let client = client(address);
        let (shard, set) = (client as usize % Self::SHARDS, (client >> 32) as usize % Self::SETS);
        // Who cannot look lets in.
        let Some(mut shard) = lock(&self.shards[shard], limit, now) else { return true };
        let buckets = &mut shard.sets[set];
        let is_theirs = |bucket: &Bucket| bucket.client.load(Ordering::Relaxed) == client;
        match buckets.iter_mut().find(|bucket| is_theirs(bucket)) {
            Some(bucket) => bucket.admits(limit, now),
            None => {
                let oldest = buckets.iter_mut().min_by_key(|bucket| bucket.seen);
                oldest.into_iter().for_each(|bucket| bucket.begin(client, now));
                true
            }
        }
    }
}

impl Bucket {
    fn admits(&mut self, limit: Limit, now: u64) -> bool {
        let elapsed = now.saturating_sub(self.seen);
        // Microseconds by requests a second are millionths; these are thousandths.
        let leaked = (elapsed / MICROSECOND).saturating_mul(limit.rate) / 1000;
        let excess = (self.excess + 1000).saturating_sub(leaked);
        if excess > limit.burst + 1000 {
            return false;
        }
        // Who dies between these two stores has forgiven a request at worst, or counted it and not the time.
        self.seen = now;
        self.excess = excess;
        true
    }

    /// Gives it to another client: it is nobody's in between.
    fn begin(&mut self, client: u64, now: u64) {
        self.client.store(0, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
        (self.excess, self.seen) = (1000, now);
        // Release: what is in it is there before it is theirs.
        self.client.store(client, Ordering::Release);
    }
}

/// Takes the lock of a shard. What a dead worker has left there can be any numbers: none is from the future then,
/// nor above what a bucket holds.
fn lock(shard: &ShmMutex<Shard>, limit: Limit, now: u64) -> Option<ShmMutexGuard<'_, Shard>> {
    let repair = |shard: &mut Shard| {
        for bucket in shard.sets.as_flattened_mut() {
            bucket.seen = bucket.seen.min(now);
            bucket.excess = bucket.excess.min(limit.burst + 1000);
        }
    };
    shard.lock().or_else(|error| error.recover(repair)).ok()
}

/// The same for an address in all processes; never 0. Of IPv6 a client has a network, of 64 bits.
fn client(address: IpAddr) -> u64 {
    let mut hasher = DefaultHasher::new();
    match address.to_canonical() {
        IpAddr::V4(address) => address.hash(&mut hasher),
        IpAddr::V6(address) => address.octets()[..8].hash(&mut hasher),
    }
    hasher.finish().max(1)
}
