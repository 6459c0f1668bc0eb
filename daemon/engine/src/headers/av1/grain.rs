// SPDX-License-Identifier: BSD-2-Clause
//! `film_grain_params()` (section 5.9.30), always with `update_grain`.

use super::HeaderError;
use super::check::{Layout, ensure};
use v4l2_common::bits::BitWriter;
use v4l2_common::uapi::av1::*;

/// Writes the parameters; the caller has checked that the frame is shown or showable.
pub(super) fn film_grain(
    w: &mut BitWriter,
    grain: Option<&v4l2_ctrl_av1_film_grain>,
    frame_type: u32,
    layout: &Layout<'_>,
) -> Result<(), HeaderError> {
    let Some(grain) = grain.filter(|g| g.flags & V4L2_AV1_FILM_GRAIN_FLAG_APPLY_GRAIN != 0) else {
        w.bit(false);
        return Ok(());
    };
    w.bit(true);
    w.bits(u32::from(grain.grain_seed), 16);
    if frame_type == V4L2_AV1_INTER_FRAME {
        w.bit(true); // update_grain
    }
    points(
        w,
        "y",
        grain.num_y_points,
        14,
        &grain.point_y_value,
        &grain.point_y_scaling,
    )?;
    let from_luma =
        !layout.mono_chrome && grain.flags & V4L2_AV1_FILM_GRAIN_FLAG_CHROMA_SCALING_FROM_LUMA != 0;
    if !layout.mono_chrome {
        w.bit(from_luma);
    }
    let chroma_points = !layout.mono_chrome && !from_luma && grain.num_y_points > 0;
    let (mut num_cb, mut num_cr) = (0, 0);
    if chroma_points {
        (num_cb, num_cr) = (grain.num_cb_points, grain.num_cr_points);
        points(
            w,
            "cb",
            num_cb,
            10,
            &grain.point_cb_value,
            &grain.point_cb_scaling,
        )?;
        points(
            w,
            "cr",
            num_cr,
            10,
            &grain.point_cr_value,
            &grain.point_cr_scaling,
        )?;
    }
    let two_bits =
        |name: &str, value: u8| ensure(value <= 3, || format!("film grain {name} {value}"));
    two_bits("grain_scaling_minus_8", grain.grain_scaling_minus_8)?;
    two_bits("ar_coeff_lag", grain.ar_coeff_lag)?;
    two_bits("ar_coeff_shift_minus_6", grain.ar_coeff_shift_minus_6)?;
    two_bits("grain_scale_shift", grain.grain_scale_shift)?;
    w.bits(u32::from(grain.grain_scaling_minus_8), 2);
    w.bits(u32::from(grain.ar_coeff_lag), 2);
    let lag = usize::from(grain.ar_coeff_lag);
    let luma = 2 * lag * (lag + 1);
    let chroma = luma + usize::from(grain.num_y_points > 0);
    let coefficients = |w: &mut BitWriter, values: &[u8; V4L2_AV1_AR_COEFFS_SIZE], count: usize| {
        values
            .iter()
            .take(count)
            .for_each(|&value| w.bits(u32::from(value), 8));
    };
    if grain.num_y_points > 0 {
        coefficients(w, &grain.ar_coeffs_y_plus_128, luma);
    }
    if from_luma || num_cb > 0 {
        coefficients(w, &grain.ar_coeffs_cb_plus_128, chroma);
    }
    if from_luma || num_cr > 0 {
        coefficients(w, &grain.ar_coeffs_cr_plus_128, chroma);
    }
    w.bits(u32::from(grain.ar_coeff_shift_minus_6), 2);
    w.bits(u32::from(grain.grain_scale_shift), 2);
    for (count, mult, luma_mult, offset) in [
        (num_cb, grain.cb_mult, grain.cb_luma_mult, grain.cb_offset),
        (num_cr, grain.cr_mult, grain.cr_luma_mult, grain.cr_offset),
    ] {
        if count > 0 {
            ensure(offset < 512, || {
                format!("film grain chroma offset {offset}")
            })?;
            w.bits(u32::from(mult), 8);
            w.bits(u32::from(luma_mult), 8);
            w.bits(u32::from(offset), 9);
        }
    }
    w.bit(grain.flags & V4L2_AV1_FILM_GRAIN_FLAG_OVERLAP != 0);
    w.bit(grain.flags & V4L2_AV1_FILM_GRAIN_FLAG_CLIP_TO_RESTRICTED_RANGE != 0);
    Ok(())
}

/// A piecewise linear scaling function; its points must rise (section 6.8.20).
fn points(
    w: &mut BitWriter,
    name: &str,
    count: u8,
    max: u8,
    values: &[u8; 16],
    scaling: &[u8; 16],
) -> Result<(), HeaderError> {
    ensure(count <= max, || {
        format!("film grain num_{name}_points {count}")
    })?;
    let used = values.get(..usize::from(count)).unwrap_or_default();
    ensure(used.is_sorted_by(|a, b| a < b), || {
        format!("film grain point_{name}_value {used:?} does not rise")
    })?;
    w.bits(u32::from(count), 4);
    for (&value, &scaling) in used.iter().zip(scaling) {
        w.bits(u32::from(value), 8);
        w.bits(u32::from(scaling), 8);
    }
    Ok(())
}
