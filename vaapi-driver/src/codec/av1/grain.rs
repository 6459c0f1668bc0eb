// SPDX-License-Identifier: BSD-2-Clause
//! Film grain parameters.

use crate::codec::CodecError;
use v4l2_common::uapi::av1::*;
use va_sys::VADecPictureParameterBufferAV1;

/// The film grain control of a picture that has grain. VA gives the parameters in full, so `UPDATE_GRAIN` is set.
pub(super) fn film_grain(
    params: &VADecPictureParameterBufferAV1,
) -> Result<Option<Box<v4l2_ctrl_av1_film_grain>>, CodecError> {
    let va = &params.film_grain_info;
    let bits = va.info_bits();
    if bits.apply_grain() == 0 {
        return Ok(None);
    }
    let mut grain = Box::new(v4l2_ctrl_av1_film_grain {
        flags: V4L2_AV1_FILM_GRAIN_FLAG_APPLY_GRAIN | V4L2_AV1_FILM_GRAIN_FLAG_UPDATE_GRAIN,
        grain_seed: va.grain_seed,
        num_y_points: va.num_y_points,
        num_cb_points: va.num_cb_points,
        num_cr_points: va.num_cr_points,
        grain_scaling_minus_8: bits.grain_scaling_minus_8() as u8,
        ar_coeff_lag: bits.ar_coeff_lag() as u8,
        ar_coeff_shift_minus_6: bits.ar_coeff_shift_minus_6() as u8,
        grain_scale_shift: bits.grain_scale_shift() as u8,
        cb_mult: va.cb_mult,
        cb_luma_mult: va.cb_luma_mult,
        cb_offset: va.cb_offset,
        cr_mult: va.cr_mult,
        cr_luma_mult: va.cr_luma_mult,
        cr_offset: va.cr_offset,
        ..Default::default()
    });
    for (on, flag) in [
        (
            bits.chroma_scaling_from_luma(),
            V4L2_AV1_FILM_GRAIN_FLAG_CHROMA_SCALING_FROM_LUMA,
        ),
        (bits.overlap_flag(), V4L2_AV1_FILM_GRAIN_FLAG_OVERLAP),
        (
            bits.clip_to_restricted_range(),
            V4L2_AV1_FILM_GRAIN_FLAG_CLIP_TO_RESTRICTED_RANGE,
        ),
    ] {
        if on != 0 {
            grain.flags |= flag;
        }
    }
    points(
        "y",
        va.num_y_points,
        &va.point_y_value,
        &mut grain.point_y_value,
    )?;
    points(
        "y",
        va.num_y_points,
        &va.point_y_scaling,
        &mut grain.point_y_scaling,
    )?;
    points(
        "cb",
        va.num_cb_points,
        &va.point_cb_value,
        &mut grain.point_cb_value,
    )?;
    points(
        "cb",
        va.num_cb_points,
        &va.point_cb_scaling,
        &mut grain.point_cb_scaling,
    )?;
    points(
        "cr",
        va.num_cr_points,
        &va.point_cr_value,
        &mut grain.point_cr_value,
    )?;
    points(
        "cr",
        va.num_cr_points,
        &va.point_cr_scaling,
        &mut grain.point_cr_scaling,
    )?;
    coefficients(&va.ar_coeffs_y, &mut grain.ar_coeffs_y_plus_128);
    coefficients(&va.ar_coeffs_cb, &mut grain.ar_coeffs_cb_plus_128);
    coefficients(&va.ar_coeffs_cr, &mut grain.ar_coeffs_cr_plus_128);
    Ok(Some(grain))
}

fn points(name: &str, count: u8, from: &[u8], to: &mut [u8]) -> Result<(), CodecError> {
    let Some(used) = from.get(..usize::from(count)) else {
        return Err(CodecError::Invalid(format!(
            "film grain num_{name}_points {count}"
        )));
    };
    to.iter_mut().zip(used).for_each(|(to, &from)| *to = from);
    Ok(())
}

fn coefficients(from: &[i8], to: &mut [u8]) {
    to.iter_mut()
        .zip(from)
        .for_each(|(to, &from)| *to = (from as u8).wrapping_add(128));
}
