// SPDX-License-Identifier: BSD-2-Clause
//! Random sequences of valid controls, each value in the form in which it reads back.

use v4l2_common::av1::*;
use v4l2_common::picture::Av1Controls;
use v4l2_common::uapi::av1::*;

/// xorshift64*
pub(super) struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u32) -> u32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as u32 % n
    }

    pub fn one_in(&mut self, n: u32) -> bool {
        self.below(n) == 0
    }

    fn between(&mut self, low: i32, high: i32) -> i32 {
        low + self.below((high - low + 1) as u32) as i32
    }

    fn byte(&mut self) -> u8 {
        self.below(256) as u8
    }

    fn flag(&mut self, flag: u32) -> u32 {
        if self.one_in(2) { flag } else { 0 }
    }
}

/// Flags that the canonical sequence header always has.
const CONSTANT: u32 = V4L2_AV1_SEQUENCE_FLAG_ENABLE_WARPED_MOTION
    | V4L2_AV1_SEQUENCE_FLAG_ENABLE_SUPERRES
    | V4L2_AV1_SEQUENCE_FLAG_ENABLE_RESTORATION
    | V4L2_AV1_SEQUENCE_FLAG_SUBSAMPLING_X
    | V4L2_AV1_SEQUENCE_FLAG_SUBSAMPLING_Y
    | V4L2_AV1_SEQUENCE_FLAG_FILM_GRAIN_PARAMS_PRESENT;

pub(super) fn sequence(random: &mut Random) -> v4l2_ctrl_av1_sequence {
    let mut s = v4l2_ctrl_av1_sequence {
        flags: CONSTANT,
        bit_depth: 8,
        ..Default::default()
    };
    for flag in [
        V4L2_AV1_SEQUENCE_FLAG_USE_128X128_SUPERBLOCK,
        V4L2_AV1_SEQUENCE_FLAG_ENABLE_FILTER_INTRA,
        V4L2_AV1_SEQUENCE_FLAG_ENABLE_INTRA_EDGE_FILTER,
        V4L2_AV1_SEQUENCE_FLAG_ENABLE_INTERINTRA_COMPOUND,
        V4L2_AV1_SEQUENCE_FLAG_ENABLE_MASKED_COMPOUND,
        V4L2_AV1_SEQUENCE_FLAG_ENABLE_DUAL_FILTER,
        V4L2_AV1_SEQUENCE_FLAG_ENABLE_CDEF,
    ] {
        s.flags |= random.flag(flag);
    }
    if !random.one_in(5) {
        s.flags |=
            V4L2_AV1_SEQUENCE_FLAG_ENABLE_ORDER_HINT | V4L2_AV1_SEQUENCE_FLAG_ENABLE_REF_FRAME_MVS;
        s.flags |= random.flag(V4L2_AV1_SEQUENCE_FLAG_ENABLE_JNT_COMP);
        s.order_hint_bits = 1 + random.below(8) as u8;
    }
    if random.one_in(2) {
        s.bit_depth = 10;
    }
    s.flags |= match random.one_in(4) {
        true => V4L2_AV1_SEQUENCE_FLAG_MONO_CHROME,
        false => V4L2_AV1_SEQUENCE_FLAG_SEPARATE_UV_DELTA_Q,
    };
    s
}

/// The client's slots: timestamp and order hint.
pub(super) type ClientSlots = [(u64, u32); 8];

