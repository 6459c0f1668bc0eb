// SPDX-License-Identifier: BSD-2-Clause
//! One stream: pictures in, completions out.

use crate::{error::EngineError, frame::Frame};
use v4l2_common::picture::{Codec, Picture};

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
    /// The decoded or concealed frame, without film grain; `None` if there is nothing to show.
    pub frame: Option<Frame>,
    /// The frame with film grain, if the picture's film grain control asked for it.
    pub grained: Option<Frame>,
    /// Set where the picture was refused, is damaged, or decoded from wrong references.
    pub error: Option<EngineError>,
}

/// Called for each completion, in submission order, from a thread of the session; must not block on the session.
pub type OnComplete = Box<dyn FnMut(Completion) + Send>;

/// A software decode session. Dropping it completes what is pending with [`EngineError::Closed`].
pub struct Session {}

impl Session {
    /// Starts a session and its threads.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] if the decoder library refuses.
    pub fn new(_config: SessionConfig, _on_complete: OnComplete) -> Result<Self, EngineError> {
        Err(EngineError::Closed)
    }

    /// Queues a picture; never waits for a decode. Returns its sequence number (0, 1, 2, ...).
    ///
    /// # Errors
    /// [`EngineError::Invalid`] for another codec's picture; it is then not queued and gets no completion.
    pub fn submit(&self, _picture: Picture) -> Result<u64, EngineError> {
        Err(EngineError::Closed)
    }

    /// Somebody waits for picture `sequence`: push the pipeline until it is out. Returns at once; calling it again, or for
    /// a picture that is out, costs nothing. Pictures are completed without this only while later ones push them.
    pub fn kick(&self, _sequence: u64) {}

    /// Makes everything submitted so far complete, without ending the stream. Returns at once.
    pub fn flush(&self) {}
}
