// SPDX-License-Identifier: BSD-2-Clause
//! One stream: pictures in, completions out.
//!
//! A session has two threads. The worker feeds the decoder, and pushes its pipeline when somebody waits or when no
//! picture has come for a while; the completion thread calls the client, so that what the client does with a frame
//! (packing) runs beside the decoding of the next one.

use crate::decoder::{self, Decoded, Decoder};
use crate::{error::EngineError, frame::Frame};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle, current};
use std::time::Duration;
use v4l2_common::picture::{Codec, Picture};

/// How long the queue may be dry before the pipeline is pushed without anybody having asked: a client that only polls
/// must see its pictures complete, too.
const DRY: Duration = Duration::from_millis(5);
/// Completions that may wait for the client; beyond it the worker waits, so that frames do not pile up.
const BACKLOG: usize = 16;

/// How a session decodes.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// Every picture of the session is of this codec.
    pub codec: Codec,
    /// Pictures that may decode in parallel, at least 1.
    pub threads: usize,
}

/// What became of one submitted picture; every submission gets exactly one.
#[derive(Debug)]
pub struct Completion {
    /// As returned by [`Session::submit`].
    pub sequence: u64,
    /// `Picture::timestamp`.
    pub timestamp: u64,
    /// The decoded or concealed frame, without film grain; `None` if there is nothing to show. The first field of an
    /// H.264 field pair has none: the second one brings the frame.
    pub frame: Option<Frame>,
    /// The frame with film grain, if the picture's film grain control asked for it.
    pub grained: Option<Frame>,
    /// Set where the picture was refused, is damaged, or decoded from wrong references.
    pub error: Option<EngineError>,
}

/// Called for each completion, in submission order, from a thread of the session; must not block on the session.
pub type OnComplete = Box<dyn FnMut(Completion) + Send>;

