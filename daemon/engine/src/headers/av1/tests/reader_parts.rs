// SPDX-License-Identifier: BSD-2-Clause
//! The parameter groups of the frame header in reading direction.

use v4l2_common::bits::BitReader;
use v4l2_common::uapi::av1::*;

fn flag(r: &mut BitReader<'_>) -> bool {
    r.bit().unwrap()
}

fn bits(r: &mut BitReader<'_>, n: u32) -> u32 {
    r.bits(n).unwrap()
}

fn log2(block: u32, target: u32) -> u32 {
    (0..).find(|k| block << k >= target).unwrap()
}

pub(super) fn tile_info(
    r: &mut BitReader<'_>,
    width: u32,
    height: u32,
    sb128: bool,
) -> v4l2_av1_tile_info {
    let (mi_cols, mi_rows) = (2 * ((width + 7) >> 3), 2 * ((height + 7) >> 3));
    let shift = if sb128 { 5 } else { 4 };
    let (sb_cols, sb_rows) = (
        (mi_cols + (1 << shift) - 1) >> shift,
        (mi_rows + (1 << shift) - 1) >> shift,
    );
    let max_width = 4096 >> (shift + 2);
    let mut max_area = (4096 * 2304) >> (2 * (shift + 2));
    let min_cols = log2(max_width, sb_cols);
    let (max_cols, max_rows) = (log2(1, sb_cols.min(64)), log2(1, sb_rows.min(64)));
    let min_tiles = min_cols.max(log2(max_area, sb_rows * sb_cols));
    let mut info = v4l2_av1_tile_info::default();
    let uniform = flag(r);
    info.flags = u8::from(uniform);
    let (mut cols_log2, mut rows_log2);
    let mut side =
        |superblocks: u32, mut next: Box<dyn FnMut(u32) -> u32 + '_>, end: u32, columns: bool| {
            let (mut start, mut count, mut widest) = (0, 0, 0);
            while start < superblocks {
                let size = next(start);
                let (starts, sizes) = match columns {
                    true => (&mut info.mi_col_starts, &mut info.width_in_sbs_minus_1),
                    false => (&mut info.mi_row_starts, &mut info.height_in_sbs_minus_1),
                };
                starts[count] = start << shift;
                sizes[count] = size.min(superblocks - start) - 1;
                widest = widest.max(size);
                start += size;
                count += 1;
                starts[count] = end;
            }
            (count as u8, widest)
        };
    let (cols, rows);
    if uniform {
        cols_log2 = min_cols;
        while cols_log2 < max_cols && flag(r) {
            cols_log2 += 1;
        }
        let size = (sb_cols + (1 << cols_log2) - 1) >> cols_log2;
        cols = side(sb_cols, Box::new(|_| size), mi_cols, true).0;
        rows_log2 = min_tiles.saturating_sub(cols_log2);
        while rows_log2 < max_rows && flag(r) {
            rows_log2 += 1;
        }
        let size = (sb_rows + (1 << rows_log2) - 1) >> rows_log2;
        rows = side(sb_rows, Box::new(|_| size), mi_rows, false).0;
    } else {
        let next = Box::new(|start: u32| r.ns((sb_cols - start).min(max_width)).unwrap() + 1);
        let (count, widest) = side(sb_cols, next, mi_cols, true);
        cols = count;
        cols_log2 = log2(1, cols.into());
        max_area = if min_tiles > 0 {
            (sb_rows * sb_cols) >> (min_tiles + 1)
        } else {
            sb_rows * sb_cols
        };
        let max_height = (max_area / widest).max(1);
        let next = Box::new(|start: u32| r.ns((sb_rows - start).min(max_height)).unwrap() + 1);
        rows = side(sb_rows, next, mi_rows, false).0;
        rows_log2 = log2(1, rows.into());
    }
    (info.tile_cols, info.tile_rows) = (cols, rows);
    info.tile_size_bytes = 4;
    if cols_log2 + rows_log2 > 0 {
        info.context_update_tile_id = bits(r, cols_log2 + rows_log2) as u8;
        assert_eq!(bits(r, 2), 3, "tile_size_bytes_minus_1");
    }
    info
}

