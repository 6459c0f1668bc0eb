// SPDX-License-Identifier: BSD-2-Clause
//! Order out of dav1d: every picture sent is completed exactly once, in the order of sending.
//!
//! dav1d's frame threads work on a ring of frames: a frame comes out when another one takes its place. To get a picture out
//! that somebody waits for, the ring is turned by headers that show an existing frame. These cost next to nothing, and
//! nobody gets their output. (Draining, as at the end of a stream, is not made for going on: see [`Context::drain`].)

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
    /// A key frame.
    pub key: bool,
    /// The decoder's slots that the frame is stored in, bit by bit.
    pub refresh: u8,
}

struct Entry {
    request: Request,
    /// Set once it is known that dav1d gives no picture.
    failed: Option<EngineError>,
}

/// What one of dav1d's eight reference slots holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Empty,
    /// The key frame of this sequence number. To show it stores it in all slots.
    Key(u64),
    /// Another frame.
    Other,
}

/// A decoder with its pictures in flight.
pub(super) struct Pipeline {
    context: Context,
    threads: usize,
    entries: VecDeque<Entry>,
    slots: [Slot; 8],
    /// Something was refused or lost since dav1d was opened.
    damaged: bool,
    lost: Vec<u64>,
    /// The last picture that decoded, to conceal those that do not.
    last: Option<Picture>,
}

