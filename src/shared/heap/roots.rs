//! The roots of a heap: values that processes find by name.
#![expect(unsafe_code, reason = "writes and finds values in a heap")]

use core::alloc::Layout;
use core::mem;
use core::ptr::NonNull;
use core::sync::atomic::Ordering;
use std::iter;

use super::attached::Attached;
use super::handle::Handle;
use super::head::Head;
use super::held::Held;
use super::intent::Place;
use super::record::Record;
use super::record_head::{Cut, State};
use crate::shared::schema::fingerprint::Fnv;
use crate::slab::slab::Misuse;
use crate::sync::owner::Owner;
use crate::sys::process::settle_the_dead;

/// A place in a list of roots: the word that leads to the next one.
#[derive(Clone, Copy, Debug)]
struct Link {
    offset: usize,
    to: u64,
}

/// What a root is, apart from its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind<'a> {
    pub(crate) name: &'a str,
    pub(crate) type_name: &'a str,
    pub(crate) fingerprint: u64,
    pub(crate) layout: Layout,
    pub(crate) needs_drop: bool,
}

impl<'a> Held<'a> {
    /// Finds a root that has a name.
    pub(crate) fn root(&self, name: &str) -> Option<Record<'a>> {
        let is_named =
            |record: &Record<'_>| record.is_named() && record.name() == Some(name.as_bytes());
        self.list(bucket_of(name)).map(|(_, record)| record).find(is_named)
    }

    /// All roots, those that are removed, too.
    pub(crate) fn roots(&self) -> impl Iterator<Item = Record<'a>> + '_ {
        (0..Head::BUCKETS).flat_map(|bucket| self.list(bucket)).map(|(_, record)| record)
    }

    /// The roots of a list, each with the link that leads to it.
    fn list(&self, bucket: usize) -> impl Iterator<Item = (Link, Record<'a>)> + use<'a> {
        let attached = self.attached();
        let found = move |link: Link| Some((link, find(attached, link)?));
        let follow = move |(_, record): &(Link, Record<'a>)| found(after(record));
        let mut landmark = Landmark { at: None, steps: 0, until: 1 };
        iter::successors(found(self.first(bucket)), follow)
            .take_while(move |(_, record)| landmark.is_new(record.handle()))
            .take(attached.most_roots())
    }

    fn first(&self, bucket: usize) -> Link {
        let to = self.attached().head.roots[bucket].load(Ordering::Acquire);
        Link { offset: Head::ROOTS_START + bucket * mem::size_of::<u64>(), to }
    }

    /// Adds a root, to which `fill` writes its value. None if there is no room for it.
    ///
    /// # Safety
    ///
    /// `fill` does not panic, and writes a value that has the layout.
    pub(crate) unsafe fn add_root(
        &self,
        kind: Kind<'_>,
        fill: impl FnOnce(NonNull<u8>),
    ) -> Option<Record<'a>> {
        let attached = self.attached();
        let Kind { name, type_name, fingerprint, layout, needs_drop } = kind;
        let slots = attached.facts.capacity as usize;
        let cut = Cut::of(slots, name, type_name, layout)?;
        let bucket = bucket_of(name);
        let link = self.first(bucket);
        let intent = &attached.head.intent;
        intent.declare(Place::Here(link.offset), link.to, None);
        let Some(taken) = self.take(cut.layout) else {
            intent.clear();
            return None;
        };
        let (texts, head) = ([name, type_name], (fingerprint, needs_drop));
        // SAFETY: the block was taken just now, for this cut.
        fill(unsafe { cut.write(slots, taken.memory, texts, head) });
        let record = Record::find(attached, taken.handle)?;
        record.next().store(link.to, Ordering::Release);
        // With this store the root is.
        attached.head.roots[bucket].store(taken.handle.bits(), Ordering::Release);
        self.done();
        intent.clear();
        Some(record)
    }

    /// Frees the blocks of roots that are removed, and that nobody who lives has found. Of those whose
    /// value has to be dropped first, returns one that can be, and says that `owner` does so.
    pub(crate) fn free_removed(
        &self,
        owner: Owner,
        can_drop: impl Fn(u64) -> bool,
    ) -> Option<Record<'a>> {
        let is_unused = |record: &Record<'_>| self.are_gone(record.finders());
        let is_over = |record: &Record<'_>| match record.state() {
            State::Named => false,
            State::Removed => !record.needs_drop() && is_unused(record),
            // Who died dropping it has left nothing that others could drop.
            State::Dropping => self.are_gone(record.dropper().into_iter()),
        };
        (0..Head::BUCKETS).for_each(|bucket| self.free_of_list(bucket, is_over));
        let to_drop = self.roots().find(|record| {
            record.state() == State::Removed && can_drop(record.fingerprint()) && is_unused(record)
        })?;
        to_drop.set_dropper(owner);
        to_drop.set_state(State::Dropping);
        Some(to_drop)
    }

    /// Whether all of these are dead, and none of their threads is about to store something.
    fn are_gone(&self, owners: impl Iterator<Item = Owner>) -> bool {
        let table = self.attached().attachment.table;
        let mut dead = owners.map(|owner| !table.is_alive(owner)).peekable();
        let is_anybody = dead.peek().is_some();
        let are_dead = dead.all(|is_dead| is_dead);
        if is_anybody && are_dead {
            settle_the_dead();
        }
        are_dead
    }

    fn free_of_list(&self, bucket: usize, is_over: impl Fn(&Record<'_>) -> bool) {
        let attached = self.attached();
        let mut link = self.first(bucket);
        for _ in 0..attached.most_roots() {
            let Some(record) = find(attached, link) else { break };
            let next = after(&record);
            if !is_over(&record) {
                link = next;
            } else if self.unlink(link, record).is_ok() {
                link.to = next.to;
            } else {
                // Somebody has overwritten the list.
                break;
            }
        }
    }

    /// Frees the block of a root whose value was dropped by this process.
    pub(crate) fn free_dropped(&self, handle: Handle) {
        let is_it = |(_, record): &(Link, Record<'_>)| {
            record.handle() == handle && record.state() == State::Dropping
        };
        let link = (0..Head::BUCKETS).find_map(|bucket| self.list(bucket).find(is_it));
        if let Some((link, record)) = link {
            // If it is no block, somebody has overwritten the list.
            let _ = self.unlink(link, record);
        }
    }

    /// Takes a root out of its list, and frees its block.
    ///
    /// # Errors
    ///
    /// It is no block that could be freed.
    fn unlink(&self, link: Link, record: Record<'_>) -> Result<(), Misuse> {
        let attached = self.attached();
        let word = attached.word_at(link.offset).ok_or(Misuse::Outside)?;
        let block = attached.slab_offset(record.handle());
        let next = record.next().load(Ordering::Acquire);
        attached.head.intent.declare(Place::Here(link.offset), link.to, Some(block));
        word.store(next, Ordering::Release);
        let freed = attached.slab.free(block);
        attached.head.intent.clear();
        freed
    }
}