pub(super) fn quantization(r: &mut BitReader<'_>, f: &mut v4l2_ctrl_av1_frame, mono: bool) {
    let q = &mut f.quantization;
    let delta = |r: &mut BitReader<'_>| if flag(r) { r.su(7).unwrap() as i8 } else { 0 };
    q.base_q_idx = bits(r, 8) as u8;
    q.delta_q_y_dc = delta(r);
    if !mono {
        let differ = flag(r);
        (q.delta_q_u_dc, q.delta_q_u_ac) = (delta(r), delta(r));
        (q.delta_q_v_dc, q.delta_q_v_ac) = (q.delta_q_u_dc, q.delta_q_u_ac);
        if differ {
            (q.delta_q_v_dc, q.delta_q_v_ac) = (delta(r), delta(r));
            q.flags |= V4L2_AV1_QUANTIZATION_FLAG_DIFF_UV_DELTA;
        }
    }
    if flag(r) {
        q.flags |= V4L2_AV1_QUANTIZATION_FLAG_USING_QMATRIX;
        (q.qm_y, q.qm_u) = (bits(r, 4) as u8, bits(r, 4) as u8);
        q.qm_v = if mono { q.qm_u } else { bits(r, 4) as u8 };
    }
}

pub(super) fn segmentation(r: &mut BitReader<'_>, s: &mut v4l2_av1_segmentation, primary: u8) {
    if !flag(r) {
        return;
    }
    s.flags = V4L2_AV1_SEGMENTATION_FLAG_ENABLED | V4L2_AV1_SEGMENTATION_FLAG_UPDATE_DATA;
    if primary == 7 || flag(r) {
        s.flags |= V4L2_AV1_SEGMENTATION_FLAG_UPDATE_MAP;
        if primary != 7 && flag(r) {
            s.flags |= V4L2_AV1_SEGMENTATION_FLAG_TEMPORAL_UPDATE;
        }
    }
    assert!(primary == 7 || flag(r), "segmentation_update_data");
    for i in 0..8 {
        for j in 0..8 {
            if !flag(r) {
                continue;
            }
            s.feature_enabled[i] |= 1 << j;
            s.last_active_seg_id = i as u8;
            if j >= 5 {
                s.flags |= V4L2_AV1_SEGMENTATION_FLAG_SEG_ID_PRE_SKIP;
            }
            s.feature_data[i][j] = match j {
                0 => r.su(9).unwrap() as i16,
                1..=4 => r.su(7).unwrap() as i16,
                5 => bits(r, 3) as i16,
                _ => 0,
            };
        }
    }
}

pub(super) fn deltas(r: &mut BitReader<'_>, f: &mut v4l2_ctrl_av1_frame, intrabc: bool) {
    if f.quantization.base_q_idx == 0 || !flag(r) {
        return;
    }
    f.quantization.flags |= V4L2_AV1_QUANTIZATION_FLAG_DELTA_Q_PRESENT;
    f.quantization.delta_q_res = bits(r, 2) as u8;
    if !intrabc && flag(r) {
        f.loop_filter.flags |= V4L2_AV1_LOOP_FILTER_FLAG_DELTA_LF_PRESENT;
        f.loop_filter.delta_lf_res = bits(r, 2) as u8;
        if flag(r) {
            f.loop_filter.flags |= V4L2_AV1_LOOP_FILTER_FLAG_DELTA_LF_MULTI;
        }
    }
}

pub(super) fn lossless(f: &v4l2_ctrl_av1_frame, mono: bool) -> bool {
    let q = &f.quantization;
    let deltas = [
        q.delta_q_u_dc,
        q.delta_q_u_ac,
        q.delta_q_v_dc,
        q.delta_q_v_ac,
    ];
    let zero = q.delta_q_y_dc == 0 && (mono || deltas == [0; 4]);
    zero && (0..8).all(|i| {
        let segment = match f.segmentation.feature_enabled[i] & 1 {
            1 => i32::from(f.segmentation.feature_data[i][0]),
            _ => 0,
        };
        i32::from(q.base_q_idx) + segment <= 0
    })
}

