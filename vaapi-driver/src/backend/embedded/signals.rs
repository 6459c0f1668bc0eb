// SPDX-License-Identifier: BSD-2-Clause
//! Threads that a library starts must not take the signals that its host waits for.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

/// While it lives, this thread takes no signals, and the threads that it starts never do.
pub struct Blocked {
    before: libc::sigset_t,
}

/// Blocks all signals for this thread; `None` if the system does not let us.
pub fn block() -> Option<Blocked> {
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets are valid for writes; `all` is initialised by `sigfillset`, `before` where the call succeeds.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        let status = libc::pthread_sigmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        (status == 0).then(|| Blocked {
            before: before.assume_init(),
        })
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: the set is the one that this thread had.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, std::ptr::null_mut()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_blocked(signal: i32) -> bool {
        let mut now = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: reads this thread's set, changes nothing.
        unsafe {
            libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), now.as_mut_ptr());
            libc::sigismember(now.as_ptr(), signal) == 1
        }
    }

    #[test]
    fn threads_started_meanwhile_take_no_signals() {
        assert!(!is_blocked(libc::SIGTERM));
        let blocked = block();
        let thread = std::thread::spawn(|| is_blocked(libc::SIGTERM));
        drop(blocked);
        assert!(thread.join().unwrap());
        assert!(!is_blocked(libc::SIGTERM));
    }
}
