// SPDX-License-Identifier: BSD-2-Clause
//! `Picture`s as bytes: every byte string is a list of pictures, and a real stream's pictures can be written as one.

use calls::reader::Reader;
use v4l2_common::{
    picture::{Av1Controls, Codec, Controls, H264Controls, Picture, Vp9Controls},
    uapi::av1::V4L2_AV1_MAX_TILE_COUNT,
};
use zerocopy::IntoBytes;

/// Longest bitstream of one picture.
const MAX_BITSTREAM: usize = 1 << 20;

/// Reads the pictures of one codec. Per-slice H.264 controls are left out: the engine must not need them.
pub fn decode(codec: Codec, data: &[u8]) -> Vec<Picture> {
    let mut r = Reader::new(data);
    let mut pictures = Vec::new();
    while !r.is_empty() {
        let timestamp = u64::from(r.u16());
        let parts = r.u8();
        let length = (r.u32() as usize).min(MAX_BITSTREAM);
        let controls = match codec {
            Codec::H264 => Controls::H264(Box::new(H264Controls {
                sps: r.plain(),
                pps: r.plain(),
                decode_params: r.plain(),
                scaling_matrix: (parts & 1 == 1).then(|| r.plain()),
                slices: Vec::new(),
            })),
            Codec::Vp9 => Controls::Vp9(Box::new(Vp9Controls {
                frame: r.plain(),
                compressed_hdr: (parts & 1 == 1).then(|| Box::new(r.plain())),
            })),
            Codec::Av1 => Controls::Av1(Box::new(Av1Controls {
                sequence: r.plain(),
                frame: r.plain(),
                film_grain: (parts & 1 == 1).then(|| Box::new(r.plain())),
                tile_group_entries: (0..r.u16().min(2 * V4L2_AV1_MAX_TILE_COUNT as u16))
                    .map(|_| r.plain())
                    .collect(),
            })),
        };
        pictures.push(Picture {
            controls,
            bitstream: r.bytes(length).to_vec(),
            timestamp,
        });
    }
    pictures
}

/// The reverse of [`decode`]; timestamps must be below 65536.
pub fn encode(pictures: &[Picture]) -> Vec<u8> {
    let mut out = Vec::new();
    for picture in pictures {
        let parts = match &picture.controls {
            Controls::H264(c) => c.scaling_matrix.is_some(),
            Controls::Vp9(c) => c.compressed_hdr.is_some(),
            Controls::Av1(c) => c.film_grain.is_some(),
        };
        out.extend((picture.timestamp as u16).to_le_bytes());
        out.push(u8::from(parts));
        out.extend((picture.bitstream.len() as u32).to_le_bytes());
        match &picture.controls {
            Controls::H264(c) => {
                out.extend(c.sps.as_bytes());
                out.extend(c.pps.as_bytes());
                out.extend(c.decode_params.as_bytes());
                c.scaling_matrix
                    .iter()
                    .for_each(|part| out.extend(part.as_bytes()));
            }
            Controls::Vp9(c) => {
                out.extend(c.frame.as_bytes());
                c.compressed_hdr
                    .iter()
                    .for_each(|part| out.extend(part.as_bytes()));
            }
            Controls::Av1(c) => {
                out.extend(c.sequence.as_bytes());
                out.extend(c.frame.as_bytes());
                c.film_grain
                    .iter()
                    .for_each(|part| out.extend(part.as_bytes()));
                out.extend((c.tile_group_entries.len() as u16).to_le_bytes());
                out.extend(c.tile_group_entries.as_bytes());
            }
        }
        out.extend(&picture.bitstream);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_read_back() {
        let mut h264 = H264Controls {
            scaling_matrix: Some(Default::default()),
            ..Default::default()
        };
        h264.sps.level_idc = 40;
        let mut av1 = Av1Controls {
            film_grain: Some(Default::default()),
            ..Default::default()
        };
        av1.tile_group_entries = vec![Default::default(); 3];
        av1.frame.order_hints = [7; 8];
        for controls in [
            Controls::H264(Box::new(h264)),
            Controls::Av1(Box::new(av1)),
            Controls::Vp9(Box::default()),
        ] {
            let pictures = [1, 2].map(|timestamp| Picture {
                controls: controls.clone(),
                bitstream: vec![5; 9],
                timestamp,
            });
            assert_eq!(decode(pictures[0].codec(), &encode(&pictures)), pictures);
        }
    }
}
