//! Roots that are removed: their names at once, their values when nobody has them any more.
#![expect(unsafe_code, reason = "drops values that lie in a heap")]

use super::droppers;
use super::root::expect_type;
use super::root_error::RootError;
use super::shared_heap::SharedHeap;
use crate::shared::heap::handle::Handle;
use crate::shared::heap::record_head::State;
use crate::shared::schema::shm_safe::ShmSafe;
use crate::sync::membership;

impl SharedHeap {
    /// Removes the name of a root: nobody finds it any more, and another may have it. Its value stays for
    /// those who have found it, and is dropped and its memory given back when the last of them has left
    /// or died: by the next who calls [`SharedHeap::reap`], removes a root or finds no room for one, and who has
    /// found a root of its type if it has to be dropped. If a process dies dropping it, what it owns is lost; and so
    /// is what lies behind a [`ShmMutex`](crate::ShmMutex) of it whose owner was killed, as nobody can tell what that is.
    ///
    /// Who has found it, its maker too, keeps it until he leaves the heap or ends: roots are for what lives as
    /// long as processes do. What comes and goes belongs in a collection that is a root.
    ///
    /// # Errors
    ///
    /// Those of [`SharedHeap::root`].
    ///
    /// # Panics
    ///
    /// Values of removed roots are dropped, and their drop may panic; the name is removed then.
    pub fn remove_root<T: ShmSafe + Sync>(&self, name: &str) -> Result<(), RootError> {
        droppers::remember::<T>();
        let held = self.attached.hold()?;
        let record = held.root(name).ok_or(RootError::NotFound)?;
        expect_type::<T>(record)?;
        record.set_state(State::Removed);
        drop(held);
        self.free_removed_roots();
        Ok(())
    }

    /// Drops the values of removed roots that nobody needs any more, and frees their blocks.
    pub(super) fn free_removed_roots(&self) {
        let Ok(owner) = membership::join(self.attached.attachment) else { return };
        let can_drop = |fingerprint| droppers::of(fingerprint).is_some();
        // Whatever somebody else has written: there are no more.
        for _ in 0..self.attached.most_roots() {
            let held = self.attached.hold().ok();
            let over = held.and_then(|held| held.free_removed(owner, can_drop));
            let Some(record) = over else { break };
            let _block = Dropped { heap: self, handle: record.handle() };
            if let Some(dropper) = droppers::of(record.fingerprint()) {
                if let Some(place) = record.value(dropper.layout) {
                    // SAFETY: a value of the type with this fingerprint lies there, nobody who lives has
                    // found it, and nobody can: this process was the one to be told to drop it.
                    unsafe { (dropper.drop_at)(place) };
                }
            }
        }
    }
}

/// The block of a root whose value is dropped: it is freed, also if that panics.
struct Dropped<'a> {
    heap: &'a SharedHeap,
    handle: Handle,
}

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        if let Ok(held) = self.heap.attached.hold() {
            held.free_dropped(self.handle);
        }
    }
}
