// SPDX-License-Identifier: BSD-2-Clause
//! What a client means by `pic_init_qp_minus26` above 8 bits.
//!
//! The syntax element goes from -(26 + QpBdOffset) to 25, and GStreamer hands it over as it is. FFmpeg adds
//! QpBdOffset = 6 * `bit_depth_luma_minus8` to `pic_init_qp_minus26` and to `pic_init_qs_minus26` alike (`h264_ps.c`
//! stores both with the offset, `vaapi_h264.c` subtracts 26 only). Nothing in VA says which was meant, so it is told from
//! evidence, strongest first; what is certain is kept for the rest of the stream, because it is a habit of the client:
//!
//! 1. Ranges, certain: a value outside the raw range has the offset, one that would leave it without the offset has not;
//!    the same for `pic_init_qs_minus26` (-26..=25), and for the quantiser that each slice starts with
//!    (-QpBdOffset..=51).
//! 2. Prediction weights of P and B slices without explicit weighting, certain: FFmpeg fills in the default weights
//!    (`1 << denominator`, never 0) of each active reference whether they are used or not, the others leave zeros. An
//!    FFmpeg whose `pic_init_qs_minus26` reads 0 adds no offset (see 3).
//! 3. `pic_init_qs_minus26`: profiles above 8 bits have no SP and SI slices, so encoders write 0. It then reads 0, or
//!    QpBdOffset where FFmpeg added it. This decides for a stream's first pictures, until a P or B slice comes.

use super::slice_header::SliceHeader;
use va_sys::*;

/// Told from the client's buffers, kept for a stream.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct InitQp {
    /// Certain evidence: whether QpBdOffset is included.
    certain: Option<bool>,
}

impl InitQp {
    /// Looks at one picture and returns `pic_init_qp_minus26` and `pic_init_qs_minus26` as the syntax elements.
    ///
    /// `slices` are the picture's slices with their parsed headers.
    pub(super) fn resolve<'a>(
        &mut self,
        params: &VAPictureParameterBufferH264,
        slices: impl Iterator<Item = (&'a VASliceParameterBufferH264, &'a SliceHeader)> + Clone,
    ) -> (i8, i8) {
        let (qp, qs) = (
            i32::from(params.pic_init_qp_minus26),
            i32::from(params.pic_init_qs_minus26),
        );
        let offset = 6 * i32::from(params.bit_depth_luma_minus8.min(6));
        if offset == 0 {
            return (params.pic_init_qp_minus26, params.pic_init_qs_minus26);
        }
        let deltas = slices
            .clone()
            .map(|(_, header)| i32::from(header.slice_qp_delta));
        let evidence = by_range(qp, qs, offset, deltas).or_else(|| by_weights(qs, slices));
        self.certain = self.certain.or(evidence);
        let included = self.certain.unwrap_or(qs == offset);
        let narrow = |value: i32| i8::try_from(value).unwrap_or(0);
        if included {
            (narrow(qp - offset), narrow(qs - offset))
        } else {
            (narrow(qp), narrow(qs))
        }
    }
}

fn by_range(
    qp: i32,
    qs: i32,
    offset: i32,
    mut slice_qp_deltas: impl Iterator<Item = i32>,
) -> Option<bool> {
    if qp > 25 || qs > 25 {
        return Some(true);
    }
    if qp < -26 || qs < offset - 26 {
        return Some(false);
    }
    slice_qp_deltas.find_map(|delta| {
        let slice_qp = 26 + qp + delta;
        if slice_qp > 51 {
            Some(true)
        } else if slice_qp - offset < -offset {
            Some(false)
        } else {
            None
        }
    })
}

