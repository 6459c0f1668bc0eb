// SPDX-License-Identifier: BSD-2-Clause
//! Sequence and frame controls, field by field.

use super::geometry::tile_info;
use super::slots::{References, Saved};
use crate::codec::CodecError;
use v4l2_common::av1::*;
use v4l2_common::uapi::av1::*;
use va_sys::VADecPictureParameterBufferAV1 as Params;

/// Flags whose conditions hold.
fn flags<const N: usize>(table: [(u32, u32); N]) -> u32 {
    table
        .into_iter()
        .filter(|&(on, _)| on != 0)
        .map(|(_, flag)| flag)
        .sum()
}

/// The sequence control.
///
/// VA does not carry the switches of tools that every frame switches for itself (warped motion, motion field projection,
/// super-resolution, loop restoration, separate chroma quantisers): they are set. The largest frame is this frame.
pub(super) fn sequence(params: &Params) -> Result<v4l2_ctrl_av1_sequence, CodecError> {
    let bits = params.seq_bits();
    if params.profile != 0 {
        return Err(CodecError::Unsupported(format!(
            "AV1 profile {}",
            params.profile
        )));
    }
    let bit_depth = match params.bit_depth_idx {
        0 => 8,
        1 => 10,
        other => return Err(CodecError::Unsupported(format!("bit_depth_idx {other}"))),
    };
    if bits.mono_chrome() == 0 && (bits.subsampling_x() == 0 || bits.subsampling_y() == 0) {
        return Err(CodecError::Unsupported("chroma is not 4:2:0".into()));
    }
    if params.pic_bits().large_scale_tile() != 0 {
        return Err(CodecError::Unsupported("large scale tiles".into()));
    }
    // Without order hints, the field is noise.
    let order_hint_bits = match bits.enable_order_hint() {
        0 => 0,
        _ => params.order_hint_bits_minus_1.saturating_add(1),
    };
    if order_hint_bits > 8 {
        return Err(CodecError::Invalid(format!(
            "order_hint_bits_minus_1 {}",
            params.order_hint_bits_minus_1
        )));
    }
    Ok(v4l2_ctrl_av1_sequence {
        flags: flags([
            (bits.still_picture(), V4L2_AV1_SEQUENCE_FLAG_STILL_PICTURE),
            (
                bits.use_128x128_superblock(),
                V4L2_AV1_SEQUENCE_FLAG_USE_128X128_SUPERBLOCK,
            ),
            (
                bits.enable_filter_intra(),
                V4L2_AV1_SEQUENCE_FLAG_ENABLE_FILTER_INTRA,
            ),
            (
                bits.enable_intra_edge_filter(),
                V4L2_AV1_SEQUENCE_FLAG_ENABLE_INTRA_EDGE_FILTER,
            ),
            (
                bits.enable_interintra_compound(),
                V4L2_AV1_SEQUENCE_FLAG_ENABLE_INTERINTRA_COMPOUND,
            ),
            (
                bits.enable_masked_compound(),
                V4L2_AV1_SEQUENCE_FLAG_ENABLE_MASKED_COMPOUND,
            ),
            (1, V4L2_AV1_SEQUENCE_FLAG_ENABLE_WARPED_MOTION),
            (
                bits.enable_dual_filter(),
                V4L2_AV1_SEQUENCE_FLAG_ENABLE_DUAL_FILTER,
            ),
            (
                bits.enable_order_hint(),
                V4L2_AV1_SEQUENCE_FLAG_ENABLE_ORDER_HINT,
            ),
            (
                bits.enable_order_hint() & bits.enable_jnt_comp(),
                V4L2_AV1_SEQUENCE_FLAG_ENABLE_JNT_COMP,
            ),
            (
                bits.enable_order_hint(),
                V4L2_AV1_SEQUENCE_FLAG_ENABLE_REF_FRAME_MVS,
            ),
            (1, V4L2_AV1_SEQUENCE_FLAG_ENABLE_SUPERRES),
            (bits.enable_cdef(), V4L2_AV1_SEQUENCE_FLAG_ENABLE_CDEF),
            (1, V4L2_AV1_SEQUENCE_FLAG_ENABLE_RESTORATION),
            (bits.mono_chrome(), V4L2_AV1_SEQUENCE_FLAG_MONO_CHROME),
            (bits.color_range(), V4L2_AV1_SEQUENCE_FLAG_COLOR_RANGE),
            (1, V4L2_AV1_SEQUENCE_FLAG_SUBSAMPLING_X),
            (1, V4L2_AV1_SEQUENCE_FLAG_SUBSAMPLING_Y),
            (
                bits.film_grain_params_present(),
                V4L2_AV1_SEQUENCE_FLAG_FILM_GRAIN_PARAMS_PRESENT,
            ),
            (
                bits.mono_chrome() ^ 1,
                V4L2_AV1_SEQUENCE_FLAG_SEPARATE_UV_DELTA_Q,
            ),
        ]),
        seq_profile: 0,
        order_hint_bits,
        bit_depth,
        max_frame_width_minus_1: params.frame_width_minus1,
        max_frame_height_minus_1: params.frame_height_minus1,
        ..Default::default()
    })
}

