// cargo run --example scoreboard -- Ada 3
//! Gives a player points, on a scoreboard that programs share: `scoreboard_watch` shows it.

use std::env;
use std::error::Error;

use aquifer::{Backing, SharedHeap, ShmMutex, ShmSafe, ShmString, ShmVec};

#[derive(ShmSafe)]
#[repr(C)]
struct Player {
    name: ShmString,
    points: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let name = env::args().nth(1).ok_or("whose points are they?")?;
    let points: u64 = env::args().nth(2).ok_or("how many points?")?.parse()?;

    let board = Backing::File(env::temp_dir().join("scoreboard"));
    let heap = SharedHeap::open_or_create(&board, 1 << 20)?;
    let none = || ShmVec::<Player>::new_in(&heap);
    let players = heap.root_or_insert_with("players", || ShmMutex::new(none()))?;
    // If a process was killed in the middle of a change, the board begins anew.
    let mut players = players.lock().or_else(|error| error.replace_with(none))?;
    match players.iter_mut().find(|player| player.name == name) {
        Some(player) => player.points += points,
        None => players.push(Player { name: ShmString::from_str_in(&name, &heap)?, points })?,
    }
    println!("{} players are on the board", players.len());
    Ok(())
}