impl Pipeline {
    /// A decoder with `threads` threads, within [`Context`]'s bounds.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] if it does not open.
    pub fn new(threads: usize) -> Result<Self, EngineError> {
        Ok(Self {
            context: Context::open(threads)?,
            threads,
            entries: VecDeque::new(),
            slots: [Slot::Empty; 8],
            damaged: false,
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
        if let Some(show_existing) = show_existing {
            match self.feed(UNWANTED, show_existing, done) {
                Ok(()) => self.slots = [Slot::Key(request.sequence); 8],
                Err(refusal) => tracing::debug!(?refusal, "show_existing_frame refused"),
            }
        }
        self.entries.push_back(Entry {
            request,
            failed: None,
        });
        let timestamp = i64::try_from(request.sequence).unwrap_or(i64::MAX);
        if self.feed(timestamp, unit, done).is_ok() {
            let stored = if request.key {
                Slot::Key(request.sequence)
            } else {
                Slot::Other
            };
            for (index, slot) in self.slots.iter_mut().enumerate() {
                if request.refresh >> index & 1 == 1 {
                    *slot = stored;
                }
            }
        }
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
        let before = done.len();
        let mut turned = 0;
        while done.len() == before && !self.entries.is_empty() {
            if turned < self.context.frames() && self.turn(done) {
                turned += 1;
                continue;
            }
            let stuck = turned < self.context.frames();
            if stuck && !self.damaged {
                for output in self.context.drain() {
                    self.take(output, done);
                }
            }
            // Everything has left the ring, or nothing can turn it any more.
            for entry in &mut self.entries {
                entry.failed.get_or_insert_with(dropped);
            }
            self.complete_failed(done);
            if stuck && self.damaged {
                self.restart();
            }
        }
    }

    /// Timestamps of the pictures that turned out to be lost since the last call.
    pub fn take_lost(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.lost)
    }

    /// Turns dav1d's ring by one frame; false if it holds no frame that can be shown for it without harm.
    fn turn(&mut self, done: &mut Vec<Decoded>) -> bool {
        loop {
            let one_key = matches!(self.slots[0], Slot::Key(_))
                && self.slots.iter().all(|slot| *slot == self.slots[0]);
            let harmless = |slot: &Slot| *slot == Slot::Other || one_key;
            let Some(index) = self.slots.iter().position(harmless) else {
                return false;
            };
            if self
                .feed(UNWANTED, show_existing_frame(index), done)
                .is_ok()
            {
                return true;
            }
            // A new sequence header empties slots.
            self.slots[index] = Slot::Empty;
        }
    }

    /// Starts anew with a decoder that holds nothing.
    fn restart(&mut self) {
        match Context::open(self.threads) {
            Ok(context) => self.context = context,
            Err(error) => tracing::error!(%error, "dav1d cannot be opened again"),
        }
        self.damaged = false;
        self.slots = [Slot::Empty; 8];
    }

    /// Gives data to dav1d, and completes what that settles. If it is refused, so is the picture of `timestamp`.
    fn feed(
        &mut self,
        timestamp: i64,
        bytes: Vec<u8>,
        done: &mut Vec<Decoded>,
    ) -> Result<(), Refusal> {
        let (accepted, output) = self.context.send(timestamp, bytes);
        self.damaged |= accepted.is_err() || matches!(output, Output::Lost { .. });
        if let (Err(refusal), Some(position)) = (accepted, self.position(timestamp)) {
            if let Some(entry) = self.entries.get_mut(position) {
                entry.failed = Some(refusal.error());
            }
        }
        self.take(output, done);
        accepted
    }

    fn take(&mut self, output: Output, done: &mut Vec<Decoded>) {
        match output {
            Output::Picture { timestamp, picture } => self.settle(timestamp, picture, done),
            Output::Lost { timestamp, refusal } => self.lose(timestamp, refusal),
            Output::None => {}
        }
        self.complete_failed(done);
    }

    fn position(&self, timestamp: i64) -> Option<usize> {
        let sequence = u64::try_from(timestamp).ok()?;
        let same = |entry: &Entry| entry.request.sequence == sequence;
        self.entries.iter().position(same)
    }

    /// Completes the picture of `timestamp` and, as lost, all before it: outputs come in order.
    fn settle(&mut self, timestamp: i64, picture: Picture, done: &mut Vec<Decoded>) {
        let Some(position) = self.position(timestamp) else {
            return;
        };
        for entry in self.entries.iter_mut().take(position) {
            entry.failed.get_or_insert_with(dropped);
        }
        self.complete_failed(done);
        let Some(Entry { request, .. }) = self.entries.pop_front() else {
            return;
        };
        let (frame, frame_error) = split(picture.frame());
        let (grained, grain_error) = match request.grain {
            true => split(picture.grained()),
            false => (None, None),
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
        // A refusal hides the timestamp of a loss in the same call; that is then of the oldest picture in flight.
        let open = |entry: &Entry| entry.failed.is_none();
        let named = self
            .position(timestamp)
            .filter(|at| self.entries.get(*at).is_some_and(open));
        let position = named.or_else(|| self.entries.iter().position(open));
        if let Some(entry) = position.and_then(|position| self.entries.get_mut(position)) {
            entry.failed = Some(refusal.error());
        }
    }

    /// Completes the oldest pictures as long as they are known to have failed.
    fn complete_failed(&mut self, done: &mut Vec<Decoded>) {
        while let Some(Entry {
            request,
            failed: Some(error),
        }) = self.entries.front()
        {
            let (request, error) = (*request, error.clone());
            self.entries.pop_front();
            done.push(self.concealed(&request, error));
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
        Decoded {
            sequence: request.sequence,
            frame: again(),
            grained: if request.grain { again() } else { None },
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

/// A frame header OBU (AV1 specification, sections 5.3.2 and 5.9.2) that shows slot `index`, below 8, for the sequence
/// headers that `headers::av1` writes: without frame identifiers and timing.
fn show_existing_frame(index: usize) -> Vec<u8> {
    const OBU_FRAME_HEADER: u8 = 3;
    const HAS_SIZE: u8 = 2;
    // show_existing_frame, frame_to_show_map_idx in 3 bits, trailing bits.
    vec![
        OBU_FRAME_HEADER << 3 | HAS_SIZE,
        1,
        0x80 | (index as u8 & 7) << 4 | 0x08,
    ]
}
