//! A death at each crash point: those who live get the lock, and are told of it if it was held.

use std::time::{Duration, Instant};

use super::child::Ending;
use super::patience::comes_true;
use super::scenes::{Scene, Theatre};
use crate::sync::crash_point::CrashPoint;

/// How often a process dies at each point.
const DEATHS: u32 = 340;
/// Where it takes luck to come to a point: how often it is tried at most.
const TRIES: u32 = 20 * DEATHS;

#[test]
fn a_death_on_taking_a_free_lock_leaves_one_error() {
    die_at_all_points_of(Scene::TakesIt);
}

#[test]
fn a_death_on_handing_the_lock_over_leaves_no_sleeper_behind() {
    die_at_all_points_of(Scene::HandsItOver);
}

#[test]
fn a_death_on_waiting_is_not_noticed() {
    die_at_all_points_of(Scene::WaitsForIt);
}

#[test]
fn a_death_on_taking_a_dead_owners_lock_leaves_one_error() {
    die_at_all_points_of(Scene::TakesItFromTheDead);
}

#[test]
fn a_death_on_calling_the_sleepers_of_the_dead_leaves_none_asleep() {
    die_at_all_points_of(Scene::FindsTheDead);
}

#[test]
fn a_death_on_joining_is_not_noticed() {
    die_at_all_points_of(Scene::Joins);
}

/// Which scene leads to a point: one for each, so that none is left out.
fn scene_of(point: CrashPoint) -> Scene {
    use CrashPoint as P;
    match point {
        P::Locked => Scene::TakesIt,
        P::Releasing | P::Released | P::Signalled | P::Unlocked => Scene::HandsItOver,
        P::WaitersSet | P::AboutToSleep | P::SleeperWoken | P::SignalTaken => Scene::WaitsForIt,
        P::Stolen | P::MarkedAsDied => Scene::TakesItFromTheDead,
        P::DeathAnnounced => Scene::FindsTheDead,
        P::SlotStaked | P::GenerationRaised | P::Joined => Scene::Joins,
    }
}

/// How often the others are told of a dead owner, in a scene in which a process dies at `point`.
///
/// A thief of a dead owner's lock who dies before it has told anybody leaves one error for both.
fn errors_after(point: CrashPoint) -> u32 {
    use CrashPoint as P;
    match point {
        P::Locked | P::Releasing => 1,
        P::Stolen | P::MarkedAsDied => 1,
        P::DeathAnnounced => errors_without(Scene::FindsTheDead),
        P::WaitersSet | P::AboutToSleep | P::SleeperWoken | P::SignalTaken => 0,
        P::Released | P::Signalled | P::Unlocked => 0,
        P::SlotStaked | P::GenerationRaised | P::Joined => 0,
    }
}

/// How often somebody is told of a dead owner if the victim lives: in two scenes there is one.
fn errors_without(scene: Scene) -> u32 {
    u32::from(matches!(scene, Scene::TakesItFromTheDead | Scene::FindsTheDead))
}

fn die_at_all_points_of(scene: Scene) {
    let mut theatre = Theatre::open();
    for point in CrashPoint::ALL {
        if scene_of(point) == scene {
            die_often_at(point, &mut theatre);
        }
    }
}

fn die_often_at(point: CrashPoint, theatre: &mut Theatre) {
    let begun = Instant::now();
    let mut slowest = Duration::ZERO;
    let (mut deaths, mut tries) = (0, 0);
    while deaths < DEATHS && tries < TRIES {
        tries += 1;
        let round = theatre.begin_round();
        let ending = theatre.play(scene_of(point), point);
        let ended = Instant::now();
        theatre.let_survivors_in();
        let mutex = theatre.mutex();
        assert!(comes_true(|| theatre.all_survived()), "round {round} of {point:?}: {mutex:?}");
        slowest = slowest.max(ended.elapsed());
        let died = ending == Ending::BY_SIGKILL;
        assert!(died || ending == Ending::WELL, "round {round} of {point:?}: {ending:?}");
        let errors = if died { errors_after(point) } else { errors_without(scene_of(point)) };
        assert_eq!(theatre.errors(), errors, "round {round} of {point:?}, {ending:?}");
        deaths += u32::from(died);
    }
    let time = begun.elapsed();
    println!("{point:?}: {deaths} deaths of {tries} in {time:.1?}; over in {slowest:.1?} at most");
    assert_eq!(deaths, DEATHS, "{point:?} is not reached");
}
