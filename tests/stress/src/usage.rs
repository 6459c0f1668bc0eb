// SPDX-License-Identifier: BSD-2-Clause
//! What this process uses, as the kernel counts it.

use anyhow::{Context, Result};
use std::{
    fs,
    time::{Duration, Instant},
};

/// Threads, open files and resident bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Entries of `/proc/self/task`.
    pub threads: usize,
    /// Entries of `/proc/self/fd`.
    pub files: usize,
    /// `VmRSS` in bytes.
    pub resident: u64,
}

impl Usage {
    /// Now.
    ///
    /// # Errors
    /// `/proc` is not mounted.
    pub fn now() -> Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("VmRSS")?;
        let kilobytes: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(Self {
            threads: fs::read_dir("/proc/self/task")?.count(),
            files: fs::read_dir("/proc/self/fd")?.count(),
            resident: kilobytes << 10,
        })
    }
}

/// Threads of the idle streams that the driver may keep: four at most, each with its decoder's threads and a few of its own.
pub fn kept_threads() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    4 * (processors.min(8) + 4)
}

impl Usage {
    /// As soon as there are no more than `threads` threads, or after two seconds: decoders end behind the client's back.
    ///
    /// # Errors
    /// As [`Usage::now`].
    pub fn settled(threads: usize) -> Result<Self> {
        let started = Instant::now();
        loop {
            let now = Self::now()?;
            if now.threads <= threads || started.elapsed() > Duration::from_secs(2) {
                return Ok(now);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} threads, {} files, {:.1} MiB resident",
            self.threads,
            self.files,
            self.resident as f64 / f64::from(1 << 20)
        )
    }
}
