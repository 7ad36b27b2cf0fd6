//! A system that refuses a call, for a child.
#![expect(unsafe_code, reason = "installs a filter")]

/// Lets a system call fail if one of its arguments has one of these bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filter {
    pub(super) call: libc::c_long,
    /// Which argument, from 0 on.
    pub(super) argument: u32,
    /// Of its low half.
    pub(super) bits: u32,
    /// The error.
    pub(super) refusal: i32,
}

impl Filter {
    /// Installs it for the rest of this process's life; returns whether that is permitted.
    pub(super) fn install(self) -> bool {
        const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
        const JUMP_IF: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
        const JUMP_IF_BITS: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
        const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
        let step = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
        let mut steps = [
            step(LOAD, 0, 0, 0),
            step(JUMP_IF, 0, 3, self.call as u32),
            step(LOAD, 0, 0, self.place_of_argument()),
            step(JUMP_IF_BITS, 0, 1, self.bits),
            step(RETURN, 0, 0, libc::SECCOMP_RET_ERRNO | self.refusal.unsigned_abs()),
            step(RETURN, 0, 0, libc::SECCOMP_RET_ALLOW),
        ];
        let program = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
        // SAFETY: the call takes numbers.
        unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
        let filter = libc::SECCOMP_MODE_FILTER;
        // SAFETY: the program is borrowed for as long as the call lasts.
        unsafe { libc::prctl(libc::PR_SET_SECCOMP, filter, &raw const program) == 0 }
    }

    /// Where its low half is in `struct seccomp_data`.
    fn place_of_argument(self) -> u32 {
        const FIRST_ARGUMENT: u32 = 16;
        FIRST_ARGUMENT + self.argument * 8 + if cfg!(target_endian = "big") { 4 } else { 0 }
    }
}