pub(super) fn controls(
    random: &mut Random,
    sequence: v4l2_ctrl_av1_sequence,
    slots: &ClientSlots,
    first: bool,
) -> (Av1Controls, Vec<u8>) {
    let mono = sequence.flags & V4L2_AV1_SEQUENCE_FLAG_MONO_CHROME != 0;
    let sb128 = sequence.flags & V4L2_AV1_SEQUENCE_FLAG_USE_128X128_SUPERBLOCK != 0;
    let hints = sequence.order_hint_bits > 0;
    let mut f = v4l2_ctrl_av1_frame {
        reference_frame_ts: slots.map(|slot| slot.0),
        ..Default::default()
    };
    f.frame_type = match random.below(10) {
        _ if first => V4L2_AV1_KEY_FRAME,
        0 => V4L2_AV1_KEY_FRAME,
        1 => V4L2_AV1_INTRA_ONLY_FRAME,
        2 => V4L2_AV1_SWITCH_FRAME,
        _ => V4L2_AV1_INTER_FRAME,
    };
    let (key, switch) = (
        f.frame_type == V4L2_AV1_KEY_FRAME,
        f.frame_type == V4L2_AV1_SWITCH_FRAME,
    );
    let intra = key || f.frame_type == V4L2_AV1_INTRA_ONLY_FRAME;
    let show = first || random.one_in(2);
    let mut set = |on: bool, flag: u32| {
        f.flags |= if on { flag } else { 0 };
        on
    };
    set(show, V4L2_AV1_FRAME_FLAG_SHOW_FRAME);
    let showable = if show { !key } else { random.one_in(2) };
    set(showable, V4L2_AV1_FRAME_FLAG_SHOWABLE_FRAME);
    let implied = switch || (key && show);
    let resilient = set(
        implied || random.one_in(5),
        V4L2_AV1_FRAME_FLAG_ERROR_RESILIENT_MODE,
    );
    let no_cdf_update = set(random.one_in(4), V4L2_AV1_FRAME_FLAG_DISABLE_CDF_UPDATE);
    let tools = set(
        random.one_in(3),
        V4L2_AV1_FRAME_FLAG_ALLOW_SCREEN_CONTENT_TOOLS,
    );
    let integer = set(
        tools && random.one_in(2),
        V4L2_AV1_FRAME_FLAG_FORCE_INTEGER_MV,
    );
    let superres = set(random.one_in(4), V4L2_AV1_FRAME_FLAG_USE_SUPERRES);
    let intrabc = set(
        intra && tools && !superres && random.one_in(2),
        V4L2_AV1_FRAME_FLAG_ALLOW_INTRABC,
    );
    let precise = set(
        !intra && !integer && random.one_in(2),
        V4L2_AV1_FRAME_FLAG_ALLOW_HIGH_PRECISION_MV,
    );
    set(
        !intra && random.one_in(2),
        V4L2_AV1_FRAME_FLAG_IS_MOTION_MODE_SWITCHABLE,
    );
    set(
        !intra && !resilient && hints && random.one_in(2),
        V4L2_AV1_FRAME_FLAG_USE_REF_FRAME_MVS,
    );
    set(
        !no_cdf_update && random.one_in(2),
        V4L2_AV1_FRAME_FLAG_DISABLE_FRAME_END_UPDATE_CDF,
    );
    set(
        !intra && !resilient && random.one_in(2),
        V4L2_AV1_FRAME_FLAG_ALLOW_WARPED_MOTION,
    );
    set(random.one_in(2), V4L2_AV1_FRAME_FLAG_REDUCED_TX_SET);
    let select = set(
        !intra && random.one_in(2),
        V4L2_AV1_FRAME_FLAG_REFERENCE_SELECT,
    );

    f.order_hint = random.below(1 << sequence.order_hint_bits);
    f.refresh_frame_flags = if implied { 0xff } else { random.byte() };
    if f.frame_type == V4L2_AV1_INTRA_ONLY_FRAME {
        f.refresh_frame_flags &= 0x7f;
    }
    f.primary_ref_frame = if intra || resilient {
        7
    } else {
        random.below(8) as u8
    };
    if !intra {
        f.ref_frame_idx = std::array::from_fn(|_| random.below(8) as i8);
        f.interpolation_filter = random.below(5);
        let reference_hints = f.ref_frame_idx.map(|index| Some(slots[index as usize].1));
        let allowed =
            skip_mode_frames(sequence.order_hint_bits, f.order_hint, &reference_hints).is_some();
        if select && allowed && random.one_in(2) {
            f.flags |= V4L2_AV1_FRAME_FLAG_SKIP_MODE_PRESENT;
        }
    }
    // Sizes that can reference each other: at most 1.25 times as large, or 1.25 times as narrow by super-resolution.
    f.superres_denom = if superres {
        9 + random.below(2) as u8
    } else {
        8
    };
    f.upscaled_width = 800 + random.below(200);
    f.frame_height_minus_1 = 399 + random.below(100);
    let width = coded_width(f.upscaled_width, f.superres_denom.into());
    f.frame_width_minus_1 = width - 1;
    f.render_width_minus_1 = (f.upscaled_width - 1) as u16;
    f.render_height_minus_1 = f.frame_height_minus_1 as u16;

    quantization(random, &mut f.quantization, mono);
    segmentation(random, &mut f.segmentation, f.primary_ref_frame);
    if f.quantization.base_q_idx > 0 && random.one_in(2) {
        f.quantization.flags |= V4L2_AV1_QUANTIZATION_FLAG_DELTA_Q_PRESENT;
        f.quantization.delta_q_res = random.below(4) as u8;
        if !intrabc && random.one_in(2) {
            f.loop_filter.flags |= V4L2_AV1_LOOP_FILTER_FLAG_DELTA_LF_PRESENT;
            f.loop_filter.flags |=
                random.flag(V4L2_AV1_LOOP_FILTER_FLAG_DELTA_LF_MULTI.into()) as u8;
            f.loop_filter.delta_lf_res = random.below(4) as u8;
        }
    }
    let lossless = super::reader_parts::lossless(&f, mono);
    f.tx_mode = if lossless {
        V4L2_AV1_TX_MODE_ONLY_4X4
    } else {
        1 + random.below(2)
    };
    if !lossless && !intrabc {
        loop_filter(random, &mut f.loop_filter, mono);
        if sequence.flags & V4L2_AV1_SEQUENCE_FLAG_ENABLE_CDEF != 0 {
            cdef(random, &mut f.cdef, mono);
        }
    }
    let all_lossless = lossless && f.upscaled_width == width;
    if !all_lossless && !intrabc {
        restoration(random, &mut f.loop_restoration, mono, sb128);
    }
    f.global_motion.params = [IDENTITY_MOTION; 8];
    if !intra {
        motion(random, &mut f.global_motion, precise);
    }
    let film_grain =
        ((show || showable) && random.one_in(3)).then(|| Box::new(grain(random, mono)));
    let limits = TileLimits::new(width, f.frame_height_minus_1 + 1, sb128);
    f.tile_info = tiles(random, &limits, width, f.frame_height_minus_1 + 1);
    let (tile_group_entries, bitstream) = data(random, &f.tile_info);
    (
        Av1Controls {
            sequence,
            frame: f,
            tile_group_entries,
            film_grain,
        },
        bitstream,
    )
}

