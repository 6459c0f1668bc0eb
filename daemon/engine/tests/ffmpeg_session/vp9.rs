// SPDX-License-Identifier: BSD-2-Clause
//! IVF files to VP9 pictures, with the references that a client would name.

use super::Stream;
use v4l2_common::bits::BitReader;
use v4l2_common::picture::{Controls, Picture, Vp9Controls};

/// Frames of an IVF file.
fn ivf(file: &[u8]) -> Vec<&[u8]> {
    assert_eq!(&file[..4], b"DKIF");
    let mut rest = &file[usize::from(u16::from_le_bytes([file[6], file[7]]))..];
    let mut frames = Vec::new();
    while rest.len() >= 12 {
        let size = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
        let end = (12 + size).min(rest.len());
        frames.push(&rest[12..end]);
        rest = &rest[end..];
    }
    frames
}

/// Splits a superframe (Annex B of the VP9 specification).
fn superframe(data: &[u8]) -> Vec<&[u8]> {
    let Some(&marker) = data.last() else {
        return Vec::new();
    };
    let bytes = usize::from(marker >> 3 & 3) + 1;
    let frames = usize::from(marker & 7) + 1;
    let index = 2 + bytes * frames;
    if marker & 0xe0 != 0xc0 || data.len() < index || data[data.len() - index] != marker {
        return vec![data];
    }
    let sizes = &data[data.len() - index + 1..data.len() - 1];
    let mut rest = data;
    sizes
        .chunks(bytes)
        .map(|size| {
            let size = size
                .iter()
                .rev()
                .fold(0, |value, &byte| value << 8 | usize::from(byte));
            let (frame, tail) = rest.split_at(size);
            rest = tail;
            frame
        })
        .collect()
}

/// Reads a file; frames that only show an existing one are no pictures.
pub fn read(file: &[u8]) -> Stream {
    let mut slots = [0u64; 8];
    let mut pictures = Vec::new();
    for frame in ivf(file).into_iter().flat_map(superframe) {
        let mut r = BitReader::new(frame);
        let mut bits = |n| r.bits(n).unwrap_or(0);
        bits(2);
        let profile = bits(1) | bits(1) << 1;
        if bits(1) == 1 {
            continue;
        }
        let (inter, shown, resilient) = (bits(1) == 1, bits(1) == 1, bits(1) == 1);
        let timestamp = 1000 + pictures.len() as u64;
        let mut controls = Vp9Controls::default();
        let mut refresh = 0xff;
        if inter {
            let intra_only = !shown && bits(1) == 1;
            if !resilient {
                bits(2);
            }
            if intra_only {
                bits(24);
                if profile == 2 {
                    bits(5);
                }
                refresh = bits(8);
            } else {
                refresh = bits(8);
                let mut reference = || {
                    let slot = bits(3);
                    bits(1);
                    slots[slot as usize]
                };
                controls.frame.last_frame_ts = reference();
                controls.frame.golden_frame_ts = reference();
                controls.frame.alt_frame_ts = reference();
            }
        }
        for (i, slot) in slots.iter_mut().enumerate() {
            if refresh >> i & 1 == 1 {
                *slot = timestamp;
            }
        }
        pictures.push(Picture {
            controls: Controls::Vp9(Box::new(controls)),
            bitstream: frame.to_vec(),
            timestamp,
        });
    }
    Stream {
        pictures,
        visible: Vec::new(),
    }
}
