// SPDX-License-Identifier: BSD-2-Clause
//! [`pack`] against a plain reference, over odd sizes, strides and alignments.

use super::*;
use crate::frame::FrameBuffer;

/// Planes in vectors, each with its stride and the offset of its first sample.
struct Planes {
    planes: Vec<(Vec<u8>, usize, usize)>,
    sizes: [(usize, usize); 3],
}

impl FrameBuffer for Planes {
    fn plane(&self, index: usize) -> Option<Plane<'_>> {
        let (data, stride, offset) = self.planes.get(index)?;
        let (width, height) = self.sizes[index];
        Some(Plane {
            data: &data[*offset..],
            stride: *stride,
            width,
            height,
        })
    }
}

/// Reproducible bytes.
fn noise(seed: u64) -> impl FnMut() -> u16 {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u16
    }
}

/// A frame of noise; `extra` bytes behind each row, the first sample at `offset`.
fn frame(
    size: (usize, usize),
    bit_depth: u8,
    mono: bool,
    extra: usize,
    offset: usize,
) -> (Frame, [Vec<Vec<u16>>; 3]) {
    let (width, height) = size;
    let chroma = (width.div_ceil(2), height.div_ceil(2));
    let sizes = [size, chroma, chroma];
    let bytes = if bit_depth == 8 { 1 } else { 2 };
    let mut next = noise((width * 31 + height * 7 + extra + offset) as u64);
    let mut planes = Vec::new();
    let mut samples: [Vec<Vec<u16>>; 3] = Default::default();
    for (index, (w, h)) in sizes.into_iter().enumerate().take(if mono { 1 } else { 3 }) {
        let stride = w * bytes + extra;
        let mut data = vec![0xee; offset + stride * (h - 1) + w * bytes];
        for y in 0..h {
            let row: Vec<u16> = (0..w).map(|_| next() & ((1 << bit_depth) - 1)).collect();
            for (x, sample) in row.iter().enumerate() {
                let at = offset + y * stride + x * bytes;
                data[at..at + bytes].copy_from_slice(&sample.to_ne_bytes()[..bytes]);
            }
            samples[index].push(row);
        }
        planes.push((data, stride, offset));
    }
    let buffer = Box::new(Planes { planes, sizes });
    (
        Frame {
            width: width as u32,
            height: height as u32,
            bit_depth,
            buffer,
        },
        samples,
    )
}

/// What the image must hold, sample by sample from the definition of the formats.
fn reference(samples: &[Vec<Vec<u16>>; 3], size: (usize, usize), format: Format) -> Vec<u8> {
    let (width, height) = size;
    let mut image = Vec::new();
    let mut put = |sample: u16| match format {
        Format::Nv12 => image.push(sample as u8),
        Format::P010 => image.extend((sample * 64).to_le_bytes()),
    };
    for row in &samples[0][..height] {
        row[..width].iter().for_each(|sample| put(*sample));
    }
    let neutral = if format == Format::Nv12 { 128 } else { 512 };
    for y in 0..height.div_ceil(2) {
        for x in 0..width.div_ceil(2) {
            for plane in &samples[1..] {
                put(plane.get(y).map_or(neutral, |row| row[x]));
            }
        }
    }
    image
}

fn format_of(bit_depth: u8) -> Format {
    Format::of_bit_depth(bit_depth).unwrap()
}

#[test]
fn matches_the_reference_for_all_sizes_and_alignments() {
    let widths = [1, 2, 3, 7, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129, 200];
    for width in widths {
        for (height, extra, offset) in [(1, 0, 0), (2, 1, 1), (5, 7, 3), (8, 32, 2)] {
            for (bit_depth, mono) in [(8, false), (10, false), (8, true), (10, true)] {
                let (frame, samples) = frame((width, height), bit_depth, mono, extra, offset);
                let format = format_of(bit_depth);
                let packed = pack_to_vec(&frame, format).unwrap();
                assert_eq!(
                    packed,
                    reference(&samples, (width, height), format),
                    "{width}x{height} {bit_depth} bit mono {mono} stride +{extra} offset {offset}"
                );
            }
        }
    }
}

