// SPDX-License-Identifier: BSD-2-Clause
//! The embedded engine: software decoders in the client's own process.
#![allow(unsafe_code)]

use super::{Backend, DecodeSession, Job, Outcome};
use crate::error::{Error, Result};
use crate::lock::lock;
use crate::surface::Surface;
use engine::error::EngineError;
use engine::frame::Frame;
use engine::pack::pack;
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
        let session = Session::new(
            config,
            Box::new(move |completion| answer(&queue, completion)),
        )
        .map_err(|error| Error::Decoding(error.to_string()))?;
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
    let finished = catch_unwind(AssertUnwindSafe(|| {
        let outcome = write(&job, &completion);
        job.complete(
            outcome,
            completion
                .frame
                .as_ref()
                .map(|frame| (frame.width, frame.height)),
        );
    }));
    if finished.is_err() {
        tracing::error!(
            timestamp = completion.timestamp,
            "packing a picture panicked"
        );
    }
}

fn write(job: &Job, completion: &Completion) -> Outcome {
    if job.timestamp() != completion.timestamp {
        return Outcome::Failed(format!(
            "the engine answered picture {} instead",
            completion.timestamp
        ));
    }
    match (&completion.frame, &completion.error) {
        (None, Some(error)) => return Outcome::Failed(error.to_string()),
        // The first field of a pair: its frame comes with the second.
        (None, None) => return Outcome::Decoded,
        (Some(frame), _) => {
            let shown = completion.grained.as_ref().unwrap_or(frame);
            let written = match (job.target(), job.display()) {
                (Some(target), Some(display)) => {
                    put(frame, target).and_then(|()| put(shown, display))
                }
                (Some(target), None) => put(shown, target),
                (None, _) => Ok(()),
            };
            if let Err(error) = written {
                return Outcome::Failed(error.to_string());
            }
        }
    }
    match &completion.error {
        Some(error) => Outcome::Damaged(error.to_string()),
        None => Outcome::Decoded,
    }
}

fn put(frame: &Frame, surface: &Surface) -> std::result::Result<(), EngineError> {
    let pixels = surface
        .pixels()
        .map_err(|error| EngineError::Unavailable(error.to_string()))?;
    // SAFETY: the target lies inside memory that `pixels` keeps alive for the call; a decoder's frame is memory of its own.
    unsafe { pack(frame, &pixels.target()) }
}
