// SPDX-License-Identifier: BSD-2-Clause
//! VP9: VA buffers to `Vp9Controls`.
//!
//! VA carries derived values (filter levels, dequantisation scales) where V4L2 wants the syntax elements, but its slice
//! data is the whole frame. So the controls come from the frame's own headers, and VA adds what they cannot say: the
//! references, and the frame size where the header takes it from a reference. What both say must agree.

mod bool_decoder;
mod compressed;
mod header;
#[cfg(test)]
mod header_tests;
#[cfg(test)]
mod tests;

use super::{
    CodecError, PictureInput, RenderedBuffer, Submission, Surfaces, Translation, Translator,
};
use header::Header;
use v4l2_common::{
    picture::{Controls, Picture, Vp9Controls},
    uapi::vp9::*,
};
use va_sys::{
    VA_INVALID_SURFACE, VADecPictureParameterBufferVP9, VAPictureParameterBufferType, VAProfile,
    VAProfileVP9Profile0, VAProfileVP9Profile2, VASliceDataBufferType, VASliceParameterBufferType,
    VASliceParameterBufferVP9, VASurfaceID, read_element,
};

/// Translates one VP9 stream; keeps the header state that persists from frame to frame.
#[derive(Debug, Default)]
pub struct Vp9Translator {
    state: header::State,
}

impl Vp9Translator {
    /// A translator at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Translator for Vp9Translator {
    fn translate(&mut self, input: &PictureInput<'_>) -> Result<Translation, CodecError> {
        let parameters = picture_parameters(input.buffers)
            .ok_or(CodecError::MissingBuffer("VADecPictureParameterBufferVP9"))?;
        let bitstream = frame_data(input.buffers)?;
        let context = header::Context {
            size: (
                parameters.frame_width.into(),
                parameters.frame_height.into(),
            ),
            bit_depth: parameters.bit_depth,
        };
        let Header {
            mut frame,
            ref_frame_idx,
            lossless,
            state,
        } = header::parse(&bitstream, &self.state, &context)?;
        cross_check(&frame, ref_frame_idx, &parameters, input.profile)?;

        let depends = compressed::Dependencies {
            lossless,
            intra: ref_frame_idx.is_none(),
            switchable_filter: frame.interpolation_filter == V4L2_VP9_INTERP_FILTER_SWITCHABLE,
            high_precision_mv: frame.flags & V4L2_VP9_FRAME_FLAG_ALLOW_HIGH_PREC_MV != 0,
            compound_allowed: !matches!(frame.ref_frame_sign_bias, 0 | 7),
        };
        let start = usize::from(frame.uncompressed_header_size);
        let compressed_header = bitstream
            .get(start..start + usize::from(frame.compressed_header_size))
            .and_then(|data| compressed::parse(data, &depends))
            .ok_or_else(|| {
                CodecError::Invalid("VP9 compressed header: empty, or its marker bit is set".into())
            })?;
        frame.reference_mode = compressed_header.reference_mode;
        if let Some(slots) = ref_frame_idx {
            let [last, golden, alt] =
                slots.map(|slot| reference_timestamp(&parameters, slot, input.surfaces));
            (
                frame.last_frame_ts,
                frame.golden_frame_ts,
                frame.alt_frame_ts,
            ) = (last, golden, alt);
        }

        self.state = state;
        let controls = Vp9Controls {
            frame,
            compressed_hdr: Some(Box::new(compressed_header.control)),
        };
        let picture = Picture {
            controls: Controls::Vp9(Box::new(controls)),
            bitstream,
            timestamp: input.timestamp,
        };
        Ok(Translation {
            submissions: vec![Submission {
                picture,
                output: true,
            }],
            display: None,
        })
    }

    fn references(&self, buffers: &[RenderedBuffer]) -> Vec<VASurfaceID> {
        let Some(parameters) = picture_parameters(buffers) else {
            return Vec::new();
        };
        let frames = parameters.reference_frames;
        let mut surfaces: Vec<VASurfaceID> = Vec::with_capacity(frames.len());
        for surface in frames {
            if surface != VA_INVALID_SURFACE && !surfaces.contains(&surface) {
                surfaces.push(surface);
            }
        }
        surfaces
    }
}

/// The picture parameters; those rendered last count.
fn picture_parameters(buffers: &[RenderedBuffer]) -> Option<VADecPictureParameterBufferVP9> {
    let buffer = buffers
        .iter()
        .rfind(|buffer| buffer.kind == VAPictureParameterBufferType)?;
    read_element(&buffer.data, buffer.element_size, 0)
}

