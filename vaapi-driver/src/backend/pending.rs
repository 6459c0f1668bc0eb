// SPDX-License-Identifier: BSD-2-Clause
//! A picture on its way: what a waiting client holds.

use crate::lock::lock;
use crate::stream::Stream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};

/// A stream that completes no picture for this long while one is waited for has failed.
pub(crate) const STALL_LIMIT: Duration = Duration::from_secs(10);

/// What became of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The surface holds the picture.
    Decoded,
    /// The stream is damaged: the surface holds a concealed picture, an earlier one, or nothing but black.
    Damaged(String),
    /// The decoder failed, or cannot decode such pictures: the surface holds what it held before.
    Failed(String),
}

/// A picture's way through a stream, shared by the surfaces it goes to. Gets its outcome exactly once.
pub struct Pending {
    stream: Weak<Stream>,
    progress: Arc<Progress>,
    sequence: OnceLock<u64>,
    outcome: Mutex<Option<Outcome>>,
    changed: Condvar,
}

impl Pending {
    /// A picture of `stream`, which `progress` counts, that is not yet submitted.
    pub fn new(stream: Weak<Stream>, progress: Arc<Progress>) -> Self {
        Self {
            stream,
            progress,
            sequence: OnceLock::new(),
            outcome: Mutex::new(None),
            changed: Condvar::new(),
        }
    }

    /// A picture that never came as far as a stream.
    pub fn refused(outcome: Outcome) -> Self {
        let pending = Self::new(Weak::new(), Arc::default());
        pending.complete(outcome);
        pending
    }

    /// The session's sequence number; `None` until it is submitted.
    pub fn sequence(&self) -> Option<u64> {
        self.sequence.get().copied()
    }

    pub(crate) fn submitted(&self, sequence: u64) {
        // A picture is submitted once; a second number would name no picture that anybody waits for.
        let _ = self.sequence.set(sequence);
    }

    /// Settles the outcome; the first one counts.
    pub(crate) fn complete(&self, outcome: Outcome) {
        let mut slot = lock(&self.outcome);
        if slot.is_none() {
            *slot = Some(outcome);
            self.changed.notify_all();
        }
    }

    /// The outcome, if there is one yet.
    pub fn outcome(&self) -> Option<Outcome> {
        lock(&self.outcome).clone()
    }

    /// Makes the picture come out although nothing follows it. Never waits for a decode.
    pub fn push(&self) {
        if lock(&self.outcome).is_some() {
            return;
        }
        match self.stream.upgrade() {
            Some(stream) => stream.push(self),
            None => self.complete(Outcome::Failed("the stream has ended".into())),
        }
    }

    /// Waits for the outcome until `deadline` (`None`: as long as the stream makes progress). `None`: the deadline has
    /// passed. A stream that stalls for 10 seconds fails the picture.
    pub fn wait(&self, deadline: Option<Instant>) -> Option<Outcome> {
        let mut progress = self.progress.completed();
        let mut stalled = Instant::now() + STALL_LIMIT;
        let mut slot = lock(&self.outcome);
        loop {
            if let Some(outcome) = &*slot {
                return Some(outcome.clone());
            }
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) {
                return None;
            }
            if now >= stalled {
                let completed = self.progress.completed();
                if completed == progress {
                    let outcome = Outcome::Failed(format!(
                        "no picture came out for {} s",
                        STALL_LIMIT.as_secs()
                    ));
                    *slot = Some(outcome.clone());
                    self.changed.notify_all();
                    return Some(outcome);
                }
                progress = completed;
                stalled = now + STALL_LIMIT;
            }
            let until = deadline.map_or(stalled, |deadline| deadline.min(stalled));
            let (guard, _) = self
                .changed
                .wait_timeout(slot, until.saturating_duration_since(now))
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            slot = guard;
        }
    }
}

/// How far a stream is.
#[derive(Default)]
pub struct Progress {
    counts: Mutex<Counts>,
    changed: Condvar,
    abandoned: AtomicBool,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    /// Submitted, or held back.
    begun: u64,
    completed: u64,
}

impl Progress {
    pub(crate) fn begin(&self) {
        lock(&self.counts).begun += 1;
    }

    pub(crate) fn end(&self) {
        lock(&self.counts).completed += 1;
        self.changed.notify_all();
    }

    /// Pictures completed.
    pub fn completed(&self) -> u64 {
        lock(&self.counts).completed
    }

    /// Pictures on their way.
    pub fn pending(&self) -> u64 {
        let counts = lock(&self.counts);
        counts.begun - counts.completed
    }

    /// Waits until at most `most` pictures are on their way, until `deadline` at the latest; whether it came to that.
    pub fn wait_for(&self, most: u64, deadline: Instant) -> bool {
        let mut counts = lock(&self.counts);
        while counts.begun - counts.completed > most {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            (counts, _) = self
                .changed
                .wait_timeout(counts, left)
                .unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        true
    }

    /// The client is gone: what is still on its way interests nobody.
    pub(crate) fn abandon(&self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_outcome_counts() {
        let pending = Pending::new(Weak::new(), Arc::default());
        assert_eq!(pending.outcome(), None);
        assert_eq!(
            pending.wait(Some(Instant::now() + Duration::from_millis(5))),
            None
        );
        pending.complete(Outcome::Damaged("a".into()));
        pending.complete(Outcome::Decoded);
        assert_eq!(pending.wait(None), Some(Outcome::Damaged("a".into())));
    }

    #[test]
    fn a_picture_of_an_ended_stream_fails_when_it_is_waited_for() {
        let pending = Pending::new(Weak::new(), Arc::default());
        pending.push();
        assert!(matches!(pending.wait(None), Some(Outcome::Failed(_))));
    }
}