/// The frame control without references, loop filter deltas and segmentation features ([`references`], [`inherit`]).
pub(super) fn frame(params: &Params) -> Result<v4l2_ctrl_av1_frame, CodecError> {
    let (bits, modes) = (params.pic_bits(), params.mode_control_bits());
    let frame_type = bits.frame_type();
    let intra = matches!(frame_type, V4L2_AV1_KEY_FRAME | V4L2_AV1_INTRA_ONLY_FRAME);
    let show_frame = bits.show_frame() != 0;
    let error_resilient = bits.error_resilient_mode() != 0
        || frame_type == V4L2_AV1_SWITCH_FRAME
        || (frame_type == V4L2_AV1_KEY_FRAME && show_frame);
    let superres_denom = match bits.use_superres() {
        0 => SUPERRES_NUM as u8,
        _ => params.superres_scale_denominator,
    };
    if !(8..=16).contains(&superres_denom) {
        return Err(CodecError::Invalid(format!(
            "superres_scale_denominator {superres_denom}"
        )));
    }
    let upscaled_width = u32::from(params.frame_width_minus1) + 1;
    let width = coded_width(upscaled_width, superres_denom.into());
    let height = u32::from(params.frame_height_minus1) + 1;
    Ok(v4l2_ctrl_av1_frame {
        tile_info: tile_info(params, width, height)?,
        quantization: quantization(params),
        superres_denom,
        loop_filter: loop_filter(params),
        cdef: cdef(params),
        primary_ref_frame: if intra || error_resilient {
            PRIMARY_REF_NONE
        } else {
            params.primary_ref_frame
        },
        loop_restoration: loop_restoration(params),
        global_motion: global_motion(params, intra),
        flags: flags([
            (bits.show_frame(), V4L2_AV1_FRAME_FLAG_SHOW_FRAME),
            (bits.showable_frame(), V4L2_AV1_FRAME_FLAG_SHOWABLE_FRAME),
            (
                u32::from(error_resilient),
                V4L2_AV1_FRAME_FLAG_ERROR_RESILIENT_MODE,
            ),
            (
                bits.disable_cdf_update(),
                V4L2_AV1_FRAME_FLAG_DISABLE_CDF_UPDATE,
            ),
            (
                bits.allow_screen_content_tools(),
                V4L2_AV1_FRAME_FLAG_ALLOW_SCREEN_CONTENT_TOOLS,
            ),
            (
                bits.force_integer_mv(),
                V4L2_AV1_FRAME_FLAG_FORCE_INTEGER_MV,
            ),
            (bits.allow_intrabc(), V4L2_AV1_FRAME_FLAG_ALLOW_INTRABC),
            (bits.use_superres(), V4L2_AV1_FRAME_FLAG_USE_SUPERRES),
            (
                bits.allow_high_precision_mv(),
                V4L2_AV1_FRAME_FLAG_ALLOW_HIGH_PRECISION_MV,
            ),
            (
                bits.is_motion_mode_switchable(),
                V4L2_AV1_FRAME_FLAG_IS_MOTION_MODE_SWITCHABLE,
            ),
            (
                bits.use_ref_frame_mvs(),
                V4L2_AV1_FRAME_FLAG_USE_REF_FRAME_MVS,
            ),
            (
                bits.disable_frame_end_update_cdf(),
                V4L2_AV1_FRAME_FLAG_DISABLE_FRAME_END_UPDATE_CDF,
            ),
            (
                bits.allow_warped_motion(),
                V4L2_AV1_FRAME_FLAG_ALLOW_WARPED_MOTION,
            ),
            (
                modes.reference_select(),
                V4L2_AV1_FRAME_FLAG_REFERENCE_SELECT,
            ),
            (
                modes.reduced_tx_set_used(),
                V4L2_AV1_FRAME_FLAG_REDUCED_TX_SET,
            ),
            (
                modes.skip_mode_present(),
                V4L2_AV1_FRAME_FLAG_SKIP_MODE_PRESENT,
            ),
        ]),
        frame_type,
        order_hint: u32::from(params.order_hint),
        upscaled_width,
        interpolation_filter: u32::from(params.interp_filter),
        tx_mode: modes.tx_mode(),
        frame_width_minus_1: width.saturating_sub(1),
        frame_height_minus_1: height - 1,
        render_width_minus_1: params.frame_width_minus1,
        render_height_minus_1: params.frame_height_minus1,
        ..Default::default()
    })
}

