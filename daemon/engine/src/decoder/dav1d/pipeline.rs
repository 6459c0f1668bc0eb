// SPDX-License-Identifier: BSD-2-Clause
//! Order out of dav1d: every picture sent is completed exactly once, in the order of sending.

use super::{
    context::{Context, Output, Refusal},
    picture::Picture,
};
use crate::{decoder::Decoded, error::EngineError, frame::Frame};
use std::collections::VecDeque;

/// `timestamp` of data whose output nobody asked for.
const UNWANTED: i64 = -1;

/// One picture on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// As in [`crate::decoder::Decoder::send`].
    pub sequence: u64,
    /// `Picture::timestamp`, for [`Pipeline::take_lost`].
    pub timestamp: u64,
    /// The frame with film grain is wanted, too.
    pub grain: bool,
    /// Size of the frame, in luma samples.
    pub size: (u32, u32),
}

struct Entry {
    request: Request,
    /// Set once it is known that dav1d gives no picture.
    failed: Option<EngineError>,
}

/// A decoder with its pictures in flight.
pub(super) struct Pipeline {
    context: Context,
    threads: usize,
    entries: VecDeque<Entry>,
    /// A picture was pushed out of turn. dav1d's frame slots are a ring that is then out of step: it must be emptied before
    /// the next frame is sent, or its threads may wait for each other for ever.
    pushed: bool,
    lost: Vec<u64>,
    /// The last picture that decoded, to conceal those that do not.
    last: Option<Picture>,
}

impl Pipeline {
    /// A decoder in which up to `threads` pictures decode in parallel.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] if it does not open.
    pub fn new(threads: usize) -> Result<Self, EngineError> {
        let context = Context::open(threads)?;
        Ok(Self {
            context,
            threads: threads.max(1),
            entries: VecDeque::new(),
            pushed: false,
            lost: Vec::new(),
            last: None,
        })
    }

    /// Pictures sent and not yet completed.
    pub fn pending(&self) -> usize {
        self.entries.len()
    }

    /// Decodes the one frame of `unit`. `show_existing` is decoded before it, for what it refreshes; its output is dropped.
    pub fn send(
        &mut self,
        request: Request,
        show_existing: Option<Vec<u8>>,
        unit: Vec<u8>,
        done: &mut Vec<Decoded>,
    ) {
        if std::mem::take(&mut self.pushed) {
            self.drain(|_| false, done);
        }
        if let Some(show_existing) = show_existing {
            if let Err(refusal) = self.context.send(UNWANTED, show_existing) {
                tracing::debug!(?refusal, "show_existing_frame refused");
            }
            self.collect(done);
        }
        self.entries.push_back(Entry {
            request,
            failed: None,
        });
        let timestamp = i64::try_from(request.sequence).unwrap_or(i64::MAX);
        if let Err(refusal) = self.context.send(timestamp, unit) {
            if let Some(entry) = self.entries.back_mut() {
                entry.failed = Some(refusal.error());
            }
        }
        self.collect(done);
    }

