//! A forked process with the threads that it starts, of which one at a time goes on by one instruction.
#![forbid(unsafe_code)]

use std::{fs, iter, thread};

use crate::slab::tests::tracer::Traced;

/// All threads stand still, but for those that sleep.
pub(super) struct Troupe {
    /// Each was started later than those before it, and so is waited for before them: a process is over
    /// when its threads are.
    threads: Vec<Player>,
}

struct Player {
    thread: Traced,
    /// Whether it is in a call that ends when others wake it.
    sleeps: bool,
}

/// A call after which a thread does not stand still soon.
enum Call {
    /// It ends when another thread wakes this one.
    Sleep,
    /// It ends the process.
    End,
}

impl Troupe {
    /// As [`Traced::fork`].
    pub(super) fn fork(body: impl FnOnce()) -> Option<Self> {
        let thread = Traced::fork(body)?;
        thread.trace_threads();
        Some(Self { threads: vec![Player { thread, sleeps: false }] })
    }

    /// Lets the thread that was started last, of those that are awake, execute one instruction. Returns
    /// which it was, counted from the oldest; none if with that the process would end.
    pub(super) fn step(&mut self) -> Option<usize> {
        loop {
            let index = self.awake()?;
            let player = &mut self.threads[index];
            match player.thread.call() {
                Some(Call::End) => return None,
                Some(Call::Sleep) => {
                    player.thread.set_out();
                    player.sleeps = true;
                }
                None => {
                    player.thread.step();
                    self.meet_newcomer(index);
                    return Some(index);
                }
            }
        }
    }

    /// As [`Troupe::step`]; but the oldest goes on until it starts a thread or [`stand_still`]s, or until another
    /// is awake.
    ///
    /// [`stand_still`]: crate::slab::tests::tracer::stand_still
    pub(super) fn run(&mut self) -> Option<usize> {
        let index = self.awake()?;
        if index > 0 {
            return self.step();
        }
        self.threads[index].thread.set_out_to_run();
        self.threads[index].sleeps = true;
        let index = self.awake()?;
        self.meet_newcomer(index);
        Some(index)
    }

    /// Waits until a thread is awake; none if none lives.
    fn awake(&mut self) -> Option<usize> {
        loop {
            let awake = self.threads.iter_mut().rposition(Player::is_awake);
            if awake.is_some() || !self.threads.iter().any(|player| player.thread.lives()) {
                return awake;
            }
            thread::yield_now();
        }
    }

    fn meet_newcomer(&mut self, index: usize) {
        let thread = &self.threads[index].thread;
        assert!(!thread.has_signal(), "it would be killed");
        let started = thread.started().map(|thread| Player { thread, sleeps: false });
        self.threads.extend(started);
    }

    /// Where in their files the words lie that the kernel marks when all threads die now, and marks by
    /// [`OWNER_DIED`](crate::sync::participants::OWNER_DIED).
    pub(super) fn testament(&self) -> Vec<usize> {
        let awake = self.threads.iter().filter(|player| player.thread.lives());
        awake.flat_map(|player| player.thread.testament()).collect()
    }
}

impl Player {
    fn is_awake(&mut self) -> bool {
        self.sleeps = self.sleeps && !self.thread.has_arrived();
        !self.sleeps && self.thread.lives()
    }
}

impl Drop for Troupe {
    fn drop(&mut self) {
        while let Some(last) = self.threads.pop() {
            drop(last);
        }
    }
}

impl Traced {
    /// What its next instruction asks of the system, if that is one of these.
    fn call(&self) -> Option<Call> {
        const COMMAND: u64 = 0x7F;
        let command = (self.registers().rsi & COMMAND) as i32;
        match self.call_number()? {
            libc::SYS_exit_group => Some(Call::End),
            libc::SYS_futex if command == libc::FUTEX_WAIT => Some(Call::Sleep),
            libc::SYS_futex if command == libc::FUTEX_WAIT_BITSET => Some(Call::Sleep),
            _ => None,
        }
    }

    /// The number of the call of the system that its next instruction is.
    pub(super) fn call_number(&self) -> Option<i64> {
        /// The bytes of `syscall`.
        const SYSCALL: u64 = 0x050F;
        let registers = self.registers();
        let is_call = self.word(registers.rip as usize) & 0xFFFF == SYSCALL;
        is_call.then_some(registers.rax as i64)
    }

    /// Those words of its robust list that hold its number: where they lie in their files.
    fn testament(&self) -> Vec<usize> {
        const LONGEST: usize = 100;
        let Some(head) = self.robust_list() else { return vec![] };
        let word = |address: usize| self.word(address) as usize;
        let (offset, pending) = (word(head + 8), word(head + 16));
        assert_eq!(pending, 0, "nobody here changes such a list");
        let follow = |&node: &usize| Some(word(node)).filter(|&node| node != head);
        let nodes = iter::successors(Some(head), follow).skip(1).take(LONGEST);
        let words = nodes.map(|node| node.wrapping_add(offset));
        let is_its =
            |&address: &usize| self.word(address) as u32 & libc::FUTEX_TID_MASK == self.number();
        words.filter(is_its).map(|address| self.place_in_file(address)).collect()
    }

    /// How far from the start of its file something lies that is mapped at an address.
    fn place_in_file(&self, address: usize) -> usize {
        let maps = fs::read_to_string(format!("/proc/{}/maps", self.number())).unwrap();
        let number = |text: &str| usize::from_str_radix(text, 16).unwrap();
        let place = maps.lines().find_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (start, end) = range.split_once('-')?;
            let is_there = (number(start)..number(end)).contains(&address);
            is_there.then(|| address - number(start) + number(rest.split(' ').nth(1).unwrap()))
        });
        place.unwrap_or_else(|| panic!("nothing is mapped at {address:#x}"))
    }
}
