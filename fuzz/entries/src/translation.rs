// SPDX-License-Identifier: BSD-2-Clause
//! VA buffers to `Picture`s: the pictures of a call sequence, translated without a driver around them.

use crate::headers;
use calls::op::{self, Code, Op};
use daedalus_drv_video::codec::{
    PictureInput, RenderedBuffer, Submission, Surfaces, Translator, av1::Av1Translator,
    h264::H264Translator, vp9::Vp9Translator,
};
use std::collections::HashMap;
use v4l2_common::picture::{Codec, Controls, Picture};
use va_sys::{
    VAProfile, VAProfileAV1Profile0, VAProfileH264ConstrainedBaseline, VAProfileH264High,
    VAProfileH264High10, VAProfileH264Main, VAProfileVP9Profile0, VAProfileVP9Profile2,
    VASurfaceID,
};

/// Pictures of one input at most.
const MOST: usize = 64;

/// H.264
pub fn h264(data: &[u8]) {
    const PROFILES: [VAProfile; 4] = [
        VAProfileH264High,
        VAProfileH264Main,
        VAProfileH264ConstrainedBaseline,
        VAProfileH264High10,
    ];
    check(Codec::H264, &op::decode(data), &PROFILES);
}

/// VP9
pub fn vp9(data: &[u8]) {
    check(
        Codec::Vp9,
        &op::decode(data),
        &[VAProfileVP9Profile0, VAProfileVP9Profile2],
    );
}

/// AV1
pub fn av1(data: &[u8]) {
    check(Codec::Av1, &op::decode(data), &[VAProfileAV1Profile0]);
}

/// A codec's translator at the start of a stream.
pub fn translator(codec: Codec) -> Box<dyn Translator> {
    match codec {
        Codec::H264 => Box::new(H264Translator::new()),
        Codec::Vp9 => Box::new(Vp9Translator::new()),
        Codec::Av1 => Box::new(Av1Translator::new()),
    }
}

#[derive(Default)]
struct Decoded(HashMap<VASurfaceID, u64>);

impl Surfaces for Decoded {
    fn timestamp(&self, surface: VASurfaceID) -> Option<u64> {
        self.0.get(&surface).copied()
    }
}

/// Translates the pictures; what comes out must be what a backend may rely on.
fn check(codec: Codec, ops: &[Op], profiles: &[VAProfile]) {
    let pictures = translate(ops, profiles, &mut *translator(codec));
    for picture in &pictures {
        assert_eq!(picture.codec(), codec);
        sound(picture);
    }
    headers::stream(codec, &pictures);
}

/// The pictures that a stream's call sequence makes.
pub fn translate(
    ops: &[Op],
    profiles: &[VAProfile],
    translator: &mut dyn Translator,
) -> Vec<Picture> {
    let mut surfaces = Decoded::default();
    let mut pictures = Vec::new();
    let mut profile = profiles[0];
    for (number, op) in ops.iter().enumerate().take(4 * MOST) {
        match op.code {
            Code::CreateConfig => profile = profiles[usize::from(op.args[5]) % profiles.len()],
            Code::SyncSurface => {
                pictures.extend(translator.release().map(|submission| submission.picture))
            }
            Code::DestroySurfaces => {
                surfaces.0.remove(&u32::from(op.args[0]));
            }
            Code::Picture if pictures.len() < MOST => {
                let timestamp = number as u64 + 1;
                pictures.extend(picture(op, profile, timestamp, &mut surfaces, translator));
            }
            _ => {}
        }
    }
    pictures.extend(translator.release().map(|submission| submission.picture));
    pictures
}

fn picture(
    op: &Op,
    profile: VAProfile,
    timestamp: u64,
    surfaces: &mut Decoded,
    translator: &mut dyn Translator,
) -> Vec<Picture> {
    let buffers: Vec<RenderedBuffer> = op.buffers.iter().map(rendered).collect();
    let target = VASurfaceID::from(op.args[1]);
    translator.references(&buffers);
    let second = translator.is_second_field(target, &buffers);
    let timestamp = surfaces
        .0
        .get(&target)
        .copied()
        .filter(|_| second)
        .unwrap_or(timestamp);
    let input = PictureInput {
        profile,
        target,
        timestamp,
        buffers: &buffers,
        surfaces: &*surfaces,
    };
    let Ok(translation) = translator.translate(&input) else {
        return Vec::new();
    };
    surfaces.0.insert(target, timestamp);
    translation
        .submissions
        .into_iter()
        .map(|Submission { picture, .. }| picture)
        .collect()
}

fn rendered(record: &op::BufferRecord) -> RenderedBuffer {
    let (kind, element_size, elements) = record.shape();
    let mut data = record.data.clone();
    data.truncate(element_size * elements);
    RenderedBuffer {
        kind,
        element_size,
        elements,
        data,
    }
}

/// What a backend may rely on: ranges lie inside the bitstream, the timestamp names the picture.
fn sound(picture: &Picture) {
    assert_ne!(picture.timestamp, 0);
    let length = picture.bitstream.len() as u64;
    match &picture.controls {
        Controls::H264(controls) => {
            for slice in &controls.slices {
                assert!(
                    u64::from(slice.offset) + u64::from(slice.size) <= length,
                    "a slice outside of the bitstream"
                );
                assert!(u64::from(slice.params.header_bit_size) <= u64::from(slice.size) * 8);
            }
        }
        Controls::Vp9(controls) => {
            let headers = u64::from(controls.frame.uncompressed_header_size)
                + u64::from(controls.frame.compressed_header_size);
            assert!(
                headers <= length,
                "headers of {headers} bytes in a frame of {length}"
            );
        }
        Controls::Av1(controls) => {
            for tile in &controls.tile_group_entries {
                assert!(
                    u64::from(tile.tile_offset) + u64::from(tile.tile_size) <= length,
                    "a tile outside of the bitstream"
                );
            }
        }
    }
}
