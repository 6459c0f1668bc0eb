// SPDX-License-Identifier: BSD-2-Clause
//! The parameter groups of the frame header that stand alone (sections 5.9.11 to 5.9.20).

use super::HeaderError;
use super::check::{Layout, ensure};
use v4l2_common::av1::*;
use v4l2_common::bits::BitWriter;
use v4l2_common::uapi::av1::*;

/// `quantization_params()` with `separate_uv_delta_q`.
pub(super) fn quantization(w: &mut BitWriter, q: &v4l2_av1_quantization, mono_chrome: bool) {
    let delta = |w: &mut BitWriter, delta: i8| {
        w.bit(delta != 0);
        if delta != 0 {
            w.su(i32::from(delta), 7);
        }
    };
    w.bits(u32::from(q.base_q_idx), 8);
    delta(w, q.delta_q_y_dc);
    if !mono_chrome {
        let differ = (q.delta_q_u_dc, q.delta_q_u_ac) != (q.delta_q_v_dc, q.delta_q_v_ac);
        w.bit(differ);
        delta(w, q.delta_q_u_dc);
        delta(w, q.delta_q_u_ac);
        if differ {
            delta(w, q.delta_q_v_dc);
            delta(w, q.delta_q_v_ac);
        }
    }
    let using_qmatrix = q.flags & V4L2_AV1_QUANTIZATION_FLAG_USING_QMATRIX != 0;
    w.bit(using_qmatrix);
    if using_qmatrix {
        w.bits(u32::from(q.qm_y), 4);
        w.bits(u32::from(q.qm_u), 4);
        if !mono_chrome {
            w.bits(u32::from(q.qm_v), 4);
        }
    }
}

/// `segmentation_params()` with `segmentation_update_data`: the values stand for themselves, whatever they came from.
pub(super) fn segmentation(
    w: &mut BitWriter,
    segmentation: &v4l2_av1_segmentation,
    primary_ref_frame: u8,
) -> Result<(), HeaderError> {
    let flag = |flag: u8| segmentation.flags & flag != 0;
    let enabled = flag(V4L2_AV1_SEGMENTATION_FLAG_ENABLED);
    w.bit(enabled);
    if !enabled {
        return Ok(());
    }
    if primary_ref_frame != PRIMARY_REF_NONE {
        let update_map = flag(V4L2_AV1_SEGMENTATION_FLAG_UPDATE_MAP);
        w.bit(update_map);
        if update_map {
            w.bit(flag(V4L2_AV1_SEGMENTATION_FLAG_TEMPORAL_UPDATE));
        }
        w.bit(true); // segmentation_update_data
    }
    for (mask, data) in segmentation
        .feature_enabled
        .iter()
        .zip(&segmentation.feature_data)
    {
        for (feature, &value) in data.iter().enumerate() {
            let on = mask >> feature & 1 == 1;
            w.bit(on);
            if !on {
                continue;
            }
            let (bits, max) = (
                SEGMENTATION_FEATURE_BITS[feature],
                SEGMENTATION_FEATURE_MAX[feature],
            );
            let signed = SEGMENTATION_FEATURE_SIGNED[feature];
            // A signed value may be as coded, one below what it is clipped to.
            let min = if signed { -max - 1 } else { 0 };
            ensure((min..=max).contains(&value), || {
                format!("segmentation feature {feature} is {value}")
            })?;
            if signed {
                w.su(i32::from(value), bits + 1);
            } else {
                w.bits(value as u32, bits);
            }
        }
    }
    Ok(())
}

/// `delta_q_params()` and `delta_lf_params()`.
pub(super) fn deltas(
    w: &mut BitWriter,
    frame: &v4l2_ctrl_av1_frame,
    allow_intrabc: bool,
) -> Result<(), HeaderError> {
    let (q, lf) = (&frame.quantization, &frame.loop_filter);
    let delta_q = q.flags & V4L2_AV1_QUANTIZATION_FLAG_DELTA_Q_PRESENT != 0;
    let delta_lf = lf.flags & V4L2_AV1_LOOP_FILTER_FLAG_DELTA_LF_PRESENT != 0;
    ensure(!delta_q || q.base_q_idx > 0, || {
        "delta_q_present with base_q_idx 0".into()
    })?;
    ensure(!delta_lf || (delta_q && !allow_intrabc), || {
        "delta_lf_present where it cannot be coded".into()
    })?;
    if q.base_q_idx > 0 {
        w.bit(delta_q);
    }
    if delta_q {
        w.bits(u32::from(q.delta_q_res), 2);
        if !allow_intrabc {
            w.bit(delta_lf);
        }
        if delta_lf {
            w.bits(u32::from(lf.delta_lf_res), 2);
            w.bit(lf.flags & V4L2_AV1_LOOP_FILTER_FLAG_DELTA_LF_MULTI != 0);
        }
    }
    Ok(())
}