pub(super) fn loop_filter(r: &mut BitReader<'_>, lf: &mut v4l2_av1_loop_filter, mono: bool) {
    (lf.level[0], lf.level[1]) = (bits(r, 6) as u8, bits(r, 6) as u8);
    if !mono && (lf.level[0] != 0 || lf.level[1] != 0) {
        (lf.level[2], lf.level[3]) = (bits(r, 6) as u8, bits(r, 6) as u8);
    }
    lf.sharpness = bits(r, 3) as u8;
    if flag(r) {
        lf.flags |=
            V4L2_AV1_LOOP_FILTER_FLAG_DELTA_ENABLED | V4L2_AV1_LOOP_FILTER_FLAG_DELTA_UPDATE;
        assert!(flag(r), "loop_filter_delta_update");
        for delta in lf.ref_deltas.iter_mut().chain(&mut lf.mode_deltas) {
            assert!(flag(r), "update of a delta");
            *delta = r.su(7).unwrap() as i8;
        }
    }
}

pub(super) fn cdef(r: &mut BitReader<'_>, cdef: &mut v4l2_av1_cdef, mono: bool) {
    cdef.damping_minus_3 = bits(r, 2) as u8;
    cdef.bits = bits(r, 2) as u8;
    let strength = |r: &mut BitReader<'_>| (bits(r, 4) as u8, [0, 1, 2, 4][bits(r, 2) as usize]);
    for i in 0..1 << cdef.bits {
        (cdef.y_pri_strength[i], cdef.y_sec_strength[i]) = strength(r);
        if !mono {
            (cdef.uv_pri_strength[i], cdef.uv_sec_strength[i]) = strength(r);
        }
    }
}

pub(super) fn restoration(
    r: &mut BitReader<'_>,
    lr: &mut v4l2_av1_loop_restoration,
    mono: bool,
    sb128: bool,
) {
    for plane in 0..if mono { 1 } else { 3 } {
        lr.frame_restoration_type[plane] = [0, 3, 1, 2][bits(r, 2) as usize];
    }
    if lr.frame_restoration_type == [0; 3] {
        return;
    }
    lr.flags = V4L2_AV1_LOOP_RESTORATION_FLAG_USES_LR;
    lr.lr_unit_shift = match sb128 {
        true => 1 + bits(r, 1) as u8,
        false if flag(r) => 1 + bits(r, 1) as u8,
        false => 0,
    };
    if lr.frame_restoration_type[1..] != [0; 2] {
        lr.flags |= V4L2_AV1_LOOP_RESTORATION_FLAG_USES_CHROMA_LR;
        lr.lr_uv_shift = bits(r, 1) as u8;
    }
    let luma = 64 << lr.lr_unit_shift;
    lr.loop_restoration_size = [luma, luma >> lr.lr_uv_shift, luma >> lr.lr_uv_shift];
}

pub(super) fn global_motion(
    r: &mut BitReader<'_>,
    motion: &mut v4l2_av1_global_motion,
    previous: &[[i32; 6]; 8],
    precise: bool,
) {
    for (i, previous) in previous.iter().enumerate().skip(1) {
        if !flag(r) {
            continue;
        }
        let kind = match flag(r) {
            true => V4L2_AV1_WARP_MODEL_ROTZOOM,
            false if flag(r) => V4L2_AV1_WARP_MODEL_TRANSLATION,
            false => V4L2_AV1_WARP_MODEL_AFFINE,
        };
        motion.r#type[i] = kind;
        motion.flags[i] = match kind {
            V4L2_AV1_WARP_MODEL_TRANSLATION => 5,
            V4L2_AV1_WARP_MODEL_ROTZOOM => 3,
            _ => 1,
        };
        let order: &[usize] = match kind {
            V4L2_AV1_WARP_MODEL_TRANSLATION => &[0, 1],
            V4L2_AV1_WARP_MODEL_ROTZOOM => &[2, 3, 0, 1],
            _ => &[2, 3, 4, 5, 0, 1],
        };
        for &j in order {
            let only = kind == V4L2_AV1_WARP_MODEL_TRANSLATION;
            let (abs, prec) = match (j < 2, only) {
                (true, true) => (9 - u32::from(!precise), 3 - u32::from(!precise)),
                (true, false) => (12, 6),
                _ => (12, 15),
            };
            let shift = 16 - prec;
            let (round, sub) = if j % 3 == 2 {
                (1 << 16, 1 << prec)
            } else {
                (0, 0)
            };
            let limit = 1i64 << abs;
            let reference = i64::from(previous[j] >> shift) - sub;
            let value = crate::headers::av1::motion::read_back(r, -limit, limit + 1, reference);
            motion.params[i][j] = ((value << shift) + round) as i32;
        }
        if kind == V4L2_AV1_WARP_MODEL_ROTZOOM {
            motion.params[i][4] = -motion.params[i][3];
            motion.params[i][5] = motion.params[i][2];
        }
    }
}

