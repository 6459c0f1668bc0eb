// SPDX-License-Identifier: BSD-2-Clause
//! Fields that do not go over one to one.

use super::*;
use v4l2_common::av1::{DEFAULT_REF_DELTAS, IDENTITY_MOTION};
use v4l2_common::uapi::av1::*;

/// A frame that names the key frame on surface 1 (timestamp 1000) eight times.
fn inter_frame() -> VADecPictureParameterBufferAV1 {
    let mut params = key_frame();
    params.current_frame = 2;
    params.ref_frame_map = [1; 8];
    params.order_hint = 4;
    with_picture(&mut params, |bits| {
        bits.set_frame_type(V4L2_AV1_INTER_FRAME)
    });
    params
}

/// Controls of `params` behind a key frame.
fn after(
    key: &VADecPictureParameterBufferAV1,
    params: &VADecPictureParameterBufferAV1,
) -> Av1Controls {
    let mut translator = Av1Translator::new();
    translate(&mut translator, &Table::default(), &picture(key), 1, 1000).unwrap();
    let table = Table([(1, 1000)].into());
    let translation = translate(&mut translator, &table, &picture(params), 2, 2000).unwrap();
    controls(&translation.submissions[0]).clone()
}

#[test]
fn widths_before_and_after_superres() {
    let mut params = key_frame();
    (params.frame_width_minus1, params.frame_height_minus1) = (351, 287);
    with_picture(&mut params, |bits| bits.set_use_superres(1));
    params.superres_scale_denominator = 13;
    let frame = alone(&params).unwrap().frame;
    assert_eq!(
        (
            frame.upscaled_width,
            frame.frame_width_minus_1,
            frame.frame_height_minus_1
        ),
        (352, 216, 287)
    );
    assert_eq!(frame.tile_info.mi_col_starts[1], 56, "of the coded width");
    params.superres_scale_denominator = 17;
    assert!(matches!(alone(&params), Err(CodecError::Invalid(_))));
}

#[test]
fn uniform_tiles_need_no_sizes() {
    let mut params = key_frame();
    (params.frame_width_minus1, params.frame_height_minus1) = (639, 359);
    (params.tile_cols, params.tile_rows) = (4, 2);
    let tiles: Vec<_> = (0..8).map(|i| (i / 4, i % 4, u32::from(i), 1)).collect();
    let buffers = [
        params_buffer(&params),
        tiles_buffer(&tiles),
        data_buffer(&[0; 8]),
    ];
    let translation =
        translate(&mut Av1Translator::new(), &Table::default(), &buffers, 1, 1).unwrap();
    let info = controls(&translation.submissions[0]).frame.tile_info;
    assert_eq!(info.mi_col_starts[..5], [0, 48, 96, 144, 160]);
    assert_eq!(info.mi_row_starts[..3], [0, 48, 90]);
    assert_eq!(info.width_in_sbs_minus_1[..4], [2, 2, 2, 0]);
    assert_eq!(info.height_in_sbs_minus_1[..2], [2, 2]);
}

#[test]
fn the_last_tile_takes_the_rest() {
    let mut params = key_frame();
    (params.frame_width_minus1, params.frame_height_minus1) = (639, 63);
    params.tile_cols = 3;
    with_picture(&mut params, |bits| bits.set_uniform_tile_spacing_flag(0));
    (
        params.width_in_sbs_minus_1[0],
        params.width_in_sbs_minus_1[1],
    ) = (0, 6);
    let tiles = [(0, 0, 0, 1), (0, 1, 1, 1), (0, 2, 2, 1)];
    let translated = |params: &_| {
        let buffers = [
            params_buffer(params),
            tiles_buffer(&tiles),
            data_buffer(&[0; 3]),
        ];
        translate(&mut Av1Translator::new(), &Table::default(), &buffers, 1, 1)
    };
    let info = controls(&translated(&params).unwrap().submissions[0])
        .frame
        .tile_info;
    assert_eq!(info.mi_col_starts[..4], [0, 16, 128, 160]);
    assert_eq!(info.width_in_sbs_minus_1[..3], [0, 6, 1]);
    params.width_in_sbs_minus_1[1] = 9;
    assert!(
        matches!(translated(&params), Err(CodecError::Invalid(_))),
        "no room for the third"
    );
    params.tile_cols = 0;
    assert!(matches!(translated(&params), Err(CodecError::Invalid(_))));
}

#[test]
fn cdef_code_3_means_4() {
    let mut params = key_frame();
    params.cdef_bits = 2;
    params.cdef_y_strengths[..4].copy_from_slice(&[63, 5 << 2 | 2, 0, 1]);
    let cdef = alone(&params).unwrap().frame.cdef;
    assert_eq!(cdef.y_pri_strength[..4], [15, 5, 0, 0]);
    assert_eq!(cdef.y_sec_strength[..4], [4, 2, 0, 1]);
}

#[test]
fn restoration_units_have_sizes() {
    let mut params = key_frame();
    params.loop_restoration_fields.value = 1 | 3 << 4 | 2 << 6 | 1 << 8;
    let lr = alone(&params).unwrap().frame.loop_restoration;
    assert_eq!(lr.frame_restoration_type, [1, 0, 3]);
    assert_eq!(lr.loop_restoration_size, [256, 128, 128]);
    assert_eq!(lr.flags, 3);
}

