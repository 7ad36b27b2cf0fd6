//! `Desk`: the buffers that a worker has once, for whichever connection has its turn.
#![forbid(unsafe_code)]

/// What is read lies on it until it is answered, and what is answered until it is sent.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) input: Box<[u8]>,
    pub(crate) output: Vec<u8>,
    /// A piece of a file on its way.
    pub(crate) piece: Box<[u8]>,
    /// In nanoseconds, when something last took time.
    pub(crate) now: u64,
    /// Whether the worker is to end.
    pub(crate) is_draining: bool,
}

impl Desk {
    const INPUT: usize = 32 << 10;
    /// The most that is kept for output.
    const OUTPUT: usize = 256 << 10;
    const PIECE: usize = 128 << 10;

    pub(crate) fn new(now: u64) -> Self {
        let zeros = |bytes| vec![0; bytes].into_boxed_slice();
        let output = Vec::with_capacity(Self::OUTPUT);
        Self {
            input: zeros(Self::INPUT),
            output,
            piece: zeros(Self::PIECE),
            now,
            is_draining: false,
        }
    }

    /// Gives back what an uncommonly large answer has needed.
    pub(crate) fn tidy(&mut self) {
        self.output.clear();
        self.output.shrink_to(Self::OUTPUT);
    }
}
