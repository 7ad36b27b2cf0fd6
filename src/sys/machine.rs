//! The machine: which start of it this is, and its random numbers.
#![expect(unsafe_code, reason = "calls getrandom")]

use std::fs;
use std::io;

/// Returns a number that differs from one start of the machine to the next, and is not 0. What was written under
/// another number, no process that lives has written.
///
/// # Errors
///
/// `/proc` is not mounted, or somebody has put something else there.
pub(crate) fn boot_id() -> io::Result<u128> {
    const PLACE: &str = "/proc/sys/kernel/random/boot_id";
    let text = fs::read_to_string(PLACE)
        .map_err(|error| io::Error::new(error.kind(), format!("{PLACE}: {error}")))?;
    let number = u128::from_str_radix(&text.trim_end().replace('-', ""), 16).ok();
    number.filter(|&number| number != 0).ok_or_else(|| io::Error::other(PLACE))
}

/// Returns 16 bytes that nobody can guess.
///
/// # Errors
///
/// Those of `getrandom`: a filter forbids the call.
pub(crate) fn random() -> io::Result<u128> {
    let mut bytes = [0_u8; size_of::<u128>()];
    loop {
        // SAFETY: the bytes have room for what is written to them.
        let count = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
        if count == bytes.len() as isize {
            return Ok(u128::from_ne_bytes(bytes));
        }
        // So few bytes come whole or, where a signal is first, not at all.
        let error = io::Error::last_os_error();
        if count >= 0 || error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}