/// Slots, order hints and skip mode.
pub(super) fn references(
    frame: &mut v4l2_ctrl_av1_frame,
    sequence: &v4l2_ctrl_av1_sequence,
    references: &References,
) {
    frame.reference_frame_ts = references.timestamps;
    frame.ref_frame_idx = references.indices;
    if matches!(
        frame.frame_type,
        V4L2_AV1_KEY_FRAME | V4L2_AV1_INTRA_ONLY_FRAME
    ) {
        return;
    }
    let hints: [Option<u32>; REFS_PER_FRAME] =
        std::array::from_fn(|i| references.saved[i].as_ref().map(|saved| saved.order_hint));
    for (order_hint, hint) in frame.order_hints.iter_mut().skip(1).zip(hints) {
        *order_hint = hint.unwrap_or(0);
    }
    if frame.flags & V4L2_AV1_FRAME_FLAG_REFERENCE_SELECT != 0 {
        if let Some(frames) = skip_mode_frames(sequence.order_hint_bits, frame.order_hint, &hints) {
            frame.skip_mode_frame = frames;
            frame.flags |= V4L2_AV1_FRAME_FLAG_SKIP_MODE_ALLOWED;
        }
    }
}

/// Segmentation features and loop filter deltas, which a frame may take over from its primary reference. Where the
/// frame updates them, they are the client's; else the primary reference's, whatever the client made of them.
pub(super) fn inherit(
    frame: &mut v4l2_ctrl_av1_frame,
    sequence: &v4l2_ctrl_av1_sequence,
    params: &Params,
    references: &References,
) -> Saved {
    let none = frame.primary_ref_frame == PRIMARY_REF_NONE;
    let primary = references
        .saved
        .get(usize::from(frame.primary_ref_frame))
        .and_then(Option::as_ref);
    frame.segmentation = segmentation(params, none, primary.map(|saved| &saved.segmentation));

    let (mut ref_deltas, mut mode_deltas) = primary.map_or((DEFAULT_REF_DELTAS, [0; 2]), |saved| {
        (saved.ref_deltas, saved.mode_deltas)
    });
    let lf = params.loop_filter_bits();
    let mono_chrome = sequence.flags & V4L2_AV1_SEQUENCE_FLAG_MONO_CHROME != 0;
    let intrabc = frame.flags & V4L2_AV1_FRAME_FLAG_ALLOW_INTRABC != 0;
    if intrabc || coded_lossless(frame, mono_chrome) {
        (ref_deltas, mode_deltas) = (DEFAULT_REF_DELTAS, [0; 2]);
    } else if lf.mode_ref_delta_enabled() != 0
        && (lf.mode_ref_delta_update() != 0 || (!none && primary.is_none()))
    {
        (ref_deltas, mode_deltas) = (params.ref_deltas, params.mode_deltas);
    }
    frame.loop_filter.ref_deltas = ref_deltas;
    frame.loop_filter.mode_deltas = mode_deltas;
    Saved {
        timestamp: 0,
        order_hint: frame.order_hint,
        segmentation: frame.segmentation,
        ref_deltas,
        mode_deltas,
    }
}

