//! Whether a heap is whole: its tables, what is noted in its head, its participants, and its roots.
#![forbid(unsafe_code)]

use std::collections::HashSet;

use super::flight::Flight;
use super::heap_damage::HeapDamage;
use super::record::Record;
use super::record_head::State;
use super::roots::bucket_of;
use super::sight::Sight;
use crate::slab::slab::Found;

impl Sight<'_> {
    /// Checks everything that operations keep. Nobody is to change the heap meanwhile.
    ///
    /// # Errors
    ///
    /// The first thing that is not as it should be.
    pub(crate) fn check(&self) -> Result<(), HeapDamage> {
        self.check_head()?;
        self.participants.first_implausible().map_or(Ok(()), |slot| Err(HeapDamage::slot(slot)))?;
        self.slab.check(|_, _| ())?;
        self.check_roots()
    }

    fn check_head(&self) -> Result<(), HeapDamage> {
        let facts = self.head.read(self.facts.bytes);
        let parts = [
            (facts.is_ok_and(|facts| facts == self.facts), "what the heap says of itself"),
            (
                self.head.participants.capacity() == Some(self.facts.capacity),
                "the number of participants",
            ),
            (self.head.intent.is_clear(), "an operation that nobody is at"),
            (self.slab.header.pending.get().is_none(), "a block on its way to nobody"),
            (self.has_true_flights(), "a block that is filled"),
            (self.head.empty.is_zero(), "the head of all empty vectors"),
        ];
        match parts.iter().find(|(holds, _)| !holds) {
            Some((_, what)) => Err(HeapDamage::head(what)),
            None => Ok(()),
        }
    }

    /// Whether each flight has a block of its own that is taken.
    fn has_true_flights(&self) -> bool {
        let mut seen = HashSet::new();
        let is_taken = |block| match self.slab.find(block) {
            Ok(Found::Block(block)) => block.is_taken(),
            Ok(Found::Whole { .. }) => true,
            Err(_) => false,
        };
        let mut blocks = self.head.flights.iter().filter_map(Flight::block);
        blocks.all(|block| is_taken(block) && seen.insert(block))
    }

    fn check_roots(&self) -> Result<(), HeapDamage> {
        let mut names = HashSet::new();
        self.visit_roots(|list, record| {
            let wrong = |what| HeapDamage::root(record.handle().offset(), what);
            let name = self.check_root(list, record).map_err(wrong)?;
            let is_alone = record.state() != State::Named || names.insert(name);
            if is_alone { Ok(()) } else { Err(wrong("the name, which another has,")) }
        })
    }

    /// Returns the name of a root, or what is wrong.
    fn check_root(&self, list: usize, record: Record<'_>) -> Result<String, &'static str> {
        let texts = record.copy_texts().ok_or("the length")?;
        let [Ok(name), Ok(_)] = texts.map(String::from_utf8) else { return Err("a text") };
        let has_name = (1..=Record::MAX_NAME_BYTES).contains(&name.len());
        let is_in_its_list = bucket_of(&name) == list;
        let slots = self.facts.capacity;
        let has_dropper = || {
            let slot = record.dropper().and_then(|owner| owner.slot());
            slot.is_some_and(|slot| slot < slots)
        };
        let parts = [
            (has_name, "the length of the name"),
            (is_in_its_list, "the list"),
            (record.is_plausible(), "the state"),
            (record.state() != State::Dropping || has_dropper(), "who drops it"),
            (record.has_true_marks(), "a mark of who has found it"),
        ];
        match parts.iter().find(|(holds, _)| !holds) {
            Some((_, what)) => Err(what),
            None => Ok(name),
        }
    }
}