/// The root that a link leads to. Whatever somebody else has written, it lies in a page: what is noted in
/// it then is not noted in the tables, or in the lock.
fn find(attached: &Attached, link: Link) -> Option<Record<'_>> {
    let handle = Handle::from_bits(link.to)?;
    let is_in_page = handle.offset() >= attached.pages_start;
    is_in_page.then(|| Record::find(attached, handle)).flatten()
}

/// The link to the root after another.
fn after(record: &Record<'_>) -> Link {
    Link { offset: record.next_offset(), to: record.next().load(Ordering::Acquire) }
}

/// A root that was passed, to find out when it comes again: whatever somebody else has written, a walk
/// ends. As in "An Improved Monte Carlo Factorization Algorithm" by Richard Brent.
struct Landmark {
    at: Option<Handle>,
    /// Since it was passed.
    steps: usize,
    /// So many steps on, another takes its place.
    until: usize,
}

impl Landmark {
    fn is_new(&mut self, handle: Handle) -> bool {
        if self.at == Some(handle) {
            return false;
        }
        self.steps += 1;
        if self.steps >= self.until {
            *self = Self { at: Some(handle), steps: 0, until: self.until.saturating_mul(2) };
        }
        true
    }
}

/// The list in which a root stands.
pub(crate) fn bucket_of(name: &str) -> usize {
    let mut hash = Fnv::new();
    hash.bytes(name.as_bytes());
    (hash.0 % Head::BUCKETS as u64) as usize
}