fn segmentation(
    params: &Params,
    no_primary: bool,
    primary: Option<&v4l2_av1_segmentation>,
) -> v4l2_av1_segmentation {
    let va = &params.seg_info;
    let bits = va.info_bits();
    let mut segmentation = v4l2_av1_segmentation::default();
    if bits.enabled() == 0 {
        return segmentation;
    }
    let flag = |on: bool, flag: u8| if on { flag } else { 0 };
    let update_map = no_primary || bits.update_map() != 0;
    let update_data = no_primary || bits.update_data() != 0;
    segmentation.flags = V4L2_AV1_SEGMENTATION_FLAG_ENABLED
        | flag(update_map, V4L2_AV1_SEGMENTATION_FLAG_UPDATE_MAP)
        | flag(
            update_map && !no_primary && bits.temporal_update() != 0,
            V4L2_AV1_SEGMENTATION_FLAG_TEMPORAL_UPDATE,
        )
        | flag(update_data, V4L2_AV1_SEGMENTATION_FLAG_UPDATE_DATA);
    match primary.filter(|_| !update_data) {
        Some(primary) => {
            segmentation.feature_enabled = primary.feature_enabled;
            segmentation.feature_data = primary.feature_data;
        }
        None => {
            segmentation.feature_enabled = va.feature_mask;
            for ((to, from), mask) in segmentation
                .feature_data
                .iter_mut()
                .zip(&va.feature_data)
                .zip(va.feature_mask)
            {
                for (feature, (to, &from)) in to.iter_mut().zip(from).enumerate() {
                    let max = SEGMENTATION_FEATURE_MAX[feature];
                    let min = if SEGMENTATION_FEATURE_SIGNED[feature] {
                        -max
                    } else {
                        0
                    };
                    *to = if mask >> feature & 1 == 1 {
                        from.clamp(min, max)
                    } else {
                        0
                    };
                }
            }
        }
    }
    for (segment, mask) in (0..).zip(segmentation.feature_enabled) {
        if mask != 0 {
            segmentation.last_active_seg_id = segment;
        }
        if mask >> SEG_LVL_REF_FRAME != 0 {
            segmentation.flags |= V4L2_AV1_SEGMENTATION_FLAG_SEG_ID_PRE_SKIP;
        }
    }
    segmentation
}

fn quantization(params: &Params) -> v4l2_av1_quantization {
    let (qm, modes) = (params.qmatrix_bits(), params.mode_control_bits());
    let u_and_v_differ =
        (params.u_dc_delta_q, params.u_ac_delta_q) != (params.v_dc_delta_q, params.v_ac_delta_q);
    v4l2_av1_quantization {
        flags: flags([
            (
                u32::from(u_and_v_differ),
                u32::from(V4L2_AV1_QUANTIZATION_FLAG_DIFF_UV_DELTA),
            ),
            (
                u32::from(qm.using_qmatrix()),
                u32::from(V4L2_AV1_QUANTIZATION_FLAG_USING_QMATRIX),
            ),
            (
                modes.delta_q_present_flag(),
                u32::from(V4L2_AV1_QUANTIZATION_FLAG_DELTA_Q_PRESENT),
            ),
        ]) as u8,
        base_q_idx: params.base_qindex,
        delta_q_y_dc: params.y_dc_delta_q,
        delta_q_u_dc: params.u_dc_delta_q,
        delta_q_u_ac: params.u_ac_delta_q,
        delta_q_v_dc: params.v_dc_delta_q,
        delta_q_v_ac: params.v_ac_delta_q,
        qm_y: qm.qm_y() as u8,
        qm_u: qm.qm_u() as u8,
        qm_v: qm.qm_v() as u8,
        delta_q_res: modes.log2_delta_q_res() as u8,
    }
}

