//! The end of the process, with a line for people.
#![expect(unsafe_code, reason = "writes to a descriptor")]

use core::fmt::{self, Write};
use std::process;

/// Writes a line to standard error, allocating nothing and waiting for no lock, and aborts.
#[cold]
pub(crate) fn abort(words: fmt::Arguments<'_>) -> ! {
    let mut line = Line { bytes: [0; 256], length: 0 };
    // What does not fit is left out.
    let _ = writeln!(line, "aquifer: {words}");
    let text = line.bytes.get(..line.length).unwrap_or(&[]);
    // SAFETY: the text is borrowed for as long as the call lasts.
    unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
    process::abort()
}

struct Line {
    bytes: [u8; 256],
    length: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.bytes.get_mut(self.length..).ok_or(fmt::Error)?;
        let length = room.len().min(text.len());
        let (Some(room), Some(text)) = (room.get_mut(..length), text.as_bytes().get(..length))
        else {
            return Err(fmt::Error);
        };
        room.copy_from_slice(text);
        self.length += length;
        Ok(())
    }
}
