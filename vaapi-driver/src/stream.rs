// SPDX-License-Identifier: BSD-2-Clause
//! A stream: one codec's translator and one decode session.
//!
//! A stream is not a context: FFmpeg makes a new context where the frame size changes, and the new context's pictures
//! reference what the old one decoded. A context starts without a stream and takes over the one that decoded its first
//! picture's references, if any (see [`crate::context`]).
//!
//! Locks, in this order: a context's state, its stream's state, then those inside surfaces, pictures and sessions. A session
//! answers jobs on its own thread, which takes none of the first two.

use crate::backend::{Backend, DecodeSession, Job, Outcome, Pending, Progress, STALL_LIMIT};
use crate::codec::{PictureInput, RenderedBuffer, Submission, Surfaces, Translator};
use crate::config::Profile;
use crate::error::Result;
use crate::handle::Table;
use crate::lock::lock;
use crate::record::Trace;
use crate::stats::Counters;
use crate::surface::Surface;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use v4l2_common::picture::Codec;
use va_sys::VASurfaceID;

/// Refused pictures of a context that are worth a warning each.
const LOUD_REFUSALS: u64 = 5;

/// Pictures that may wait for the decoder, beside those in it: more than any client has surfaces for between two waits.
const QUEUE: usize = 24;

/// Translator and session of one coded stream.
pub struct Stream {
    codec: Codec,
    session: Box<dyn DecodeSession>,
    progress: Arc<Progress>,
    /// Pictures that may be on their way when another is begun.
    room: u64,
    /// Contexts that use the stream.
    contexts: AtomicUsize,
    trace: Option<Arc<Trace>>,
    state: Mutex<State>,
}

struct State {
    translator: Box<dyn Translator>,
    /// Translated, but held back by the translator.
    held: Vec<Job>,
}

/// A picture as a context has collected it.
pub struct Collected<'a> {
    /// Profile of the config.
    pub profile: &'static Profile,
    /// The render target's ID.
    pub target_id: VASurfaceID,
    /// The render target.
    pub target: &'a Arc<Surface>,
    /// In `vaRenderPicture` order.
    pub buffers: &'a [RenderedBuffer],
    /// The client's surfaces.
    pub surfaces: &'a Table<Surface>,
    /// Of the context.
    pub counters: &'a Arc<Counters>,
}

/// A stream's view of the client's surfaces.
struct View<'a> {
    surfaces: &'a Table<Surface>,
    stream: &'a Arc<Stream>,
}

impl Surfaces for View<'_> {
    fn timestamp(&self, surface: VASurfaceID) -> Option<u64> {
        self.surfaces.get(surface)?.timestamp_in(self.stream)
    }
}

/// A new timestamp: unique in the process, non-zero, whole microseconds, as a V4L2 buffer's `timeval` can carry it.
fn next_timestamp() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed).saturating_mul(1000)
}

impl Stream {
    /// Opens a session for `translator`.
    ///
    /// # Errors
    /// [`crate::error::Error::Decoding`] if the backend refuses.
    pub fn open(
        codec: Codec,
        translator: Box<dyn Translator>,
        backend: &dyn Backend,
        record: Option<&Path>,
    ) -> Result<Arc<Self>> {
        Ok(Arc::new(Self {
            codec,
            session: backend.open(codec)?,
            progress: Arc::default(),
            room: (QUEUE + 2 * backend.parallel()) as u64,
            contexts: AtomicUsize::new(0),
            trace: record
                .and_then(|directory| Trace::create(directory, codec))
                .map(Arc::new),
            state: Mutex::new(State {
                translator,
                held: Vec::new(),
            }),
        }))
    }

    /// What the stream decodes.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// A context starts to use the stream; [`Retired::add`] says that it stops.
    pub fn attach(&self) {
        self.contexts.fetch_add(1, Ordering::AcqRel);
    }

    /// Pictures on their way, and completed.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Translates a picture and submits what comes of it. Never waits for a decode.
    ///
    /// # Errors
    /// [`crate::error::Error::Codec`] if translation refuses the picture, [`crate::error::Error::Decoding`] if the backend does; the surface knows.
    pub fn decode(self: &Arc<Self>, picture: &Collected<'_>) -> Result<()> {
        let mut state = lock(&self.state);
        let earlier = picture.target.timestamp_in(self);
        let second_field = state
            .translator
            .is_second_field(picture.target_id, picture.buffers);
        let (timestamp, second_field) = match earlier {
            Some(timestamp) if second_field => (timestamp, true),
            _ => (next_timestamp(), false),
        };
        let translation = state.translator.translate(&PictureInput {
            profile: picture.profile.id,
            target: picture.target_id,
            timestamp,
            buffers: picture.buffers,
            surfaces: &View {
                surfaces: picture.surfaces,
                stream: self,
            },
        });
        let translation = translation.inspect_err(|error| {
            let message = format!("{} picture refused: {error}", picture.profile.name);
            match picture.counters.refused() > LOUD_REFUSALS {
                true => tracing::debug!("{message}"),
                false => tracing::warn!("{message}"),
            }
            picture.target.refuse(Outcome::Damaged(message));
        })?;
        let display = translation.display.and_then(|id| picture.surfaces.get(id));
        let display = display.filter(|display| !Arc::ptr_eq(display, picture.target));
        let pending = Arc::new(Pending::new(
            Arc::downgrade(self),
            Arc::clone(&self.progress),
        ));
        picture
            .target
            .begin(self, timestamp, &pending, second_field);
        if let Some(display) = &display {
            display.begin(self, timestamp, &pending, false);
        }
        state.held.push(Job::new(
            timestamp,
            Arc::clone(picture.target),
            display,
            Arc::clone(&pending),
            Arc::clone(&self.progress),
            Arc::clone(picture.counters),
            self.trace.clone(),
        ));
        tracing::trace!(
            timestamp,
            second_field,
            submissions = translation.submissions.len(),
            "picture translated"
        );
        self.submit(&mut state, translation.submissions)
    }

