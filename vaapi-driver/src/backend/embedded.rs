// SPDX-License-Identifier: BSD-2-Clause
//! The embedded engine: software decoders in the client's own process.

mod signals;

use super::{Backend, DecodeSession, Job, Outcome};
use crate::error::{Error, Result};
use crate::lock::lock;
use engine::error::EngineError;
use engine::session::{Completion, Session, SessionConfig};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use v4l2_common::picture::{Codec, Picture};

/// Decodes with [`engine`].
pub struct Embedded {
    /// Pictures of one stream that may decode in parallel.
    threads: usize,
}

impl Embedded {
    /// A backend whose sessions use `threads` decode threads each.
    pub fn new(threads: usize) -> Self {
        Self {
            threads: threads.max(1),
        }
    }
}

impl Backend for Embedded {
    fn name(&self) -> &'static str {
        "embedded engine"
    }

    fn parallel(&self) -> usize {
        self.threads
    }

    fn open(&self, codec: Codec) -> Result<Box<dyn DecodeSession>> {
        let jobs = Arc::new(Mutex::new(VecDeque::new()));
        let queue = Arc::clone(&jobs);
        let config = SessionConfig {
            codec,
            threads: self.threads,
        };
        let blocked = signals::block();
        let session = Session::new(
            config,
            Box::new(move |completion| answer(&queue, completion)),
        );
        drop(blocked);
        let session = session.map_err(|error| Error::Decoding(error.to_string()))?;
        tracing::debug!(
            codec = codec.name(),
            threads = self.threads,
            "engine session opened"
        );
        Ok(Box::new(EmbeddedSession { session, jobs }))
    }
}

struct EmbeddedSession {
    session: Session,
    /// What the engine owes, oldest first. Dropped after the session: what it left unanswered then fails.
    jobs: Arc<Mutex<VecDeque<Job>>>,
}

impl DecodeSession for EmbeddedSession {
    fn submit(&self, picture: Picture, job: Job) -> Result<u64> {
        // Before the engine has the picture: it may answer before `submit` returns.
        lock(&self.jobs).push_back(job);
        self.session.submit(picture).map_err(|error| {
            // The refused picture gets no completion, so its job is still the newest.
            let job = lock(&self.jobs).pop_back();
            if let Some(job) = job {
                job.fail(error.to_string());
            }
            Error::Decoding(error.to_string())
        })
    }

    fn kick(&self, sequence: u64) {
        self.session.kick(sequence);
    }

    fn flush(&self) {
        self.session.flush();
    }
}

/// Runs on the session's thread; a panic is this picture's failure (its job is dropped).
fn answer(jobs: &Mutex<VecDeque<Job>>, completion: Completion) {
    let Some(job) = lock(jobs).pop_front() else {
        tracing::error!(
            timestamp = completion.timestamp,
            "the engine completed a picture that it was not given"
        );
        return;
    };
    let timestamp = completion.timestamp;
    let finished = catch_unwind(AssertUnwindSafe(|| {
        let size = completion
            .frame
            .as_ref()
            .map(|frame| (frame.width, frame.height));
        let outcome = store(&job, completion);
        job.complete(outcome, size);
    }));
    if finished.is_err() {
        tracing::error!(timestamp, "storing a picture panicked");
    }
}

fn store(job: &Job, completion: Completion) -> Outcome {
    if job.timestamp() != completion.timestamp {
        return Outcome::Failed(format!(
            "the engine answered picture {} instead",
            completion.timestamp
        ));
    }
    let frame = match (completion.frame, &completion.error) {
        (Some(frame), _) => Arc::new(frame),
        (None, Some(error @ (EngineError::Damaged(_) | EngineError::MissingReference(_)))) => {
            job.conceal();
            return Outcome::Damaged(error.to_string());
        }
        (None, Some(error)) => return Outcome::Failed(error.to_string()),
        // The first field of a pair: its frame comes with the second.
        (None, None) => return Outcome::Decoded,
    };
    let shown = completion
        .grained
        .map_or_else(|| Arc::clone(&frame), Arc::new);
    let stored = match (job.target(), job.display()) {
        (Some(target), Some(display)) => target.store(frame).and_then(|()| display.store(shown)),
        (Some(target), None) => target.store(shown),
        (None, _) => Ok(()),
    };
    match (stored, completion.error) {
        (Err(error), _) => Outcome::Failed(error.to_string()),
        (Ok(()), Some(error)) => Outcome::Damaged(error.to_string()),
        (Ok(()), None) => Outcome::Decoded,
    }
}