fn quantization(random: &mut Random, q: &mut v4l2_av1_quantization, mono: bool) {
    let delta = |random: &mut Random| {
        if random.one_in(2) {
            random.between(-64, 63) as i8
        } else {
            0
        }
    };
    q.base_q_idx = if random.one_in(4) { 0 } else { random.byte() };
    if random.one_in(2) {
        q.delta_q_y_dc = delta(random);
        if !mono {
            (q.delta_q_u_dc, q.delta_q_u_ac) = (delta(random), delta(random));
            (q.delta_q_v_dc, q.delta_q_v_ac) = match random.one_in(2) {
                true => (q.delta_q_u_dc, q.delta_q_u_ac),
                false => (delta(random), delta(random)),
            };
        }
    }
    if (q.delta_q_u_dc, q.delta_q_u_ac) != (q.delta_q_v_dc, q.delta_q_v_ac) {
        q.flags |= V4L2_AV1_QUANTIZATION_FLAG_DIFF_UV_DELTA;
    }
    if random.one_in(3) {
        q.flags |= V4L2_AV1_QUANTIZATION_FLAG_USING_QMATRIX;
        (q.qm_y, q.qm_u) = (random.below(16) as u8, random.below(16) as u8);
        q.qm_v = if mono { q.qm_u } else { random.below(16) as u8 };
    }
}

fn segmentation(random: &mut Random, s: &mut v4l2_av1_segmentation, primary: u8) {
    if !random.one_in(2) {
        return;
    }
    s.flags = V4L2_AV1_SEGMENTATION_FLAG_ENABLED | V4L2_AV1_SEGMENTATION_FLAG_UPDATE_DATA;
    if primary == 7 || random.one_in(2) {
        s.flags |= V4L2_AV1_SEGMENTATION_FLAG_UPDATE_MAP;
        if primary != 7 {
            s.flags |= random.flag(V4L2_AV1_SEGMENTATION_FLAG_TEMPORAL_UPDATE.into()) as u8;
        }
    }
    for i in 0..8 {
        for j in 0..8 {
            if random.one_in(3) {
                let max = i32::from(SEGMENTATION_FEATURE_MAX[j]);
                let min = if SEGMENTATION_FEATURE_SIGNED[j] {
                    -max
                } else {
                    0
                };
                s.feature_enabled[i] |= 1 << j;
                s.feature_data[i][j] = random.between(min, max) as i16;
                s.last_active_seg_id = i as u8;
                s.flags |= if j >= SEG_LVL_REF_FRAME {
                    V4L2_AV1_SEGMENTATION_FLAG_SEG_ID_PRE_SKIP
                } else {
                    0
                };
            }
        }
    }
}