/// What the client's threads and the worker share.
#[derive(Default)]
struct Queue {
    pictures: VecDeque<(u64, Picture)>,
    /// Sequence number of the next picture.
    next: u64,
    /// Somebody waits for all pictures before this one.
    wanted: u64,
    closed: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        // The queue is consistent between any two statements.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A software decode session. Dropping it completes what is pending with [`EngineError::Closed`], and waits until the
/// last completion has been called (not when dropped by a completion itself).
pub struct Session {
    codec: Codec,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Session {
    /// Starts a session and its threads.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] if the decoder library refuses.
    pub fn new(config: SessionConfig, on_complete: OnComplete) -> Result<Self, EngineError> {
        let decoder = decoder::open(&config)?;
        let reopen = config.clone();
        Self::with_decoder(
            config.codec,
            decoder,
            Box::new(move || decoder::open(&reopen)),
            on_complete,
        )
    }

    fn with_decoder(
        codec: Codec,
        decoder: Box<dyn Decoder>,
        reopen: Reopen,
        on_complete: OnComplete,
    ) -> Result<Self, EngineError> {
        let shared = Arc::new(Shared::default());
        let (sender, receiver) = sync_channel(BACKLOG);
        let spawn = |name: &str, body: Box<dyn FnOnce() + Send>| {
            Builder::new()
                .name(format!("{name}-{}", codec.name()))
                .spawn(body)
                .map_err(|error| EngineError::Unavailable(format!("thread: {error}")))
        };
        let mut session = Self {
            codec,
            shared: shared.clone(),
            threads: Vec::new(),
        };
        session.threads.push(spawn(
            "dd-out",
            Box::new(move || complete(&receiver, on_complete)),
        )?);
        let worker = Worker {
            shared,
            decoder: Some(decoder),
            reopen,
            inside: VecDeque::new(),
            done: Vec::new(),
            idle: Idle::No,
            sender,
        };
        session
            .threads
            .push(spawn("dd-dec", Box::new(move || worker.run()))?);
        Ok(session)
    }

    /// Queues a picture; never waits for a decode. Returns its sequence number (0, 1, 2, ...).
    ///
    /// # Errors
    /// [`EngineError::Invalid`] for another codec's picture; it is then not queued and gets no completion.
    pub fn submit(&self, picture: Picture) -> Result<u64, EngineError> {
        if picture.codec() != self.codec {
            return Err(EngineError::Invalid(format!(
                "{} picture in a session for {}",
                picture.codec().name(),
                self.codec.name()
            )));
        }
        let mut queue = self.shared.lock();
        let sequence = queue.next;
        queue.next += 1;
        queue.pictures.push_back((sequence, picture));
        drop(queue);
        self.shared.changed.notify_one();
        Ok(sequence)
    }

    /// Somebody waits for picture `sequence`: push the pipeline until it is out. Returns at once; calling it again, or for
    /// a picture that is out, costs nothing. Without it a picture completes when later ones push it, or when none has
    /// come for a while.
    pub fn kick(&self, sequence: u64) {
        let mut queue = self.shared.lock();
        let wanted = sequence.saturating_add(1).min(queue.next);
        if wanted > queue.wanted {
            queue.wanted = wanted;
            drop(queue);
            self.shared.changed.notify_one();
        }
    }

    /// Makes everything submitted so far complete, without ending the stream. Returns at once.
    pub fn flush(&self) {
        self.kick(u64::MAX);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_one();
        // A completion that drops its own session must not wait for itself; the threads then end by themselves.
        if self
            .threads
            .iter()
            .any(|thread| thread.thread().id() == current().id())
        {
            return;
        }
        for thread in self.threads.drain(..).rev() {
            let _ = thread.join();
        }
    }
}

/// The completion thread.
fn complete(receiver: &Receiver<Completion>, mut on_complete: OnComplete) {
    while let Ok(completion) = receiver.recv() {
        let sequence = completion.sequence;
        if catch_unwind(AssertUnwindSafe(|| on_complete(completion))).is_err() {
            tracing::error!(sequence, "the client of a completion panicked");
        }
    }
}

type Reopen = Box<dyn Fn() -> Result<Box<dyn Decoder>, EngineError> + Send>;

/// What the worker does next.
enum Step {
    Send(u64, Picture),
    Push,
    PushIdle,
    Close(VecDeque<(u64, Picture)>),
}

/// How long ago the last picture came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Idle {
    /// Not long.
    No,
    /// [`DRY`] ago: the pipeline is being pushed.
    Dry,
    /// Longer, and what is still inside waits for the next picture.
    Stuck,
}

struct Worker {
    shared: Arc<Shared>,
    /// `None` after a panic, if it could not be opened again.
    decoder: Option<Box<dyn Decoder>>,
    reopen: Reopen,
    /// Sequence numbers and timestamps of the pictures inside the decoder, oldest first.
    inside: VecDeque<(u64, u64)>,
    done: Vec<Decoded>,
    idle: Idle,
    sender: SyncSender<Completion>,
}

impl Worker {
    fn run(mut self) {
        loop {
            match self.next() {
                Step::Send(sequence, picture) => {
                    self.inside.push_back((sequence, picture.timestamp));
                    self.drive(|decoder, done| decoder.send(sequence, picture, done));
                }
                Step::Push => {
                    let before = self.inside.len();
                    self.drive(|decoder, done| decoder.push(done));
                    if self.inside.len() == before {
                        tracing::error!("the decoder cannot be pushed");
                        self.replace("the decoder stopped");
                    }
                }
                Step::PushIdle => {
                    let before = self.inside.len();
                    self.drive(|decoder, done| decoder.push_idle(done));
                    if self.inside.len() == before {
                        self.idle = Idle::Stuck;
                    }
                }
                Step::Close(rest) => {
                    self.inside.extend(
                        rest.into_iter()
                            .map(|(sequence, picture)| (sequence, picture.timestamp)),
                    );
                    self.fail(&EngineError::Closed);
                    return;
                }
            }
        }
    }

