// SPDX-License-Identifier: BSD-2-Clause
//! The seam to the software decoders: a [`Decoder`] takes pictures and completes each exactly once, in order.
//!
//! `ffmpeg` does H.264 and VP9 through libavcodec, `dav1d` does AV1 through rav1d's dav1d API. Only these two hold FFI.

mod dav1d;
mod ffmpeg;

use crate::{error::EngineError, frame::Frame, session::SessionConfig};
use v4l2_common::picture::{Codec, Picture};

/// Opens a decoder for a session.
///
/// # Errors
/// [`EngineError::Unavailable`]: the decoder library refuses.
pub(crate) fn open(config: &SessionConfig) -> Result<Box<dyn Decoder>, EngineError> {
    match config.codec {
        Codec::H264 | Codec::Vp9 => {
            Ok(Box::new(ffmpeg::Ffmpeg::new(config.codec, config.threads)?))
        }
        Codec::Av1 => Ok(Box::new(dav1d::Dav1dDecoder::new(config.threads)?)),
    }
}

/// A picture that has left a decoder.
#[derive(Debug)]
pub(crate) struct Decoded {
    /// As given to [`Decoder::send`].
    pub sequence: u64,
    /// The decoded (or concealed) frame; `None` if there is nothing to show. Without film grain.
    pub frame: Option<Frame>,
    /// The same frame with film grain, where the picture asked for grain.
    pub grained: Option<Frame>,
    /// Why the picture is damaged or missing.
    pub error: Option<EngineError>,
}

/// One stream's software decoder; lives on the session's worker thread.
pub(crate) trait Decoder: Send {
    /// Feeds one picture. May block until one of the decoder's threads is free, never for a whole pipeline. Whatever has
    /// completed is appended to `done` in submission order; an error of this picture is a completion, too.
    fn send(&mut self, sequence: u64, picture: Picture, done: &mut Vec<Decoded>);

    /// Pushes the pipeline until at least the oldest pending picture is out (appended to `done`). Pictures behind it go
    /// on decoding. Without pending pictures: nothing.
    fn push(&mut self, done: &mut Vec<Decoded>);

    /// As [`Decoder::push`], when nobody waits but no picture has come for a while: may leave what cannot complete well
    /// before the next picture.
    fn push_idle(&mut self, done: &mut Vec<Decoded>) {
        self.push(done);
    }

    /// Pictures sent and not yet completed.
    fn pending(&self) -> usize;
}