fn by_weights<'a>(
    qs: i32,
    mut slices: impl Iterator<Item = (&'a VASliceParameterBufferH264, &'a SliceHeader)>,
) -> Option<bool> {
    slices
        .find(|(_, header)| !header.is_intra() && header.pred_weights.is_none())
        .map(|(params, _)| params.luma_weight_l0[0] != 0 && qs != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use v4l2_common::uapi::h264::*;

    fn params(qp: i8, qs: i8) -> VAPictureParameterBufferH264 {
        VAPictureParameterBufferH264 {
            bit_depth_luma_minus8: 2,
            pic_init_qp_minus26: qp,
            pic_init_qs_minus26: qs,
            ..Default::default()
        }
    }

    fn slice(slice_type: u8, slice_qp_delta: i8) -> SliceHeader {
        SliceHeader {
            slice_type,
            slice_qp_delta,
            ..Default::default()
        }
    }

    fn resolve(
        state: &mut InitQp,
        params: &VAPictureParameterBufferH264,
        weight: i16,
        header: &SliceHeader,
    ) -> (i8, i8) {
        let va = VASliceParameterBufferH264 {
            luma_weight_l0: [weight; 32],
            ..Default::default()
        };
        state.resolve(params, [(&va, header)].into_iter())
    }

    #[test]
    fn eight_bits_have_no_offset() {
        let mut p = params(25, 12);
        p.bit_depth_luma_minus8 = 0;
        assert_eq!(
            resolve(
                &mut InitQp::default(),
                &p,
                1,
                &slice(V4L2_H264_SLICE_TYPE_P, 0)
            ),
            (25, 12)
        );
    }

    #[test]
    fn the_first_intra_picture_is_told_by_the_other_field() {
        let intra = slice(V4L2_H264_SLICE_TYPE_I, 0);
        assert_eq!(
            resolve(&mut InitQp::default(), &params(9, 12), 0, &intra),
            (-3, 0)
        );
        assert_eq!(
            resolve(&mut InitQp::default(), &params(-3, 0), 0, &intra),
            (-3, 0)
        );
    }

    #[test]
    fn ranges_are_certain() {
        let intra = slice(V4L2_H264_SLICE_TYPE_I, 0);
        assert_eq!(
            resolve(&mut InitQp::default(), &params(26, 0), 0, &intra),
            (14, -12)
        );
        assert_eq!(
            resolve(&mut InitQp::default(), &params(-27, 12), 0, &intra),
            (-27, 12)
        );
        assert_eq!(
            resolve(
                &mut InitQp::default(),
                &params(20, 0),
                0,
                &slice(V4L2_H264_SLICE_TYPE_I, 6)
            ),
            (8, -12)
        );
        assert_eq!(
            resolve(
                &mut InitQp::default(),
                &params(0, 12),
                0,
                &slice(V4L2_H264_SLICE_TYPE_I, -27)
            ),
            (0, 12)
        );
    }

    #[test]
    fn default_weights_give_the_client_away_for_good() {
        let mut ffmpeg = InitQp::default();
        assert_eq!(
            resolve(
                &mut ffmpeg,
                &params(9, 7),
                1,
                &slice(V4L2_H264_SLICE_TYPE_P, 0)
            ),
            (-3, -5)
        );
        assert_eq!(
            resolve(
                &mut ffmpeg,
                &params(9, 7),
                0,
                &slice(V4L2_H264_SLICE_TYPE_I, 0)
            ),
            (-3, -5)
        );
        let mut other = InitQp::default();
        assert_eq!(
            resolve(
                &mut other,
                &params(9, 12),
                0,
                &slice(V4L2_H264_SLICE_TYPE_B, 0)
            ),
            (9, 12)
        );
        assert_eq!(
            resolve(
                &mut other,
                &params(9, 12),
                0,
                &slice(V4L2_H264_SLICE_TYPE_I, 0)
            ),
            (9, 12)
        );
    }

    #[test]
    fn explicit_weights_tell_nothing() {
        let mut header = slice(V4L2_H264_SLICE_TYPE_P, 0);
        header.pred_weights = Some(Box::default());
        let mut state = InitQp::default();
        assert_eq!(resolve(&mut state, &params(9, 12), 32, &header), (-3, 0));
        assert_eq!(state.certain, None);
    }
}
