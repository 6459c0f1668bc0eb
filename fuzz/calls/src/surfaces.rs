// SPDX-License-Identifier: BSD-2-Clause
//! Where VA parameter structs hold surface IDs, so that a recorded picture can be replayed on other surfaces.

use core::mem::offset_of;
use v4l2_common::picture::Codec;
use va_sys::*;

/// Coded format of a profile; `None` for profiles that Daedalus does not decode.
#[allow(non_upper_case_globals)]
pub fn codec(profile: VAProfile) -> Option<Codec> {
    match profile {
        VAProfileH264ConstrainedBaseline
        | VAProfileH264Main
        | VAProfileH264High
        | VAProfileH264High10 => Some(Codec::H264),
        VAProfileVP9Profile0 | VAProfileVP9Profile2 => Some(Codec::Vp9),
        VAProfileAV1Profile0 => Some(Codec::Av1),
        _ => None,
    }
}

/// Replaces each surface ID in a parameter buffer; IDs beyond the end of a short buffer are left out.
pub fn remap(
    codec: Codec,
    kind: VABufferType,
    element: usize,
    data: &mut [u8],
    mut map: impl FnMut(VASurfaceID) -> VASurfaceID,
) {
    let offsets = offsets(codec, kind);
    if element == 0 {
        return;
    }
    for one in data.chunks_exact_mut(element) {
        for &at in &offsets {
            if let Some(bytes) = one
                .get_mut(at..)
                .and_then(|rest| rest.first_chunk_mut::<4>())
            {
                *bytes = map(u32::from_ne_bytes(*bytes)).to_ne_bytes();
            }
        }
    }
}

fn offsets(codec: Codec, kind: VABufferType) -> Vec<usize> {
    let picture = kind == VAPictureParameterBufferType;
    let every = |start: usize, step: usize, n: usize| (0..n).map(move |i| start + i * step);
    match codec {
        Codec::H264 if picture => {
            type P = VAPictureParameterBufferH264;
            let frames = every(
                offset_of!(P, ReferenceFrames),
                size_of::<VAPictureH264>(),
                16,
            );
            std::iter::once(offset_of!(P, CurrPic))
                .chain(frames)
                .collect()
        }
        Codec::H264 if kind == VASliceParameterBufferType => {
            type S = VASliceParameterBufferH264;
            let size = size_of::<VAPictureH264>();
            every(offset_of!(S, RefPicList0), size, 32)
                .chain(every(offset_of!(S, RefPicList1), size, 32))
                .collect()
        }
        Codec::Vp9 if picture => every(
            offset_of!(VADecPictureParameterBufferVP9, reference_frames),
            4,
            8,
        )
        .collect(),
        Codec::Av1 if picture => {
            type P = VADecPictureParameterBufferAV1;
            let own = [
                offset_of!(P, current_frame),
                offset_of!(P, current_display_picture),
            ];
            own.into_iter()
                .chain(every(offset_of!(P, ref_frame_map), 4, 8))
                .collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_surface_is_found() {
        let mut p = VAPictureParameterBufferH264::default();
        p.CurrPic.picture_id = 7;
        p.ReferenceFrames[15].picture_id = 8;
        let mut data = to_bytes(&p);
        remap(
            Codec::H264,
            VAPictureParameterBufferType,
            data.len(),
            &mut data,
            |id| id + 100,
        );
        let p: VAPictureParameterBufferH264 = read_element(&data, data.len(), 0).unwrap();
        assert_eq!(
            (
                p.CurrPic.picture_id,
                p.ReferenceFrames[0].picture_id,
                p.ReferenceFrames[15].picture_id
            ),
            (107, 100, 108)
        );
    }

    #[test]
    fn short_and_odd_buffers_are_left_alone() {
        for size in 0..80 {
            let mut data = vec![1; size];
            remap(
                Codec::Av1,
                VAPictureParameterBufferType,
                size.min(33),
                &mut data,
                |id| id,
            );
            assert_eq!(data, vec![1; size]);
        }
    }
}