#[test]
fn every_kernel_of_this_machine_agrees_with_the_plain_one() {
    let mut next = noise(5);
    let source: Vec<u8> = (0..1024).map(|_| next() as u8).collect();
    for kernels in rows::Kernels::all() {
        for n in 0..200 {
            for (from, to) in [(0, 0), (1, 3), (2, 1)] {
                let (u, v) = (&source[from..], &source[512 + from..]);
                let run = |kernels: rows::Kernels| {
                    let mut out = vec![vec![0xaa; 1024]; 3];
                    // SAFETY: 200 samples of at most 2 bytes lie in each half of the source, 800 bytes in each output.
                    unsafe {
                        (kernels.shift16)(u.as_ptr(), out[0][to..].as_mut_ptr(), n);
                        (kernels.weave8)(u.as_ptr(), v.as_ptr(), out[1][to..].as_mut_ptr(), n);
                        (kernels.weave16)(u.as_ptr(), v.as_ptr(), out[2][to..].as_mut_ptr(), n);
                    }
                    out
                };
                assert_eq!(run(kernels), run(rows::PLAIN), "{n} samples");
            }
        }
    }
}

#[test]
fn writes_the_smaller_size_and_nothing_else() {
    for (target_size, bit_depth) in [
        ((20, 9), 8),
        ((70, 40), 8),
        ((20, 9), 10),
        ((70, 40), 10),
        ((20, 40), 8),
    ] {
        let (frame, samples) = frame((33, 17), bit_depth, false, 5, 0);
        let format = format_of(bit_depth);
        let bytes = format.sample_bytes();
        let size = (target_size.0.min(33), target_size.1.min(17));
        let pitch = 80 * bytes + 1;
        let (mut luma, mut chroma) = (vec![0x55; pitch * 40], vec![0x55; pitch * 20]);
        let target = Target {
            luma: luma.as_mut_ptr(),
            luma_pitch: pitch,
            chroma: chroma.as_mut_ptr(),
            chroma_pitch: pitch,
            width: target_size.0 as u32,
            height: target_size.1 as u32,
            format,
        };
        // SAFETY: both vectors hold more than the largest target's rows at `pitch`.
        unsafe { pack(&frame, &target) }.unwrap();
        let expected = reference(&samples, size, format);
        let (luma_row, chroma_row) = (size.0 * bytes, size.0.div_ceil(2) * 2 * bytes);
        let mut at = 0;
        for (plane, row, rows) in [
            (&luma, luma_row, size.1),
            (&chroma, chroma_row, size.1.div_ceil(2)),
        ] {
            for (y, line) in plane.chunks(pitch).enumerate() {
                let written = if y < rows { row } else { 0 };
                assert_eq!(line[..written], expected[at..at + written], "row {y}");
                assert!(
                    line[written..].iter().all(|byte| *byte == 0x55),
                    "row {y} behind its end"
                );
                at += written;
            }
        }
        assert_eq!(at, expected.len());
    }
}

#[test]
fn refuses_what_does_not_fit() {
    let (eight, _) = frame((16, 16), 8, false, 0, 0);
    let (ten, _) = frame((16, 16), 10, false, 0, 0);
    assert!(matches!(
        pack_to_vec(&eight, Format::P010),
        Err(EngineError::Invalid(_))
    ));
    assert!(matches!(
        pack_to_vec(&ten, Format::Nv12),
        Err(EngineError::Invalid(_))
    ));
    let (mut twelve, _) = frame((16, 16), 10, false, 0, 0);
    twelve.bit_depth = 12;
    assert!(matches!(
        pack_to_vec(&twelve, Format::P010),
        Err(EngineError::Invalid(_))
    ));
    let (mut larger, _) = frame((16, 16), 8, false, 0, 0);
    larger.height = 18;
    assert!(matches!(
        pack_to_vec(&larger, Format::Nv12),
        Err(EngineError::Invalid(_))
    ));
    let mut image = [0; 16 * 16 * 3 / 2];
    let target = Target {
        luma: image.as_mut_ptr(),
        luma_pitch: 15,
        chroma: image.as_mut_ptr(),
        chroma_pitch: 16,
        width: 16,
        height: 16,
        format: Format::Nv12,
    };
    // SAFETY: refused before anything is written.
    let refused = unsafe { pack(&eight, &target) };
    assert!(matches!(refused, Err(EngineError::Invalid(_))));
}