#[test]
fn segments_say_what_they_use() {
    let mut params = key_frame();
    params.seg_info.segment_info_fields.value = 1;
    params.seg_info.feature_mask[1] = 0b11;
    params.seg_info.feature_data[1][..2].copy_from_slice(&[300, -5]);
    params.seg_info.feature_data[2][0] = 9;
    let seg = alone(&params).unwrap().frame.segmentation;
    assert_eq!(seg.last_active_seg_id, 1);
    assert_eq!(
        (
            seg.feature_data[1][0],
            seg.feature_data[1][1],
            seg.feature_data[2][0]
        ),
        (255, -5, 0)
    );
    assert_eq!(
        seg.flags, 0b1011,
        "without a primary reference, map and data are new"
    );
    params.seg_info.feature_mask[6] = 1 << 5;
    let seg = alone(&params).unwrap().frame.segmentation;
    assert_eq!((seg.last_active_seg_id, seg.flags), (6, 0b1_1011));
}

#[test]
fn what_a_frame_does_not_update_is_its_primary_references() {
    let mut key = key_frame();
    key.seg_info.segment_info_fields.value = 0b1011;
    key.seg_info.feature_mask[3] = 1;
    key.seg_info.feature_data[3][0] = -20;
    key.loop_filter_info_fields.value = 0b11 << 3;
    key.ref_deltas = [5; 8];
    key.mode_deltas = [-7, 7];
    let mut params = inter_frame();
    params.primary_ref_frame = 2;
    params.seg_info.segment_info_fields.value = 0b0001;
    params.loop_filter_info_fields.value = 1 << 3;
    let frame = after(&key, &params).frame;
    assert_eq!(
        (
            frame.segmentation.feature_enabled[3],
            frame.segmentation.feature_data[3][0]
        ),
        (1, -20)
    );
    assert_eq!(frame.segmentation.flags, V4L2_AV1_SEGMENTATION_FLAG_ENABLED);
    assert_eq!(
        (frame.loop_filter.ref_deltas, frame.loop_filter.mode_deltas),
        ([5; 8], [-7, 7])
    );

    params.primary_ref_frame = 7;
    let frame = after(&key, &params).frame;
    assert_eq!(
        frame.loop_filter.ref_deltas, DEFAULT_REF_DELTAS,
        "past independence"
    );
    assert_eq!(frame.segmentation.feature_enabled[3], 0);

    params.loop_filter_info_fields.value = 0b11 << 3;
    params.ref_deltas = [9; 8];
    assert_eq!(after(&key, &params).frame.loop_filter.ref_deltas, [9; 8]);
    params.base_qindex = 0;
    assert_eq!(
        after(&key, &params).frame.loop_filter.ref_deltas,
        DEFAULT_REF_DELTAS,
        "lossless"
    );
}

#[test]
fn global_motion_has_flags_and_identity() {
    let mut params = inter_frame();
    params.wm[0].wmtype = VAAV1TransformationRotzoom;
    params.wm[0].wmmat = [64, -64, 65_600, 32, -32, 65_600, 0, 0];
    params.wm[6].wmtype = VAAV1TransformationAffine;
    params.wm[6].invalid = 1;
    params.wm[3].wmmat = [1; 8];
    let motion = after(&key_frame(), &params).frame.global_motion;
    assert_eq!(motion.flags, [0, 3, 0, 0, 0, 0, 0, 1]);
    assert_eq!(motion.params[1], [64, -64, 65_600, 32, -32, 65_600]);
    assert_eq!(
        motion.params[4], IDENTITY_MOTION,
        "what an identity carries is noise"
    );
    assert_eq!(motion.invalid, 1 << 7);
}

#[test]
fn order_hint_bits_count_with_order_hints_only() {
    let mut params = key_frame();
    params.order_hint_bits_minus_1 = 255;
    assert!(matches!(alone(&params), Err(CodecError::Invalid(_))));
    with_sequence(&mut params, |fields| fields.set_enable_order_hint(0));
    assert_eq!(alone(&params).unwrap().sequence.order_hint_bits, 0);
}

#[test]
fn what_daedalus_does_not_decode_is_unsupported() {
    let unsupported = |change: &dyn Fn(&mut VADecPictureParameterBufferAV1)| {
        let mut params = key_frame();
        change(&mut params);
        matches!(alone(&params), Err(CodecError::Unsupported(_)))
    };
    assert!(unsupported(&|p| p.profile = 1));
    assert!(unsupported(&|p| p.bit_depth_idx = 2));
    assert!(unsupported(
        &|p| with_sequence(p, |fields| fields.set_subsampling_y(0))
    ));
    assert!(unsupported(
        &|p| with_picture(p, |bits| bits.set_large_scale_tile(1))
    ));
    assert!(unsupported(&|p| p.context_update_tile_id = 256));
    assert!(!unsupported(
        &|p| with_sequence(p, |fields| fields.set_mono_chrome(1))
    ));
    let mut ten_bit = key_frame();
    ten_bit.bit_depth_idx = 1;
    assert_eq!(alone(&ten_bit).unwrap().sequence.bit_depth, 10);
}