fn loop_filter(random: &mut Random, lf: &mut v4l2_av1_loop_filter, mono: bool) {
    (lf.level[0], lf.level[1]) = (random.below(64) as u8, random.below(64) as u8);
    if random.one_in(4) {
        (lf.level[0], lf.level[1]) = (0, 0);
    } else if !mono {
        (lf.level[2], lf.level[3]) = (random.below(64) as u8, random.below(64) as u8);
    }
    lf.sharpness = random.below(8) as u8;
    if random.one_in(2) {
        lf.flags |=
            V4L2_AV1_LOOP_FILTER_FLAG_DELTA_ENABLED | V4L2_AV1_LOOP_FILTER_FLAG_DELTA_UPDATE;
        lf.ref_deltas = lf.ref_deltas.map(|_| random.between(-64, 63) as i8);
        lf.mode_deltas = lf.mode_deltas.map(|_| random.between(-64, 63) as i8);
    }
}

fn cdef(random: &mut Random, cdef: &mut v4l2_av1_cdef, mono: bool) {
    cdef.damping_minus_3 = random.below(4) as u8;
    cdef.bits = random.below(4) as u8;
    for i in 0..1 << cdef.bits {
        cdef.y_pri_strength[i] = random.below(16) as u8;
        cdef.y_sec_strength[i] = [0, 1, 2, 4][random.below(4) as usize];
        if !mono {
            cdef.uv_pri_strength[i] = random.below(16) as u8;
            cdef.uv_sec_strength[i] = [0, 1, 2, 4][random.below(4) as usize];
        }
    }
}

fn restoration(random: &mut Random, lr: &mut v4l2_av1_loop_restoration, mono: bool, sb128: bool) {
    for plane in 0..if mono { 1 } else { 3 } {
        lr.frame_restoration_type[plane] = if random.one_in(2) { 0 } else { random.below(4) };
    }
    if lr.frame_restoration_type != [0; 3] {
        lr.flags = V4L2_AV1_LOOP_RESTORATION_FLAG_USES_LR;
        lr.lr_unit_shift = if sb128 {
            1 + random.below(2)
        } else {
            random.below(3)
        } as u8;
        if lr.frame_restoration_type[1..] != [0; 2] {
            lr.flags |= V4L2_AV1_LOOP_RESTORATION_FLAG_USES_CHROMA_LR;
            lr.lr_uv_shift = random.below(2) as u8;
        }
        let luma = 64 << lr.lr_unit_shift;
        lr.loop_restoration_size = [luma, luma >> lr.lr_uv_shift, luma >> lr.lr_uv_shift];
    }
}

fn motion(random: &mut Random, motion: &mut v4l2_av1_global_motion, precise: bool) {
    for i in 1..8 {
        let kind = random.below(4);
        motion.r#type[i] = kind;
        motion.flags[i] = [0, 5, 3, 1][kind as usize];
        let params = &mut motion.params[i];
        let alpha = |random: &mut Random, base: i32| base + 2 * random.between(-4096, 4096);
        if kind >= V4L2_AV1_WARP_MODEL_ROTZOOM {
            (params[2], params[3]) = (alpha(random, 1 << 16), alpha(random, 0));
            (params[4], params[5]) = match kind {
                V4L2_AV1_WARP_MODEL_AFFINE => (alpha(random, 0), alpha(random, 1 << 16)),
                _ => (-params[3], params[2]),
            };
        }
        let (limit, shift) = match kind {
            V4L2_AV1_WARP_MODEL_IDENTITY => continue,
            V4L2_AV1_WARP_MODEL_TRANSLATION if precise => (512, 13),
            V4L2_AV1_WARP_MODEL_TRANSLATION => (256, 14),
            _ => (4096, 10),
        };
        (params[0], params[1]) = (
            random.between(-limit, limit) << shift,
            random.between(-limit, limit) << shift,
        );
    }
}

