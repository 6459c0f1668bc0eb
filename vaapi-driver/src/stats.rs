// SPDX-License-Identifier: BSD-2-Clause
//! Counts the pictures of a context, and reports them where `DAEDALUS_STATS` says.

use crate::backend::Outcome;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// Pictures of one context. Shared by the context and its pictures on their way: the report is written when the last of
/// them is gone.
pub struct Counters {
    profile: &'static str,
    backend: &'static str,
    report: Option<PathBuf>,
    submitted: AtomicU64,
    decoded: AtomicU64,
    damaged: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
}

impl Counters {
    /// Counts from zero; `report` is the file to append to.
    pub fn new(profile: &'static str, backend: &'static str, report: Option<PathBuf>) -> Self {
        Self {
            profile,
            backend,
            report,
            submitted: AtomicU64::new(0),
            decoded: AtomicU64::new(0),
            damaged: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    pub(crate) fn submitted(&self) {
        self.submitted.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts, and returns how many were refused so far.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Counts, and returns how many were not decoded well so far.
    pub(crate) fn completed(&self, outcome: &Outcome) -> u64 {
        let counter = match outcome {
            Outcome::Decoded => &self.decoded,
            Outcome::Damaged(_) => &self.damaged,
            Outcome::Failed(_) => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        self.damaged.load(Ordering::Relaxed) + self.failed.load(Ordering::Relaxed)
    }

    /// One line of `name=value` words. `submitted` counts the pictures given to `vaEndPicture`, `completed` those that were
    /// decoded without an error, `failed` the others; of these, `damaged` were concealed and `refused` not translated.
    pub fn line(&self) -> String {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (damaged, refused) = (get(&self.damaged), get(&self.refused));
        format!(
            "profile={} backend={} submitted={} completed={} failed={} damaged={damaged} refused={refused}\n",
            self.profile,
            self.backend.replace(' ', "-"),
            get(&self.submitted) + refused,
            get(&self.decoded),
            get(&self.failed) + damaged + refused,
        )
    }
}

impl Drop for Counters {
    fn drop(&mut self) {
        let line = self.line();
        tracing::info!("context ends: {}", line.trim_end());
        let Some(path) = &self.report else { return };
        // One write in append mode: lines of several processes do not mix.
        let written = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .and_then(|mut file| file.write_all(line.as_bytes()));
        if let Err(error) = written {
            tracing::warn!("cannot write statistics to {}: {error}", path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_counts_each_picture_once() {
        let counters = Counters::new("VP9Profile0", "embedded engine", None);
        for _ in 0..4 {
            counters.submitted();
        }
        counters.refused();
        counters.completed(&Outcome::Decoded);
        counters.completed(&Outcome::Decoded);
        counters.completed(&Outcome::Damaged(String::new()));
        counters.completed(&Outcome::Failed(String::new()));
        let line = counters.line();
        let words = "profile=VP9Profile0 backend=embedded-engine submitted=5 completed=2 failed=3 damaged=1 refused=1\n";
        assert_eq!(line, words);
    }
}