fn loop_filter(params: &Params) -> v4l2_av1_loop_filter {
    let (lf, modes) = (params.loop_filter_bits(), params.mode_control_bits());
    v4l2_av1_loop_filter {
        flags: flags([
            (
                lf.mode_ref_delta_enabled().into(),
                V4L2_AV1_LOOP_FILTER_FLAG_DELTA_ENABLED.into(),
            ),
            (
                lf.mode_ref_delta_update().into(),
                V4L2_AV1_LOOP_FILTER_FLAG_DELTA_UPDATE.into(),
            ),
            (
                modes.delta_lf_present_flag(),
                V4L2_AV1_LOOP_FILTER_FLAG_DELTA_LF_PRESENT.into(),
            ),
            (
                modes.delta_lf_multi(),
                V4L2_AV1_LOOP_FILTER_FLAG_DELTA_LF_MULTI.into(),
            ),
        ]) as u8,
        level: [
            params.filter_level[0],
            params.filter_level[1],
            params.filter_level_u,
            params.filter_level_v,
        ],
        sharpness: lf.sharpness_level(),
        delta_lf_res: modes.log2_delta_lf_res() as u8,
        ..Default::default()
    }
}

/// The two lower bits of a strength are the secondary's code, of which 3 means 4.
fn cdef(params: &Params) -> v4l2_av1_cdef {
    let secondary = |strength: u8| if strength & 3 == 3 { 4 } else { strength & 3 };
    v4l2_av1_cdef {
        damping_minus_3: params.cdef_damping_minus_3,
        bits: params.cdef_bits,
        y_pri_strength: params.cdef_y_strengths.map(|strength| strength >> 2 & 0xf),
        y_sec_strength: params.cdef_y_strengths.map(secondary),
        uv_pri_strength: params.cdef_uv_strengths.map(|strength| strength >> 2 & 0xf),
        uv_sec_strength: params.cdef_uv_strengths.map(secondary),
    }
}

fn loop_restoration(params: &Params) -> v4l2_av1_loop_restoration {
    let bits = params.loop_restoration_bits();
    let types = [
        bits.yframe_restoration_type(),
        bits.cbframe_restoration_type(),
        bits.crframe_restoration_type(),
    ];
    let mut lr = v4l2_av1_loop_restoration {
        frame_restoration_type: types.map(u32::from),
        ..Default::default()
    };
    if types != [0; 3] {
        let (shift, uv_shift) = (bits.lr_unit_shift().min(2) as u8, bits.lr_uv_shift() as u8);
        let luma = 64 << shift;
        lr.flags = V4L2_AV1_LOOP_RESTORATION_FLAG_USES_LR;
        if types[1] != 0 || types[2] != 0 {
            lr.flags |= V4L2_AV1_LOOP_RESTORATION_FLAG_USES_CHROMA_LR;
        }
        (lr.lr_unit_shift, lr.lr_uv_shift) = (shift, uv_shift);
        lr.loop_restoration_size = [luma, luma >> uv_shift, luma >> uv_shift];
    }
    lr
}

fn global_motion(params: &Params, intra: bool) -> v4l2_av1_global_motion {
    let mut motion = v4l2_av1_global_motion {
        params: [IDENTITY_MOTION; 8],
        ..Default::default()
    };
    if intra {
        return motion;
    }
    for (reference, va) in (1usize..).zip(&params.wm) {
        motion.flags[reference] = match va.wmtype {
            V4L2_AV1_WARP_MODEL_IDENTITY => 0,
            V4L2_AV1_WARP_MODEL_TRANSLATION => {
                V4L2_AV1_GLOBAL_MOTION_FLAG_IS_GLOBAL | V4L2_AV1_GLOBAL_MOTION_FLAG_IS_TRANSLATION
            }
            V4L2_AV1_WARP_MODEL_ROTZOOM => {
                V4L2_AV1_GLOBAL_MOTION_FLAG_IS_GLOBAL | V4L2_AV1_GLOBAL_MOTION_FLAG_IS_ROT_ZOOM
            }
            _ => V4L2_AV1_GLOBAL_MOTION_FLAG_IS_GLOBAL,
        };
        motion.r#type[reference] = va.wmtype;
        if va.wmtype != V4L2_AV1_WARP_MODEL_IDENTITY {
            motion.params[reference].copy_from_slice(&va.wmmat[..6]);
        }
        motion.invalid |= u8::from(va.invalid != 0) << reference;
    }
    motion
}
