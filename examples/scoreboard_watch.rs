// cargo run --example scoreboard_watch -- 1
//! Shows for so many seconds the scoreboard that `scoreboard` writes to, and takes it down.

use std::env;
use std::error::Error;
use std::thread::sleep;
use std::time::Duration;

use aquifer::{Backing, SharedHeap, ShmMutex, ShmSafe, ShmString, ShmVec};

#[derive(ShmSafe)]
#[repr(C)]
struct Player {
    name: ShmString,
    points: u64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let seconds: u32 = env::args().nth(1).ok_or("for how many seconds?")?.parse()?;

    let board = Backing::File(env::temp_dir().join("scoreboard"));
    let heap = SharedHeap::open_or_create(&board, 1 << 20)?;
    let none = || ShmVec::<Player>::new_in(&heap);
    let players = heap.root_or_insert_with("players", || ShmMutex::new(none()))?;
    for second in 1..=seconds {
        let players = players.lock().or_else(|error| error.replace_with(none))?;
        players.iter().for_each(|player| println!("{:5} {}", player.points, player.name));
        drop(players);
        println!("-- after {second} s");
        sleep(Duration::from_secs(1));
    }
    // Who has it open keeps it. The next who opens or creates it has an empty one.
    Ok(SharedHeap::unlink(&board)?)
}