/// `loop_filter_params()` of a frame that has them, with every delta updated.
pub(super) fn loop_filter(w: &mut BitWriter, lf: &v4l2_av1_loop_filter, mono_chrome: bool) {
    w.bits(u32::from(lf.level[0]), 6);
    w.bits(u32::from(lf.level[1]), 6);
    if !mono_chrome && (lf.level[0] != 0 || lf.level[1] != 0) {
        w.bits(u32::from(lf.level[2]), 6);
        w.bits(u32::from(lf.level[3]), 6);
    }
    w.bits(u32::from(lf.sharpness), 3);
    let enabled = lf.flags & V4L2_AV1_LOOP_FILTER_FLAG_DELTA_ENABLED != 0;
    w.bit(enabled);
    if enabled {
        w.bit(true); // loop_filter_delta_update
        for &delta in lf.ref_deltas.iter().chain(&lf.mode_deltas) {
            w.bit(true);
            w.su(i32::from(delta), 7);
        }
    }
}

/// `cdef_params()` of a frame that has them. A secondary strength is 0, 1, 2 or 4; 3, its code, is taken as well.
pub(super) fn cdef(w: &mut BitWriter, cdef: &v4l2_av1_cdef, mono_chrome: bool) {
    w.bits(u32::from(cdef.damping_minus_3), 2);
    w.bits(u32::from(cdef.bits), 2);
    let strength = |w: &mut BitWriter, primary: u8, secondary: u8| {
        w.bits(u32::from(primary), 4);
        w.bits(u32::from(secondary.min(3)), 2);
    };
    for i in 0..1usize << cdef.bits.min(3) {
        strength(w, cdef.y_pri_strength[i], cdef.y_sec_strength[i]);
        if !mono_chrome {
            strength(w, cdef.uv_pri_strength[i], cdef.uv_sec_strength[i]);
        }
    }
}

/// `lr_params()` of a frame that has them.
pub(super) fn loop_restoration(
    w: &mut BitWriter,
    lr: &v4l2_av1_loop_restoration,
    layout: &Layout<'_>,
) -> Result<(), HeaderError> {
    let planes = if layout.mono_chrome { 1 } else { 3 };
    let types = lr.frame_restoration_type.get(..planes).unwrap_or_default();
    for &kind in types {
        w.bits(
            match kind {
                V4L2_AV1_FRAME_RESTORE_NONE => 0,
                V4L2_AV1_FRAME_RESTORE_SWITCHABLE => 1,
                V4L2_AV1_FRAME_RESTORE_WIENER => 2,
                _ => 3,
            },
            2,
        );
    }
    let uses = |types: &[u32]| {
        types
            .iter()
            .any(|&kind| kind != V4L2_AV1_FRAME_RESTORE_NONE)
    };
    if !uses(types) {
        return Ok(());
    }
    // The size says more than the shift, which some clients give as coded.
    let shift = match lr.loop_restoration_size[0] {
        64 => 0,
        128 => 1,
        256 => 2,
        _ => lr.lr_unit_shift,
    };
    ensure(shift <= 2, || format!("lr_unit_shift {shift}"))?;
    if layout.limits.sb_shift == 5 {
        ensure(shift > 0, || {
            "restoration units of 64 with superblocks of 128".into()
        })?;
        w.bit(shift == 2);
    } else {
        w.bit(shift > 0);
        if shift > 0 {
            w.bit(shift == 2);
        }
    }
    if uses(types.get(1..).unwrap_or_default()) {
        w.bit(lr.lr_uv_shift != 0);
    }
    Ok(())
}