    /// Waits for something to do.
    fn next(&mut self) -> Step {
        let shared = Arc::clone(&self.shared);
        let mut queue = shared.lock();
        loop {
            if queue.closed {
                return Step::Close(std::mem::take(&mut queue.pictures));
            }
            if let Some((sequence, picture)) = queue.pictures.pop_front() {
                self.idle = Idle::No;
                return Step::Send(sequence, picture);
            }
            let oldest = self.inside.front().map(|&(sequence, _)| sequence);
            if oldest.is_some_and(|oldest| oldest < queue.wanted) {
                return Step::Push;
            }
            if oldest.is_none() || self.idle == Idle::Stuck {
                queue = shared
                    .changed
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            if self.idle == Idle::Dry {
                return Step::PushIdle;
            }
            let (back, result) = shared
                .changed
                .wait_timeout(queue, DRY)
                .unwrap_or_else(PoisonError::into_inner);
            queue = back;
            if result.timed_out() {
                self.idle = Idle::Dry;
            }
        }
    }

    /// Runs the decoder, and hands on what it completed.
    fn drive(&mut self, action: impl FnOnce(&mut dyn Decoder, &mut Vec<Decoded>)) {
        let Some(decoder) = self.decoder.as_deref_mut() else {
            self.fail(&EngineError::Unavailable("the decoder panicked".into()));
            return;
        };
        let done = &mut self.done;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            action(decoder, done);
            decoder.pending()
        }));
        for decoded in std::mem::take(&mut self.done) {
            self.hand_on(decoded);
        }
        match outcome {
            Ok(pending) if pending == self.inside.len() => {}
            Ok(pending) => {
                // A decoder that loses count would leave a client waiting for ever.
                tracing::error!(
                    pending,
                    expected = self.inside.len(),
                    "the decoder lost pictures"
                );
                self.replace("the decoder lost pictures");
            }
            Err(_) => self.replace("the decoder panicked"),
        }
    }

    /// Fails what is inside the decoder, and starts with a new one that holds no references.
    fn replace(&mut self, why: &str) {
        // A decoder that has panicked may panic again while it is dropped.
        let broken = self.decoder.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(broken)));
        self.fail(&EngineError::Damaged(why.into()));
        match (self.reopen)() {
            Ok(decoder) => self.decoder = Some(decoder),
            Err(error) => tracing::error!(%error, "the decoder cannot be opened again"),
        }
    }

    /// Completes one picture, and with it every older one that the decoder skipped.
    fn hand_on(&mut self, decoded: Decoded) {
        if !self
            .inside
            .iter()
            .any(|&(sequence, _)| sequence == decoded.sequence)
        {
            tracing::error!(
                sequence = decoded.sequence,
                "completed twice by the decoder"
            );
            return;
        }
        while let Some((sequence, timestamp)) = self.inside.pop_front() {
            if sequence == decoded.sequence {
                let Decoded {
                    frame,
                    grained,
                    error,
                    ..
                } = decoded;
                self.tell(Completion {
                    sequence,
                    timestamp,
                    frame,
                    grained,
                    error,
                });
                return;
            }
            let error = Some(EngineError::Damaged("skipped by the decoder".into()));
            self.tell(Completion {
                sequence,
                timestamp,
                frame: None,
                grained: None,
                error,
            });
        }
    }

    /// Completes everything inside with `error`.
    fn fail(&mut self, error: &EngineError) {
        while let Some((sequence, timestamp)) = self.inside.pop_front() {
            self.tell(Completion {
                sequence,
                timestamp,
                frame: None,
                grained: None,
                error: Some(error.clone()),
            });
        }
    }

    fn tell(&self, completion: Completion) {
        // The completion thread outlives the worker's sender.
        let _ = self.sender.send(completion);
    }
}

#[cfg(test)]
mod tests;
