//! `Root`: a value that processes find by name.
#![expect(unsafe_code, reason = "lends values that lie in a heap")]

use core::alloc::Layout;
use core::fmt;
use core::mem::{self, ManuallyDrop};
use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use super::droppers;
use super::root_error::RootError;
use super::shared_heap::SharedHeap;
use crate::geometry::assert_alignable;
use crate::shared::heap::held::Held;
use crate::shared::heap::record::Record;
use crate::shared::heap::record_head::State;
use crate::shared::heap::roots::Kind;
use crate::shared::schema::schema::Schema;
use crate::shared::schema::shm_safe::ShmSafe;
use crate::sync::membership;
use crate::sync::owner::Owner;

/// A value in a [`SharedHeap`] that was found by its name: all who find it have the same.
///
/// It stays for as long as this process does, also if its name is removed meanwhile. A child is another process: but
/// for a [`Worker`](crate::Worker), which has found all that its parent has, it is to find anew what it uses, or may
/// see another value there once its parent is gone and the name is removed.
pub struct Root<T: 'static> {
    value: &'static T,
}

/// What there is to know of a root.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RootInfo {
    /// Its name.
    pub name: String,
    /// Its type, as the process has called it that made it.
    pub type_name: String,
    /// The bytes of its value.
    pub bytes: usize,
    /// The bytes that were asked for its block, which holds its name and a word for each two participants, too.
    pub block_bytes: usize,
    /// How many living processes have found it.
    pub participants: usize,
    /// Whether its name was removed. Its memory is given back when those have left or died.
    pub is_removed: bool,
}

impl SharedHeap {
    /// The most bytes of the name of a root.
    pub const MAX_NAME_BYTES: usize = Record::MAX_NAME_BYTES;

    /// Finds the root of a name.
    ///
    /// # Errors
    ///
    /// [`RootError::NotFound`], and [`RootError::Type`] if its type is not `T`: another name, another
    /// version, or other parts. [`RootError::Damaged`], [`RootError::NotJoined`] and [`RootError::Interrupted`].
    pub fn root<T: ShmSafe + Sync>(&self, name: &str) -> Result<Root<T>, RootError> {
        let held = self.attached.hold()?;
        let record = held.root(name).ok_or(RootError::NotFound)?;
        self.resolve(&held, record)
    }

    /// Finds the root of a name, or makes it of what `make` returns.
    ///
    /// Several processes may be here at the same time, and each calls its `make`: one of them wins, and
    /// all get its value; the values of the others are dropped. A process that dies in `make` leaves no
    /// half root; boxes that it has made there are lost, as all are that a process has to itself. Where there is no
    /// room, values of removed roots are dropped first, as by [`SharedHeap::remove_root`].
    ///
    /// # Errors
    ///
    /// [`RootError::Name`], [`RootError::Full`] if there is no room, and those of [`SharedHeap::root`].
    ///
    /// # Panics
    ///
    /// If there is no room, roots are dropped that are removed, and their drop may panic.
    pub fn root_or_insert_with<T: ShmSafe + Sync>(
        &self,
        name: &str,
        make: impl FnOnce() -> T,
    ) -> Result<Root<T>, RootError> {
        self.root_or_try_insert_with(name, || Ok(make()))
    }

