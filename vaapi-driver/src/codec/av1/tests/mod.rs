// SPDX-License-Identifier: BSD-2-Clause
//! What clients render, and what must come of it.

mod client;
mod fields;
mod references;

use super::Av1Translator;
use crate::codec::{
    CodecError, PictureInput, RenderedBuffer, Submission, Surfaces, Translation, Translator,
};
use std::collections::HashMap;
use v4l2_common::picture::{Av1Controls, Controls};
use va_sys::*;

/// Decoded surfaces by ID.
#[derive(Default)]
struct Table(HashMap<VASurfaceID, u64>);

impl Surfaces for Table {
    fn timestamp(&self, surface: VASurfaceID) -> Option<u64> {
        self.0.get(&surface).copied()
    }
}

/// A shown 64x64 8-bit key frame with one tile.
fn key_frame() -> VADecPictureParameterBufferAV1 {
    let mut params = VADecPictureParameterBufferAV1 {
        order_hint_bits_minus_1: 6,
        current_frame: 1,
        current_display_picture: VA_INVALID_SURFACE,
        frame_width_minus1: 63,
        frame_height_minus1: 63,
        ref_frame_map: [VA_INVALID_SURFACE; 8],
        primary_ref_frame: 7,
        tile_cols: 1,
        tile_rows: 1,
        superres_scale_denominator: 8,
        base_qindex: 100,
        ..Default::default()
    };
    with_sequence(&mut params, |fields| {
        fields.set_enable_order_hint(1);
        fields.set_enable_cdef(1);
        fields.set_subsampling_x(1);
        fields.set_subsampling_y(1);
    });
    with_picture(&mut params, |bits| {
        bits.set_show_frame(1);
        bits.set_uniform_tile_spacing_flag(1);
    });
    params.mode_control_fields.value = 2 << 7;
    params
}

fn with_sequence(
    params: &mut VADecPictureParameterBufferAV1,
    change: impl FnOnce(&mut _VADecPictureParameterBufferAV1__bindgen_ty_1__bindgen_ty_1),
) {
    let mut fields = params.seq_bits();
    change(&mut fields);
    params.seq_info_fields.fields = fields;
}

fn with_picture(
    params: &mut VADecPictureParameterBufferAV1,
    change: impl FnOnce(&mut _VADecPictureParameterBufferAV1__bindgen_ty_2__bindgen_ty_1),
) {
    let mut bits = params.pic_bits();
    change(&mut bits);
    params.pic_info_fields.bits = bits;
}

fn params_buffer(params: &VADecPictureParameterBufferAV1) -> RenderedBuffer {
    let data = to_bytes(params);
    RenderedBuffer {
        kind: VAPictureParameterBufferType,
        element_size: data.len(),
        elements: 1,
        data,
    }
}

fn data_buffer(data: &[u8]) -> RenderedBuffer {
    RenderedBuffer {
        kind: VASliceDataBufferType,
        element_size: data.len(),
        elements: 1,
        data: data.to_vec(),
    }
}

/// Parameters of tiles given as (row, column, offset, size).
fn tiles_buffer(tiles: &[(u16, u16, u32, u32)]) -> RenderedBuffer {
    let tiles: Vec<_> = tiles
        .iter()
        .map(
            |&(tile_row, tile_column, slice_data_offset, slice_data_size)| {
                to_bytes(&VASliceParameterBufferAV1 {
                    slice_data_size,
                    slice_data_offset,
                    tile_row,
                    tile_column,
                    ..Default::default()
                })
            },
        )
        .collect();
    RenderedBuffer {
        kind: VASliceParameterBufferType,
        element_size: size_of::<VASliceParameterBufferAV1>(),
        elements: tiles.len(),
        data: tiles.concat(),
    }
}

/// Renders a picture of one tile.
fn picture(params: &VADecPictureParameterBufferAV1) -> Vec<RenderedBuffer> {
    vec![
        params_buffer(params),
        tiles_buffer(&[(0, 0, 0, 4)]),
        data_buffer(&[1, 2, 3, 4]),
    ]
}

fn translate(
    translator: &mut Av1Translator,
    table: &Table,
    buffers: &[RenderedBuffer],
    target: VASurfaceID,
    timestamp: u64,
) -> Result<Translation, CodecError> {
    translator.translate(&PictureInput {
        profile: VAProfileAV1Profile0,
        target,
        timestamp,
        buffers,
        surfaces: table,
    })
}

fn controls(submission: &Submission) -> &Av1Controls {
    match &submission.picture.controls {
        Controls::Av1(controls) => controls,
        _ => panic!("not AV1"),
    }
}

/// Controls of a picture that stands alone.
fn alone(params: &VADecPictureParameterBufferAV1) -> Result<Av1Controls, CodecError> {
    let translation = translate(
        &mut Av1Translator::new(),
        &Table::default(),
        &picture(params),
        params.current_frame,
        1,
    )?;
    Ok(controls(&translation.submissions[0]).clone())
}