fn grain(random: &mut Random, mono: bool) -> v4l2_ctrl_av1_film_grain {
    let mut g = v4l2_ctrl_av1_film_grain {
        flags: 3,
        grain_seed: random.below(1 << 16) as u16,
        ..Default::default()
    };
    let points = |random: &mut Random, max: u32, values: &mut [u8; 16], scaling: &mut [u8; 16]| {
        let count = random.below(max + 1) as usize;
        for i in 0..count {
            values[i] = (i as u32 * 17 + random.below(17)) as u8;
            scaling[i] = random.byte();
        }
        count as u8
    };
    g.num_y_points = points(random, 14, &mut g.point_y_value, &mut g.point_y_scaling);
    let from_luma = !mono && random.one_in(2);
    g.flags |= if from_luma {
        V4L2_AV1_FILM_GRAIN_FLAG_CHROMA_SCALING_FROM_LUMA
    } else {
        0
    };
    if !mono && !from_luma && g.num_y_points > 0 {
        g.num_cb_points = points(random, 10, &mut g.point_cb_value, &mut g.point_cb_scaling);
        g.num_cr_points = points(random, 10, &mut g.point_cr_value, &mut g.point_cr_scaling);
    }
    g.grain_scaling_minus_8 = random.below(4) as u8;
    g.ar_coeff_lag = random.below(4) as u8;
    g.ar_coeff_shift_minus_6 = random.below(4) as u8;
    g.grain_scale_shift = random.below(4) as u8;
    let luma = usize::from(2 * g.ar_coeff_lag * (g.ar_coeff_lag + 1));
    let chroma = luma + usize::from(g.num_y_points > 0);
    let fill = |random: &mut Random, on: bool, to: &mut [u8]| {
        if on {
            to.iter_mut().for_each(|to| *to = random.byte());
        }
    };
    fill(
        random,
        g.num_y_points > 0,
        &mut g.ar_coeffs_y_plus_128[..luma],
    );
    fill(
        random,
        from_luma || g.num_cb_points > 0,
        &mut g.ar_coeffs_cb_plus_128[..chroma],
    );
    fill(
        random,
        from_luma || g.num_cr_points > 0,
        &mut g.ar_coeffs_cr_plus_128[..chroma],
    );
    if g.num_cb_points > 0 {
        (g.cb_mult, g.cb_luma_mult, g.cb_offset) =
            (random.byte(), random.byte(), random.below(512) as u16);
    }
    if g.num_cr_points > 0 {
        (g.cr_mult, g.cr_luma_mult, g.cr_offset) =
            (random.byte(), random.byte(), random.below(512) as u16);
    }
    g.flags |= random.flag(V4L2_AV1_FILM_GRAIN_FLAG_OVERLAP.into()) as u8;
    g.flags |= random.flag(V4L2_AV1_FILM_GRAIN_FLAG_CLIP_TO_RESTRICTED_RANGE.into()) as u8;
    g
}

fn tiles(random: &mut Random, limits: &TileLimits, width: u32, height: u32) -> v4l2_av1_tile_info {
    let mut info = v4l2_av1_tile_info {
        tile_size_bytes: 4,
        ..Default::default()
    };
    let uniform = random.one_in(2);
    info.flags = u8::from(uniform);
    let mut side = |superblocks: u32,
                    max_log2: u32,
                    end: u32,
                    starts: &mut [u32; 65],
                    sizes: &mut [u32; 64]| {
        let log2 = random.below(max_log2 + 1);
        let size = (superblocks + (1 << log2) - 1) >> log2;
        let (mut start, mut count) = (0, 0);
        while start < superblocks {
            let left = superblocks - start;
            let size = if uniform {
                size.min(left)
            } else {
                1 + random.below(left)
            };
            (starts[count], sizes[count]) = (start << limits.sb_shift, size - 1);
            start += size;
            count += 1;
        }
        starts[count] = end;
        count as u8
    };
    info.tile_cols = side(
        limits.sb_cols,
        limits.max_log2_tile_cols,
        mode_info_units(width),
        &mut info.mi_col_starts,
        &mut info.width_in_sbs_minus_1,
    );
    info.tile_rows = side(
        limits.sb_rows,
        limits.max_log2_tile_rows,
        mode_info_units(height),
        &mut info.mi_row_starts,
        &mut info.height_in_sbs_minus_1,
    );
    info.context_update_tile_id =
        random.below(u32::from(info.tile_cols) * u32::from(info.tile_rows)) as u8;
    info
}

/// Tiles of random sizes, scattered over the bitstream in reverse order with gaps.
fn data(
    random: &mut Random,
    info: &v4l2_av1_tile_info,
) -> (Vec<v4l2_ctrl_av1_tile_group_entry>, Vec<u8>) {
    let mut entries = Vec::new();
    let mut bitstream = Vec::new();
    for tile_row in (0..u32::from(info.tile_rows)).rev() {
        for tile_col in (0..u32::from(info.tile_cols)).rev() {
            bitstream.extend((0..random.below(4)).map(|_| 0xee));
            let tile_size = 1 + random.below(40);
            let tile_offset = bitstream.len() as u32;
            bitstream.extend((0..tile_size).map(|_| random.byte()));
            entries.push(v4l2_ctrl_av1_tile_group_entry {
                tile_offset,
                tile_size,
                tile_row,
                tile_col,
            });
        }
    }
    (entries, bitstream)
}
