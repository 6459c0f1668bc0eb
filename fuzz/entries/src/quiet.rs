// SPDX-License-Identifier: BSD-2-Clause
//! The end of what an input started: decoders may end behind the caller's back, but they do end.

use std::{
    fs,
    sync::OnceLock,
    time::{Duration, Instant},
};

/// Longest time that threads may outlive the objects that had them.
const LIMIT: Duration = Duration::from_secs(30);

/// Runs `body`, then waits until there are no more threads than before the first call. For one thread at a time.
pub fn after(body: impl FnOnce()) {
    static BEFORE: OnceLock<usize> = OnceLock::new();
    let before = *BEFORE.get_or_init(threads);
    body();
    let ended = Instant::now();
    while threads() > before {
        assert!(
            ended.elapsed() < LIMIT,
            "{} threads instead of {before}",
            threads()
        );
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}
