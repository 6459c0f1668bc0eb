// SPDX-License-Identifier: BSD-2-Clause
//! AV1 through rav1d, the Rust port of dav1d: controls become temporal units ([`Av1Headers`]), these become frames.

mod context;
mod picture;
mod pipeline;

use super::{Decoded, Decoder};
use crate::{error::EngineError, headers::av1::Av1Headers};
use pipeline::{Pipeline, Request};
use v4l2_common::{
    picture::{Av1Controls, Controls, Picture},
    uapi::av1::*,
};

/// The AV1 decoder of one session.
///
/// A damaged picture completes with an error and, if there is one of its size, the frame decoded before it. dav1d does not
/// decode a picture that references a lost one: each completes like that, until a key frame.
pub(super) struct Dav1dDecoder {
    headers: Av1Headers,
    pipeline: Pipeline,
}

impl Dav1dDecoder {
    /// A decoder with `threads` threads (at least two), that decodes as many pictures, up to eight, in parallel.
    ///
    /// # Errors
    /// [`EngineError::Unavailable`] if it does not open.
    pub fn new(threads: usize) -> Result<Self, EngineError> {
        Ok(Self {
            headers: Av1Headers::new(),
            pipeline: Pipeline::new(threads)?,
        })
    }

    /// Lets the headers follow what the decoder could not decode.
    fn forget_lost(&mut self) {
        for timestamp in self.pipeline.take_lost() {
            self.headers.lost(timestamp);
        }
    }
}

impl Decoder for Dav1dDecoder {
    fn send(&mut self, sequence: u64, picture: Picture, done: &mut Vec<Decoded>) {
        let (timestamp, bitstream) = (picture.timestamp, picture.bitstream);
        let Controls::Av1(controls) = picture.controls else {
            let request = Request {
                sequence,
                timestamp,
                grain: false,
                size: (0, 0),
                key: false,
                refresh: 0,
            };
            let error = EngineError::Invalid("not an AV1 picture".into());
            return self.pipeline.fail(request, error, done);
        };
        let frame = &controls.frame;
        let key = frame.frame_type == V4L2_AV1_KEY_FRAME;
        let shown = frame.flags & V4L2_AV1_FRAME_FLAG_SHOW_FRAME != 0;
        let all = key && shown || frame.frame_type == V4L2_AV1_SWITCH_FRAME;
        let request = Request {
            sequence,
            timestamp,
            grain: wants_grain(&controls),
            size: (
                upscaled_width(frame),
                frame.frame_height_minus_1.saturating_add(1),
            ),
            key,
            refresh: if all { 0xff } else { frame.refresh_frame_flags },
        };
        match self.headers.unit(&controls, &bitstream, timestamp) {
            Ok(unit) => self
                .pipeline
                .send(request, unit.show_existing, unit.data, done),
            Err(error) => self.pipeline.fail(request, error.into(), done),
        }
        self.forget_lost();
    }

    fn push(&mut self, done: &mut Vec<Decoded>) {
        self.pipeline.push(done);
        self.forget_lost();
    }

    fn pending(&self) -> usize {
        self.pipeline.pending()
    }
}

fn wants_grain(controls: &Av1Controls) -> bool {
    let grain = controls.film_grain.as_deref();
    grain.is_some_and(|grain| grain.flags & V4L2_AV1_FILM_GRAIN_FLAG_APPLY_GRAIN != 0)
}

/// Width of the decoded frame in samples; clients that do not use superres may leave `upscaled_width` zero.
fn upscaled_width(frame: &v4l2_ctrl_av1_frame) -> u32 {
    match frame.upscaled_width {
        0 => frame.frame_width_minus_1.saturating_add(1),
        width => width,
    }
}

#[cfg(test)]
mod tests;