    /// Does as [`SharedHeap::root_or_insert_with`] with what `make` returns, if it succeeds: where it allocates,
    /// the heap may be full.
    ///
    /// ```
    /// # use std::error::Error;
    /// # use aquifer::{Backing, SharedHeap, ShmBox};
    /// let heap = SharedHeap::create(&Backing::MapAnon, 1 << 20)?;
    /// let make = || -> Result<_, Box<dyn Error>> { Ok(ShmBox::new_in([0_u8; 4096], &heap)?) };
    /// assert_eq!(heap.root_or_try_insert_with("page", make)?.len(), 4096);
    ///
    /// let none = heap.root_or_try_insert_with::<u64, Box<dyn Error>>("none", || Err("not today".into()));
    /// assert_eq!(none.unwrap_err().to_string(), "not today");
    /// assert!(heap.root::<u64>("none").is_err());
    /// # Ok::<(), Box<dyn Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// That of `make`: no root is made then. And those of [`SharedHeap::root_or_insert_with`], which panics as this.
    pub fn root_or_try_insert_with<T: ShmSafe + Sync, E: From<RootError>>(
        &self,
        name: &str,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<Root<T>, E> {
        const { assert_alignable::<T>() };
        if name.is_empty() || name.len() > Self::MAX_NAME_BYTES {
            return Err(RootError::Name.into());
        }
        match self.root(name) {
            Err(RootError::NotFound) => Ok(self.insert_root(name, make()?)?),
            found => Ok(found?),
        }
    }

    fn insert_root<T: ShmSafe + Sync>(&self, name: &str, value: T) -> Result<Root<T>, RootError> {
        let type_name = T::SCHEMA.name().to_string();
        let kind = Kind {
            name,
            type_name: &type_name,
            fingerprint: Schema::fingerprint::<T>(),
            layout: Layout::new::<T>(),
            needs_drop: mem::needs_drop::<T>(),
        };
        // Dropped after the lock is released, if another was first, or something panics.
        let mut value = Movable { value: ManuallyDrop::new(value), is_moved: false };
        let source = NonNull::from(&*value.value);
        let mut insert = || {
            let held = self.attached.hold()?;
            if let Some(record) = held.root(name) {
                return self.resolve(&held, record);
            }
            // SAFETY: the place is for a `T`.
            let fill =
                |place: NonNull<u8>| unsafe { place.cast().copy_from_nonoverlapping(source, 1) };
            // SAFETY: it copies a value with this layout.
            let record = unsafe { held.add_root(kind, fill) }.ok_or(RootError::Full)?;
            value.is_moved = true;
            self.resolve(&held, record)
        };
        match insert() {
            Err(RootError::Full) => {
                // Those who had found roots that are removed may have died since.
                self.free_removed_roots();
                insert()
            }
            outcome => outcome,
        }
    }

    /// Returns all roots, in no order.
    ///
    /// # Errors
    ///
    /// [`RootError::Damaged`], [`RootError::NotJoined`] and [`RootError::Interrupted`].
    pub fn roots(&self) -> Result<Vec<RootInfo>, RootError> {
        let _held = self.attached.hold()?;
        let table = self.attached.attachment.table;
        let text = |text: Option<&[u8]>| String::from_utf8_lossy(text.unwrap_or(&[])).into_owned();
        let mut roots = Vec::new();
        // Each has a block of its own: whatever somebody has written there, they are not longer than the heap.
        let visited = self.attached.sight().visit_roots(|_, record| {
            roots.push(RootInfo {
                name: text(record.name()),
                type_name: text(record.type_name()),
                bytes: record.value_bytes(),
                block_bytes: record.bytes(),
                participants: record.finders().filter(|&owner| table.is_alive(owner)).count(),
                is_removed: record.state() != State::Named,
            });
            Ok(())
        });
        visited.map(|()| roots).map_err(RootError::Damaged)
    }

    /// Notes that this process has found what another has: one that it is forked from. Returns whether that
    /// is still alive, and so has kept all of it.
    pub(super) fn find_roots_of(&self, other: Owner) -> bool {
        let (Ok(held), Ok(owner)) = (self.attached.hold(), self.owner()) else { return false };
        let found = held.roots().filter(|record| record.finders().any(|finder| finder == other));
        found.for_each(|record| record.mark(owner));
        // Under the lock: who frees a root looks under it, too.
        self.attached.attachment.table.is_alive(other)
    }

    /// Lends the value of a root, and notes that this process has found it.
    fn resolve<T: ShmSafe + Sync>(
        &self,
        _held: &Held<'_>,
        record: Record<'_>,
    ) -> Result<Root<T>, RootError> {
        expect_type::<T>(record)?;
        let owner = self.owner()?;
        let place = record.value(Layout::new::<T>()).ok_or(RootError::NotFound)?;
        record.mark(owner);
        self.attached.has_roots.store(true, Ordering::Relaxed);
        droppers::remember::<T>();
        // SAFETY: a value of this type lies there, and stays, as this process has found it; the heap stays
        // mapped.
        Ok(Root { value: unsafe { place.cast().as_ref() } })
    }

    fn owner(&self) -> Result<Owner, RootError> {
        membership::join(self.attached.attachment).map_err(RootError::NotJoined)
    }
}

/// A value that is dropped unless it was moved into the heap.
struct Movable<T> {
    value: ManuallyDrop<T>,
    is_moved: bool,
}

impl<T> Drop for Movable<T> {
    fn drop(&mut self) {
        if !self.is_moved {
            // SAFETY: it is here, and not used any more.
            unsafe { ManuallyDrop::drop(&mut self.value) };
        }
    }
}

pub(super) fn expect_type<T: ShmSafe>(record: Record<'_>) -> Result<(), RootError> {
    if record.fingerprint() == Schema::fingerprint::<T>() {
        return Ok(());
    }
    let found = record.type_name().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
    Err(RootError::Type { expected: T::SCHEMA.name().to_string(), found })
}

impl<T> Root<T> {
    /// Returns the value for as long as this process lives: for a static, say, or for threads that nobody joins.
    ///
    /// An associated function, lest it hide a method of the value.
    #[must_use]
    pub fn leak(root: Self) -> &'static T {
        root.value
    }
}

impl<T> Deref for Root<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.value
    }
}

impl<T> Clone for Root<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Root<T> {}

impl<T: fmt::Debug> fmt::Debug for Root<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
