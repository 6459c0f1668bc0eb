// SPDX-License-Identifier: BSD-2-Clause
//! Packing of 1080p frames against `memcpy` of as many bytes: `cargo bench -p daedalus-engine --bench pack`.

#![allow(unsafe_code)] // calls `pack`
#![allow(clippy::print_stdout, clippy::expect_used)] // a benchmark

use engine::{
    frame::{Frame, FrameBuffer, Plane},
    pack::{Format, Target, pack},
};
use std::{
    hint::black_box,
    time::{Duration, Instant},
};

const WIDTH: usize = 1920;
const HEIGHT: usize = 1080;
/// More frames than caches hold, as in a decoder's and a client's pools.
const FRAMES: usize = 8;
const ROUNDS: usize = 60;

/// Planes as decoders lay them out, rows padded to 64 bytes and more.
struct Planes {
    data: [Vec<u8>; 3],
    strides: [usize; 3],
    chroma: bool,
}

impl Planes {
    fn new(sample_bytes: usize, chroma: bool) -> Self {
        let strides = [WIDTH, WIDTH / 2, WIDTH / 2].map(|width| width * sample_bytes + 64);
        let heights = [HEIGHT, HEIGHT / 2, HEIGHT / 2];
        let data =
            std::array::from_fn(|index| vec![index as u8 + 1; strides[index] * heights[index]]);
        Self {
            data,
            strides,
            chroma,
        }
    }
}

impl FrameBuffer for Planes {
    fn plane(&self, index: usize) -> Option<Plane<'_>> {
        if index > 0 && !self.chroma {
            return None;
        }
        let shift = usize::from(index > 0);
        Some(Plane {
            data: &self.data[index],
            stride: self.strides[index],
            width: WIDTH >> shift,
            height: HEIGHT >> shift,
        })
    }
}

/// Median time of one call of `work` with each frame number in turn.
fn median(mut work: impl FnMut(usize)) -> Duration {
    let mut times: Vec<_> = (0..ROUNDS * FRAMES)
        .map(|call| {
            let start = Instant::now();
            work(call % FRAMES);
            start.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

fn main() {
    for (format, bit_depth, chroma) in [
        (Format::Nv12, 8, true),
        (Format::P010, 10, true),
        (Format::Nv12, 8, false),
    ] {
        let bytes = format.sample_bytes();
        let size = WIDTH * HEIGHT * 3 / 2 * bytes;
        let frames: Vec<_> = (0..FRAMES)
            .map(|_| Frame {
                width: WIDTH as u32,
                height: HEIGHT as u32,
                bit_depth,
                buffer: Box::new(Planes::new(bytes, chroma)),
            })
            .collect();
        let mut images = vec![vec![0; size]; FRAMES];
        let packed = median(|index| {
            let (luma, chroma) = images[index].split_at_mut(WIDTH * HEIGHT * bytes);
            let target = Target {
                luma: luma.as_mut_ptr(),
                luma_pitch: WIDTH * bytes,
                chroma: chroma.as_mut_ptr(),
                chroma_pitch: WIDTH * bytes,
                width: WIDTH as u32,
                height: HEIGHT as u32,
                format,
            };
            // SAFETY: both parts of the image hold exactly the stated rows, and are borrowed exclusively.
            let packed = unsafe { pack(&frames[index], &target) };
            packed.expect("sizes fit");
            black_box(&images[index]);
        });
        let sources = vec![vec![1; size]; FRAMES];
        let copied = median(|index| {
            images[index].copy_from_slice(black_box(&sources[index]));
            black_box(&images[index]);
        });
        println!(
            "{format:?}{}: {:.3} ms, memcpy {:.3} ms",
            if chroma { "" } else { " of monochrome" },
            packed.as_secs_f64() * 1e3,
            copied.as_secs_f64() * 1e3,
        );
    }
}
