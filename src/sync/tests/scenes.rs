//! What leads to each crash point: a victim, and who else has to be there.

use super::child::{Child, Ending};
use super::deed::{self, Deed};
use super::gate::Gate;
use super::patience::comes_true;
use super::stage::Stage;
use crate::sync::crash_point::CrashPoint;
use crate::sync::lock_error::LockError;
use crate::sync::mutex::ShmMutex;

/// What happens in a round, to a victim that is to die.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Scene {
    /// It takes the lock, which nobody has.
    TakesIt,
    /// It unlocks, while others sleep.
    HandsItOver,
    /// It waits for one who has the lock.
    WaitsForIt,
    /// It takes the lock of one who has died.
    TakesItFromTheDead,
    /// It waits for one who dies.
    FindsTheDead,
    /// It takes the lock, and is no participant yet.
    Joins,
}

/// A stage for such scenes, with processes that survive all of them.
pub(super) struct Theatre {
    stage: Stage<u32, Board>,
    survivors: Vec<Child>,
    round: u32,
    errors_before: u32,
}

/// How many survive: more than the kernel wakes when a process dies.
const SURVIVORS: u32 = 2;

/// By what the processes tell each other where they are.
#[derive(Default)]
struct Board {
    /// The round in which the survivors may ask for the lock.
    round: Gate,
    /// How often survivors went to sleep.
    survivors_asleep: Gate,
    /// How often a survivor has had the lock and given it back.
    survived: Gate,
    /// How often somebody was told of a dead owner.
    errors: Gate,
    /// How often victims went to sleep.
    victims_asleep: Gate,
    /// How often an owner or victim has said that it has the lock.
    held: Gate,
    /// The round in which the victim may unlock.
    may_unlock: Gate,
}

impl Theatre {
    pub(super) fn open() -> Self {
        // So many that the slots of the dead are not needed again.
        let mut stage = Stage::new(4000, Board::default());
        let survivors = (0..SURVIVORS).map(|_| stage.fork(|stage| survive(stage))).collect();
        Self { stage, survivors, round: 0, errors_before: 0 }
    }

    pub(super) fn mutex(&self) -> &'static ShmMutex<u32> {
        self.stage.mutex()
    }

    /// Begins the next round; returns its number.
    pub(super) fn begin_round(&mut self) -> u32 {
        assert!(self.survivors.iter_mut().all(|survivor| !survivor.has_ended()));
        self.errors_before = self.stage.board().errors.number();
        self.round += 1;
        self.round
    }

    /// Plays the scene in which a process dies at `point`; returns how it really ended.
    pub(super) fn play(&mut self, scene: Scene, point: CrashPoint) -> Ending {
        match scene {
            Scene::TakesIt if self.round % 2 == 0 => self.victim(point, take_again).end(),
            Scene::TakesIt => self.victim(point, take).end(),
            Scene::HandsItOver => self.hand_it_over(point),
            Scene::WaitsForIt => self.wait_for_it(point),
            Scene::TakesItFromTheDead => self.take_it_from_the_dead(point),
            Scene::FindsTheDead => self.find_the_dead(point),
            Scene::Joins => self.victim(point, join_and_take).end(),
        }
    }

    /// Lets the survivors ask for the lock, if they have not in this round.
    pub(super) fn let_survivors_in(&self) {
        self.stage.board().round.open(self.round);
    }

    /// Whether they have had it and given it back.
    pub(super) fn all_survived(&self) -> bool {
        self.stage.board().survived.number() == self.round * SURVIVORS
    }

    /// How often somebody was told of a dead owner in this round.
    pub(super) fn errors(&self) -> u32 {
        self.stage.board().errors.number() - self.errors_before
    }

    fn victim(&mut self, point: CrashPoint, act: fn(&Stage<u32, Board>, CrashPoint, u32)) -> Child {
        let round = self.round;
        self.stage.fork(|stage| act(stage, point, round))
    }

    /// Begins with a victim that waits for the lock; it may have died of it already.
    fn waiting_victim(&mut self, point: CrashPoint) -> Child {
        let asleep = &self.stage.board().victims_asleep;
        let before = asleep.number();
        let mut victim = self.victim(point, take);
        assert!(comes_true(|| asleep.number() > before || victim.has_ended()));
        victim
    }

    fn hand_it_over(&mut self, point: CrashPoint) -> Ending {
        let board = self.stage.board();
        let held = board.held.number();
        let mut victim = self.victim(point, take_and_give);
        assert!(comes_true(|| board.held.number() > held));
        self.let_survivors_fall_asleep();
        board.may_unlock.open(self.round);
        victim.end()
    }

    fn wait_for_it(&mut self, point: CrashPoint) -> Ending {
        let guard = self.stage.mutex().try_lock().expect("nobody has it");
        let mut victim = self.waiting_victim(point);
        if self.round % 2 == 0 {
            self.let_survivors_fall_asleep();
        }
        drop(guard);
        victim.end()
    }

    fn take_it_from_the_dead(&mut self, point: CrashPoint) -> Ending {
        assert_eq!(self.victim(CrashPoint::Locked, take).end(), Ending::BY_SIGKILL);
        self.victim(point, take).end()
    }

    fn find_the_dead(&mut self, point: CrashPoint) -> Ending {
        let board = self.stage.board();
        let held = board.held.number();
        let mut owner = self.stage.fork(|stage| hold(stage));
        assert!(comes_true(|| board.held.number() > held));
        let mut victim = self.waiting_victim(point);
        if self.round % 2 == 0 {
            self.let_survivors_fall_asleep();
        }
        assert_eq!(owner.kill(), Ending::BY_SIGKILL);
        victim.end()
    }

    fn let_survivors_fall_asleep(&self) {
        let asleep = &self.stage.board().survivors_asleep;
        let before = asleep.number();
        self.let_survivors_in();
        assert!(comes_true(|| asleep.number() >= before + SURVIVORS));
    }
}