    /// Timestamps of the pictures that were sent since the last call, or before, and turned out to be lost.
    pub fn take_lost(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.lost)
    }

    /// Fails a request that has no unit, in its turn.
    pub fn fail(&mut self, request: Request, error: EngineError, done: &mut Vec<Decoded>) {
        self.entries.push_back(Entry {
            request,
            failed: Some(error),
        });
        self.complete_failed(done);
    }

    /// Waits until at least the oldest picture in flight is completed.
    pub fn push(&mut self, done: &mut Vec<Decoded>) {
        if self.entries.is_empty() {
            return;
        }
        let before = done.len();
        self.pushed = true;
        self.drain(|done| done.len() > before, done);
    }

    /// Takes the oldest pictures out of dav1d until `enough` says so, or nothing is left in it.
    fn drain(&mut self, enough: impl Fn(&[Decoded]) -> bool, done: &mut Vec<Decoded>) {
        let mut idle = 0;
        while !enough(done) && idle <= self.threads {
            idle = if self.collect(done) { 0 } else { idle + 1 };
        }
        if !enough(done) {
            // All of dav1d's frame slots are empty: what is still open was dropped without an error.
            for entry in &mut self.entries {
                entry.failed.get_or_insert_with(dropped);
            }
            self.complete_failed(done);
        }
    }

    /// Takes one output and completes what it settles; false if there was none.
    fn collect(&mut self, done: &mut Vec<Decoded>) -> bool {
        let found = match self.context.next() {
            Output::Picture { timestamp, picture } => {
                self.settle(timestamp, picture, done);
                true
            }
            Output::Lost { timestamp, refusal } => {
                self.lose(timestamp, refusal);
                true
            }
            Output::Again => false,
        };
        self.complete_failed(done);
        found
    }

    fn position(&self, timestamp: i64) -> Option<usize> {
        let sequence = u64::try_from(timestamp).ok()?;
        self.entries
            .iter()
            .position(|entry| entry.request.sequence == sequence)
    }

    /// Completes the picture of `timestamp` and, as lost, all before it: outputs come in order.
    fn settle(&mut self, timestamp: i64, picture: Picture, done: &mut Vec<Decoded>) {
        let Some(position) = self.position(timestamp) else {
            return;
        };
        for _ in 0..position {
            if let Some(entry) = self.entries.pop_front() {
                let error = entry.failed.unwrap_or_else(dropped);
                done.push(self.concealed(&entry.request, error));
            }
        }
        let Some(Entry { request, .. }) = self.entries.pop_front() else {
            return;
        };
        let (frame, frame_error) = split(picture.frame());
        let (grained, grain_error) = if request.grain {
            split(picture.grained())
        } else {
            (None, None)
        };
        done.push(Decoded {
            sequence: request.sequence,
            frame,
            grained,
            error: frame_error.or(grain_error),
        });
        self.last = Some(picture);
    }

    /// Notes that dav1d has no picture for the data of `timestamp`.
    fn lose(&mut self, timestamp: i64, refusal: Refusal) {
        if timestamp == UNWANTED {
            return;
        }
        // A second error hides the first one's timestamp; the first is then of the oldest picture in flight.
        let named = self
            .position(timestamp)
            .and_then(|position| self.entries.get_mut(position));
        let named = named
            .filter(|entry| entry.failed.is_none())
            .map(|entry| entry.failed = Some(refusal.error()));
        if named.is_none() {
            if let Some(entry) = self.entries.iter_mut().find(|entry| entry.failed.is_none()) {
                entry.failed = Some(refusal.error());
            }
        }
    }

    /// Completes the oldest pictures as long as they are known to have failed.
    fn complete_failed(&mut self, done: &mut Vec<Decoded>) {
        while self
            .entries
            .front()
            .is_some_and(|entry| entry.failed.is_some())
        {
            if let Some(Entry {
                request,
                failed: Some(error),
            }) = self.entries.pop_front()
            {
                done.push(self.concealed(&request, error));
            }
        }
    }

    /// What a picture that failed shows: the one before it, if that has the same size.
    fn concealed(&mut self, request: &Request, error: EngineError) -> Decoded {
        self.lost.push(request.timestamp);
        let last = self
            .last
            .as_ref()
            .filter(|picture| picture.size() == request.size);
        let again = || last.and_then(|picture| picture.frame().ok());
        let grained = if request.grain { again() } else { None };
        Decoded {
            sequence: request.sequence,
            frame: again(),
            grained,
            error: Some(error),
        }
    }
}

fn dropped() -> EngineError {
    EngineError::Damaged("dav1d dropped the frame".into())
}

fn split(frame: Result<Frame, EngineError>) -> (Option<Frame>, Option<EngineError>) {
    match frame {
        Ok(frame) => (Some(frame), None),
        Err(error) => (None, Some(error)),
    }
}
