//! `Intent`: what the owner of a heap's lock is about to do, for those who find him dead.
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU64, Ordering};

use crate::slab::damage::Damage;
use crate::slab::slab::Slab;

/// One word somewhere is to be changed, from one that is known: with it a new block, which is pending
/// until then, finds its owner, and an old block loses its own. All zero is no intent.
#[repr(C)]
#[derive(Default, Debug)]
pub(crate) struct Intent {
    /// Where the word lies: see [`Place`].
    place: AtomicU64,
    /// What it was before.
    before: AtomicU64,
    /// The slab's offset, and 1, of the block that is free afterwards; 0 for none.
    loser: AtomicU64,
}

/// Where the word lies that is to be changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// In the memory of the process, and dies with it.
    Private,
    /// In another heap, where nobody is to look who may not have attached it.
    Elsewhere,
    /// So far from the start of this heap.
    Here(usize),
}

impl Place {
    const ELSEWHERE: u64 = 1;

    /// [`Place::Private`] is as good as no place.
    const fn bits(self) -> u64 {
        match self {
            Self::Private => 0,
            Self::Elsewhere => Self::ELSEWHERE,
            Self::Here(offset) => offset as u64,
        }
    }

    const fn from_bits(bits: u64) -> Self {
        match bits {
            0 => Self::Private,
            Self::ELSEWHERE => Self::Elsewhere,
            offset => Self::Here(offset as usize),
        }
    }
}

impl Intent {
    /// Says what is to happen. Each store is Release, like those of the slab: a process that dies has
    /// stored what comes before, and nothing of what comes after.
    pub(crate) fn declare(&self, place: Place, before: u64, loser: Option<usize>) {
        self.before.store(before, Ordering::Release);
        let loser = loser.map_or(0, |offset| (offset as u64).wrapping_add(1));
        self.loser.store(loser, Ordering::Release);
        // Last: there is no intent before.
        self.place.store(place.bits(), Ordering::Release);
    }

    /// Whether something is under way.
    pub(crate) fn is_declared(&self) -> bool {
        self.place.load(Ordering::Acquire) != 0
    }

    /// It is done, or given up.
    pub(crate) fn clear(&self) {
        self.place.store(0, Ordering::Release);
    }

    /// Whether nothing is to happen.
    pub(crate) fn is_clear(&self) -> bool {
        self.place.load(Ordering::Relaxed) == 0
    }

    /// Finishes or takes back what an owner who died has left, and puts the slab in order. It may be
    /// cut short, and begun again.
    ///
    /// `word` reads a word of the heap.
    ///
    /// # Errors
    ///
    /// Those of [`Slab::recover`].
    pub(crate) fn settle(
        &self,
        slab: &Slab<'_>,
        word: impl FnOnce(usize) -> Option<u64>,
    ) -> Result<(), Damage> {
        let before = self.before.load(Ordering::Relaxed);
        let (keeps_new, frees_old) = match Place::from_bits(self.place.load(Ordering::Relaxed)) {
            // Whoever had the old block has died, and nobody has seen the new one.
            Place::Private => (false, false),
            // Nobody can tell whose the word is now. Better is a block that nobody has than one that two
            // have.
            Place::Elsewhere => (true, false),
            Place::Here(place) => {
                let is_done = word(place).is_some_and(|word| word != before);
                (is_done, is_done)
            }
        };
        if keeps_new {
            slab.done();
        }
        slab.recover()?;
        let loser = self.loser.load(Ordering::Relaxed).checked_sub(1);
        if let Some(loser) = loser.filter(|_| frees_old) {
            // Else it is free already.
            let _ = slab.free(loser as usize);
        }
        self.clear();
        Ok(())
    }
}