pub(super) fn grain(
    r: &mut BitReader<'_>,
    frame_type: u32,
    mono: bool,
) -> Option<v4l2_ctrl_av1_film_grain> {
    if !flag(r) {
        return None;
    }
    let mut g = v4l2_ctrl_av1_film_grain {
        flags: 3,
        ..Default::default()
    };
    g.grain_seed = bits(r, 16) as u16;
    assert!(
        frame_type != V4L2_AV1_INTER_FRAME || flag(r),
        "update_grain"
    );
    let points = |r: &mut BitReader<'_>, values: &mut [u8; 16], scaling: &mut [u8; 16]| {
        let count = bits(r, 4);
        for i in 0..count as usize {
            (values[i], scaling[i]) = (bits(r, 8) as u8, bits(r, 8) as u8);
        }
        count as u8
    };
    g.num_y_points = points(r, &mut g.point_y_value, &mut g.point_y_scaling);
    let from_luma = !mono && flag(r);
    g.flags |= if from_luma {
        V4L2_AV1_FILM_GRAIN_FLAG_CHROMA_SCALING_FROM_LUMA
    } else {
        0
    };
    if !mono && !from_luma && g.num_y_points > 0 {
        g.num_cb_points = points(r, &mut g.point_cb_value, &mut g.point_cb_scaling);
        g.num_cr_points = points(r, &mut g.point_cr_value, &mut g.point_cr_scaling);
    }
    g.grain_scaling_minus_8 = bits(r, 2) as u8;
    g.ar_coeff_lag = bits(r, 2) as u8;
    let luma = usize::from(2 * g.ar_coeff_lag * (g.ar_coeff_lag + 1));
    let chroma = luma + usize::from(g.num_y_points > 0);
    let fill =
        |r: &mut BitReader<'_>, to: &mut [u8]| to.iter_mut().for_each(|to| *to = bits(r, 8) as u8);
    if g.num_y_points > 0 {
        fill(r, &mut g.ar_coeffs_y_plus_128[..luma]);
    }
    if from_luma || g.num_cb_points > 0 {
        fill(r, &mut g.ar_coeffs_cb_plus_128[..chroma]);
    }
    if from_luma || g.num_cr_points > 0 {
        fill(r, &mut g.ar_coeffs_cr_plus_128[..chroma]);
    }
    g.ar_coeff_shift_minus_6 = bits(r, 2) as u8;
    g.grain_scale_shift = bits(r, 2) as u8;
    if g.num_cb_points > 0 {
        (g.cb_mult, g.cb_luma_mult, g.cb_offset) =
            (bits(r, 8) as u8, bits(r, 8) as u8, bits(r, 9) as u16);
    }
    if g.num_cr_points > 0 {
        (g.cr_mult, g.cr_luma_mult, g.cr_offset) =
            (bits(r, 8) as u8, bits(r, 8) as u8, bits(r, 9) as u16);
    }
    g.flags |= if flag(r) {
        V4L2_AV1_FILM_GRAIN_FLAG_OVERLAP
    } else {
        0
    };
    g.flags |= if flag(r) {
        V4L2_AV1_FILM_GRAIN_FLAG_CLIP_TO_RESTRICTED_RANGE
    } else {
        0
    };
    Some(g)
}

pub(super) fn tile_group(mut data: &[u8], info: &v4l2_av1_tile_info) -> Vec<Vec<u8>> {
    let count = usize::from(info.tile_cols) * usize::from(info.tile_rows);
    if count > 1 {
        assert_eq!(data[0], 0, "tile_start_and_end_present_flag");
        data = &data[1..];
    }
    (0..count)
        .map(|i| {
            let mut size = data.len();
            if i + 1 < count {
                size = u32::from_le_bytes(data[..4].try_into().unwrap()) as usize + 1;
                data = &data[4..];
            }
            let (tile, rest) = data.split_at(size);
            data = rest;
            tile.to_vec()
        })
        .collect()
}
