// cargo run --example published_config
//! A configuration that one process publishes and others read: always a whole one, whoever is killed.
#![expect(unsafe_code, reason = "forks, and reads on where a reader was killed")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::{error::Error, thread::sleep, time::Duration};

use aquifer::{Backing, LockError, SharedHeap, ShmMutex, ShmSafe, ShmString, ShmVec};

#[derive(ShmSafe, Debug)]
#[repr(C)]
struct Config {
    version: u64,
    servers: ShmVec<ShmString>, // as many as the last digit of the version says, named after it
}

#[derive(ShmSafe)]
#[repr(C)]
struct Published {
    version: AtomicU64,
    places: [ShmMutex<Config>; 2], // one is read while the next version is written into the other
}

fn main() -> Result<(), Box<dyn Error>> {
    let heap = SharedHeap::create(&Backing::Memfd, 1 << 20)?; // no file, and nothing to remove
    let none = || ShmMutex::new(Config { version: 0, servers: ShmVec::new_in(&heap) });
    let make = || Published { version: AtomicU64::new(0), places: [none(), none()] };
    let published = heap.root_or_insert_with("config", make)?;
    let work: [&dyn Fn() -> bool; 2] = [&|| publish(&published, &heap), &|| read(&published)];
    for round in 0..20 {
        // SAFETY: there is one thread, and workers drop nothing that they have inherited.
        for child in work.map(|work| unsafe { heap.fork_worker(|| (0..).all(|_| work()).into()) }) {
            let mut child = child?;
            sleep(Duration::from_micros(1_000 + 97 * round));
            child.kill()?;
            assert_eq!(child.wait()?.code(), None, "it has ended by itself: what it read was torn");
        }
    }
    println!("{:?} versions; 20 publishers and 20 readers were killed", published.version);
    Ok(heap.check()?)
}

/// Publishes the next version.
fn publish(Published { version: current, places }: &Published, heap: &SharedHeap) -> bool {
    let (version, servers) = (current.load(Ordering::Relaxed) + 1, ShmVec::new_in(heap));
    let mut config = match places[version as usize % 2].lock() {
        Err(LockError::OwnerDied(died)) => died.replace(Config { version, servers }),
        config => config.unwrap(),
    };
    config.version = version;
    config.servers.clear();
    let name = |_| ShmString::from_str_in(&version.to_string(), heap).unwrap();
    let is_whole = config.servers.try_extend((0..version % 10).map(name)).is_ok();
    current.store(version, Ordering::Release); // it is the one to read from here on
    is_whole
}

/// Returns whether what is to be read is whole.
fn read(Published { version: current, places }: &Published) -> bool {
    let version = current.load(Ordering::Acquire);
    let mut config = match places[version as usize % 2].lock() {
        // By now there is another, and who was killed here has begun to write the one after that.
        Err(LockError::OwnerDied(_)) if current.load(Ordering::Acquire) > version => return true,
        // SAFETY: nobody writes any more where the current version is: it is as whole as it was.
        Err(LockError::OwnerDied(died)) => unsafe { died.into_guard() },
        config => config.unwrap(),
    };
    aquifer::ShmMutexGuard::clear_poison(&mut config);
    config.servers.iter().eq(&vec![config.version.to_string(); config.version as usize % 10])
}
