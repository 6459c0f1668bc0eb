// SPDX-License-Identifier: BSD-2-Clause
//! AV1: VA buffers to stateless controls.
//!
//! VA carries nearly the whole frame header. What it lacks and does not follow from the rest is `refresh_frame_flags`; the
//! module [`slots`] says how it is recovered exactly. `show_existing_frame` never reaches a driver, and need not: showing
//! a key frame again loads that frame's saved state into all slots (section 7.21), so the client's map then names one
//! surface eight times, and our slot of that surface holds the very state.
//!
//! Widths: VA's `frame_width_minus1` is before super-resolution's downscaling (`UpscaledWidth`). In the controls,
//! `upscaled_width` is that, and `frame_width_minus_1` is the width as coded (`FrameWidth`), as in the clients that the
//! kernel's drivers are tested with.

mod buffers;
mod controls;
mod geometry;
mod grain;
mod slots;
#[cfg(test)]
mod tests;

use super::{CodecError, PictureInput, RenderedBuffer, Submission, Translation, Translator};
use slots::{ClientMap, Slots};
use v4l2_common::picture::Av1Controls;
use va_sys::{VA_INVALID_SURFACE, VASurfaceID};

/// Translates one AV1 stream.
#[derive(Debug, Default)]
pub struct Av1Translator {
    slots: Slots,
}

impl Av1Translator {
    /// For a new stream.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Translator for Av1Translator {
    fn translate(&mut self, input: &PictureInput<'_>) -> Result<Translation, CodecError> {
        let params = buffers::picture_params(input.buffers)?;
        let display = display(input, &params)?;
        let (bitstream, tile_group_entries) = buffers::tiles(input.buffers, &params)?;
        let sequence = controls::sequence(&params)?;
        let mut frame = controls::frame(&params)?;
        let film_grain = grain::film_grain(&params)?;

        let map = ClientMap::new(&params.ref_frame_map, frame.frame_type, input.surfaces);
        // Nothing of the state changes before the picture is known to be sound.
        let plan = self.slots.plan(&map, &frame);
        let references = plan.references(&map, &params, &frame)?;
        controls::references(&mut frame, &sequence, &references);
        let saved = controls::inherit(&mut frame, &sequence, &params, &references);

        let controls = Av1Controls {
            sequence,
            frame,
            tile_group_entries,
            film_grain,
        };
        let submissions = self
            .slots
            .commit(plan, controls, bitstream, input.timestamp, saved);
        Ok(Translation {
            submissions,
            display,
        })
    }

    fn release(&mut self) -> Option<Submission> {
        self.slots.release()
    }

    fn references(&self, buffers: &[RenderedBuffer]) -> Vec<VASurfaceID> {
        let Ok(params) = buffers::picture_params(buffers) else {
            return Vec::new();
        };
        let mut surfaces: Vec<_> = params
            .ref_frame_map
            .into_iter()
            .filter(|&id| id != VA_INVALID_SURFACE)
            .collect();
        surfaces.sort_unstable();
        surfaces.dedup();
        surfaces
    }
}

/// The surface for the frame with film grain.
///
/// Every client renders to the frame without grain: `current_frame`, which later pictures reference, is the target.
fn display(
    input: &PictureInput<'_>,
    params: &va_sys::VADecPictureParameterBufferAV1,
) -> Result<Option<VASurfaceID>, CodecError> {
    if params.current_frame != VA_INVALID_SURFACE && params.current_frame != input.target {
        return Err(CodecError::Unsupported(format!(
            "current_frame {:#x} is not the render target {:#x}",
            params.current_frame, input.target
        )));
    }
    let grain = params.film_grain_info.info_bits().apply_grain() != 0;
    let display = params.current_display_picture;
    Ok((grain && display != VA_INVALID_SURFACE && display != input.target).then_some(display))
}