    /// Submits in order. An error of one does not keep back the next; the last error is returned.
    fn submit(&self, state: &mut State, submissions: Vec<Submission>) -> Result<()> {
        let mut result = Ok(());
        for Submission { picture, output } in submissions {
            let timestamp = picture.timestamp;
            let held = state
                .held
                .iter()
                .position(|job| job.timestamp() == timestamp);
            let job = match held {
                Some(index) if output => state.held.remove(index),
                _ => Job::without_output(timestamp),
            };
            let pending = job.pending().cloned();
            if let Some(trace) = &self.trace {
                trace.picture(&picture, output);
            }
            match self.session.submit(picture, job) {
                Ok(sequence) => {
                    if let Some(pending) = pending {
                        pending.submitted(sequence);
                    }
                }
                Err(error) => result = Err(error),
            }
        }
        result
    }

    /// Somebody waits for `pending`, a picture of this stream.
    pub(crate) fn push(&self, pending: &Pending) {
        if pending.sequence().is_none() {
            let mut state = lock(&self.state);
            if pending.sequence().is_none() {
                self.release(&mut state);
            }
        }
        if let Some(sequence) = pending.sequence() {
            self.session.kick(sequence);
        }
    }

    /// Submits what the translator holds back. What it has forgotten about fails.
    fn release(&self, state: &mut State) {
        while let Some(submission) = state.translator.release() {
            if let Err(error) = self.submit(state, vec![submission]) {
                tracing::debug!("a picture held back was refused: {error}");
            }
        }
        for job in state.held.drain(..) {
            job.fail("the picture was never submitted".into());
        }
    }

    /// No more pictures are at hand: everything comes out. Never waits for a decode.
    pub fn finish(&self) {
        self.release(&mut lock(&self.state));
        self.session.flush();
    }

    /// Keeps a client that never waits for a surface from filling the memory with coded pictures: waits while too many are
    /// on their way, but not for a decoder that has stopped.
    pub fn make_room(&self) {
        let patience = Duration::from_millis(100);
        if self.progress.wait_for(self.room, Instant::now() + patience) {
            return;
        }
        self.finish();
        if !self
            .progress
            .wait_for(self.room, Instant::now() + STALL_LIMIT)
        {
            tracing::warn!(
                "the decoder has stopped, with {} pictures",
                self.progress.pending()
            );
        }
    }

    /// Nobody will see what is still on its way: waits for it until `deadline`, and lets it go.
    pub fn abandon(&self, deadline: Instant) {
        self.progress.wait_for(0, deadline);
        self.progress.abandon();
    }
}

/// The streams that no context uses any more, kept while a surface may be a reference of a context to come.
///
/// A stream without a context lives on as long as a surface remembers being decoded by it, but at most 5 seconds (looked
/// at when contexts come and go), and only the four newest do. Pictures on their way always come to an end first.
#[derive(Default)]
pub struct Retired {
    streams: Mutex<Vec<(Arc<Stream>, Instant)>>,
}

impl Retired {
    const LIFETIME: Duration = Duration::from_secs(5);
    const MOST: usize = 4;

    /// A context of this stream has ended.
    pub fn add(&self, stream: Arc<Stream>) {
        stream.contexts.fetch_sub(1, Ordering::AcqRel);
        stream.finish();
        lock(&self.streams).push((stream, Instant::now()));
        self.prune();
    }

    /// Lets go of the streams that have had their time.
    pub fn prune(&self) {
        let mut streams = lock(&self.streams);
        let mut surplus = streams.len().saturating_sub(Self::MOST);
        let (keep, gone): (Vec<_>, Vec<_>) = streams.drain(..).partition(|(stream, since)| {
            let crowded = surplus > 0;
            surplus = surplus.saturating_sub(1);
            let forgotten =
                Arc::weak_count(stream) == 0 || crowded || since.elapsed() > Self::LIFETIME;
            // A context that took the stream over retires it again.
            let adopted = stream.contexts.load(Ordering::Acquire) > 0;
            !adopted && (stream.progress().pending() > 0 || !forgotten)
        });
        *streams = keep;
        drop(streams);
        // Outside the lock: the end of a session waits for its threads.
        drop(gone);
    }

    /// Takes all.
    pub fn take(&self) -> Vec<Arc<Stream>> {
        lock(&self.streams)
            .drain(..)
            .map(|(stream, _)| stream)
            .collect()
    }
}
