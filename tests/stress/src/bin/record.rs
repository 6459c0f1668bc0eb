// SPDX-License-Identifier: BSD-2-Clause
//! Records the VA calls that libavcodec's hwaccel makes for real streams, for the fuzz targets' corpora.
//!
//! `record OUT [FILE...]`: streams as Annex B or IVF; without files, small clips of each codec and depth are encoded. A
//! recording is `OUT/CODEC_NAME_PART`; each begins at another key frame.
#![allow(clippy::print_stdout, unsafe_code)]

use anyhow::{Context, Result, ensure};
use calls::op::{self, Code, Op};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};
use stress::{
    av::{Decoder, Device},
    child,
    clips::{self, Clip, Wish},
    packets::Packets,
    recorder,
};

/// Inputs are kept short: a fuzzer runs each thousands of times.
const PICTURES: usize = 12;
const BYTES: usize = 60_000;

fn main() -> ExitCode {
    child::main(Duration::from_secs(600), run)
}

fn run() -> Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let out = args.next().context("usage: record OUT [FILE...]")?;
    let mut streams: Vec<Clip> = args
        .map(|path| {
            let stem = path.file_stem().unwrap_or_default();
            let name = stem.to_string_lossy().into_owned();
            Ok(Clip {
                name,
                stream: Packets::read(&path)?,
                path,
            })
        })
        .collect::<Result<_>>()?;
    if streams.is_empty() {
        for (size, low_delay) in [((64, 64), false), ((96, 80), true)] {
            streams.extend(clips::all(Wish {
                size,
                frames: 24,
                gop: 8,
                low_delay,
            })?);
        }
    }
    fs::create_dir_all(&out)?;
    let device = Device::open()?;
    let mut written = 0;
    for clip in &streams {
        written += record(&device, clip, &out).with_context(|| clip.name.clone())?;
    }
    println!(
        "{written} recordings of {} streams in {}",
        streams.len(),
        out.display()
    );
    Ok(())
}

fn record(device: &Device, clip: &Clip, out: &Path) -> Result<usize> {
    let display = device.display();
    // SAFETY: the device is initialised, and this program has one thread that uses it.
    let (result, ops) = unsafe { recorder::record(display, || decode(device, &clip.stream)) };
    result?;
    let pictures: Vec<&Op> = ops.iter().filter(|op| op.code == Code::Picture).collect();
    ensure!(!pictures.is_empty(), "the client made no VA picture");
    let setup = ops.iter().filter(|op| op.code != Code::Picture);
    let name = clip.stream.codec.name();
    let starts = clip.stream.keys();
    for (part, &start) in starts.iter().take(2).enumerate() {
        let chosen = within(&pictures[start.min(pictures.len() - 1)..]);
        let calls: Vec<Op> = setup.clone().chain(chosen).cloned().collect();
        fs::write(
            out.join(format!("{name}_{}_{part}", clip.name)),
            op::encode(&calls),
        )?;
    }
    Ok(starts.len().min(2))
}

/// As many pictures as an input may hold.
fn within<'a>(pictures: &[&'a Op]) -> Vec<&'a Op> {
    let mut room = BYTES;
    let fits = |op: &&&Op| {
        let size: usize = op.buffers.iter().map(|buffer| buffer.data.len() + 8).sum();
        let left = room.checked_sub(size);
        room = left.unwrap_or(0);
        left.is_some()
    };
    pictures
        .iter()
        .take(PICTURES)
        .take_while(fits)
        .copied()
        .collect()
}

fn decode(device: &Device, stream: &Packets) -> Result<()> {
    let mut decoder = Decoder::new(stream.codec, Some(device))?;
    let mut frames = Vec::new();
    for packet in &stream.packets {
        decoder.decode(Some(&packet.data), &mut frames)?;
    }
    decoder.decode(None, &mut frames)
}