/// The coded frame: the pieces that the slice parameters name, in order. One parameter element per slice data buffer, or
/// all of them for the only one.
fn frame_data(buffers: &[RenderedBuffer]) -> Result<Vec<u8>, CodecError> {
    let of_kind = |kind| buffers.iter().filter(move |buffer| buffer.kind == kind);
    let data: Vec<&RenderedBuffer> = of_kind(VASliceDataBufferType).collect();
    let mut slices: Vec<VASliceParameterBufferVP9> = Vec::new();
    for buffer in of_kind(VASliceParameterBufferType) {
        for index in 0..buffer.elements {
            slices.push(
                read_element(&buffer.data, buffer.element_size, index)
                    .ok_or(CodecError::MissingBuffer("VASliceParameterBufferVP9"))?,
            );
        }
    }
    if slices.is_empty() {
        return Err(CodecError::MissingBuffer("VASliceParameterBufferVP9"));
    }
    let mut frame = Vec::new();
    for (index, slice) in slices.iter().enumerate() {
        let source = match data.as_slice() {
            [only] => only,
            several if several.len() == slices.len() => several
                .get(index)
                .ok_or(CodecError::MissingBuffer("VP9 slice data"))?,
            _ => return Err(CodecError::MissingBuffer("VP9 slice data")),
        };
        let (offset, size) = (
            slice.slice_data_offset as usize,
            slice.slice_data_size as usize,
        );
        let piece = offset.checked_add(size).and_then(|end| source.data.get(offset..end)).ok_or_else(|| {
            CodecError::Invalid(format!(
                "VP9 slice_data_size {size} at slice_data_offset {offset}, the buffer has {} bytes",
                source.data.len()
            ))
        })?;
        if frame.len() + piece.len() > source.data.len() && data.len() == 1 {
            return Err(CodecError::Invalid(
                "VP9 slices overlap in their buffer".into(),
            ));
        }
        frame.extend_from_slice(piece);
    }
    Ok(frame)
}

fn reference_timestamp(
    parameters: &VADecPictureParameterBufferVP9,
    slot: u8,
    surfaces: &dyn Surfaces,
) -> u64 {
    let surface = parameters
        .reference_frames
        .get(usize::from(slot))
        .copied()
        .unwrap_or(VA_INVALID_SURFACE);
    if surface == VA_INVALID_SURFACE {
        return 0;
    }
    surfaces.timestamp(surface).unwrap_or(0)
}

/// Refuses a frame whose header contradicts the client's parameters.
fn cross_check(
    frame: &v4l2_ctrl_vp9_frame,
    ref_frame_idx: Option<[u8; 3]>,
    va: &VADecPictureParameterBufferVP9,
    profile: VAProfile,
) -> Result<(), CodecError> {
    let expected = match frame.profile {
        0 => VAProfileVP9Profile0,
        _ => VAProfileVP9Profile2,
    };
    if profile != expected {
        return Err(CodecError::Invalid(format!(
            "VP9 profile {} in a context of VAProfile {profile}",
            frame.profile
        )));
    }
    let bits = va.pic_bits();
    let is = |flag: u32| u32::from(frame.flags & flag != 0);
    let mut fields = vec![
        (
            "frame_width",
            u32::from(frame.frame_width_minus_1) + 1,
            u32::from(va.frame_width),
        ),
        (
            "frame_height",
            u32::from(frame.frame_height_minus_1) + 1,
            u32::from(va.frame_height),
        ),
        ("bit_depth", frame.bit_depth.into(), va.bit_depth.into()),
        (
            "frame_type",
            1 - is(V4L2_VP9_FRAME_FLAG_KEY_FRAME),
            bits.frame_type(),
        ),
        (
            "show_frame",
            is(V4L2_VP9_FRAME_FLAG_SHOW_FRAME),
            bits.show_frame(),
        ),
        (
            "error_resilient_mode",
            is(V4L2_VP9_FRAME_FLAG_ERROR_RESILIENT),
            bits.error_resilient_mode(),
        ),
        (
            "log2_tile_columns",
            frame.tile_cols_log2.into(),
            va.log2_tile_columns.into(),
        ),
        (
            "log2_tile_rows",
            frame.tile_rows_log2.into(),
            va.log2_tile_rows.into(),
        ),
        (
            "frame_header_length_in_bytes",
            frame.uncompressed_header_size.into(),
            va.frame_header_length_in_bytes.into(),
        ),
        (
            "first_partition_size",
            frame.compressed_header_size.into(),
            va.first_partition_size.into(),
        ),
    ];
    if let Some([last, golden, alt]) = ref_frame_idx {
        fields.extend([
            ("last_ref_frame", last.into(), bits.last_ref_frame()),
            ("golden_ref_frame", golden.into(), bits.golden_ref_frame()),
            ("alt_ref_frame", alt.into(), bits.alt_ref_frame()),
        ]);
    }
    match fields.iter().find(|(_, header, va)| header != va) {
        Some((name, header, va)) => Err(CodecError::Invalid(format!(
            "VP9 {name}: {header} in the frame, {va} in VA"
        ))),
        None => Ok(()),
    }
}