/// The life of a survivor.
fn survive(stage: &Stage<u32, Board>) {
    let board = stage.board();
    deed::count(CrashPoint::AboutToSleep, board.survivors_asleep.counter());
    for round in 1.. {
        board.round.wait_for(round);
        ask(stage);
        board.survived.step();
    }
}

/// The life of an owner, who is killed.
fn hold(stage: &Stage<u32, Board>) {
    let _guard = stage.mutex().lock().expect("nobody has it");
    stage.board().held.step();
    stage.board().may_unlock.wait_for(u32::MAX);
}

/// A victim's life: it takes the lock, and waits for it if need be.
fn take(stage: &Stage<u32, Board>, point: CrashPoint, _round: u32) {
    stage.bed().join().expect("a slot");
    deed::count(CrashPoint::AboutToSleep, stage.board().victims_asleep.counter());
    deed::arm(point, Deed::Die);
    ask(stage);
}

/// A victim's life: it has had the lock before, and takes it by the short way.
fn take_again(stage: &Stage<u32, Board>, point: CrashPoint, _round: u32) {
    ask(stage);
    deed::arm(point, Deed::Die);
    ask(stage);
}

/// A victim's life: it has the lock, and unlocks it when it may.
fn take_and_give(stage: &Stage<u32, Board>, point: CrashPoint, round: u32) {
    let guard = stage.mutex().lock().expect("nobody has it");
    stage.board().held.step();
    stage.board().may_unlock.wait_for(round);
    deed::arm(point, Deed::Die);
    drop(guard);
}

/// A victim's life: it has yet to become a participant.
fn join_and_take(stage: &Stage<u32, Board>, point: CrashPoint, _round: u32) {
    deed::arm(point, Deed::Die);
    ask(stage);
}

/// Takes the lock and gives it back; says so if its owner has died.
fn ask(stage: &Stage<u32, Board>) {
    match stage.mutex().lock() {
        Ok(guard) => drop(guard),
        Err(LockError::OwnerDied(died)) => {
            stage.board().errors.step();
            drop(died.replace(0));
        }
        Err(error) => panic!("{error}"),
    }
}
