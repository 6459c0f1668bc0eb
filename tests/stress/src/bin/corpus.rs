// SPDX-License-Identifier: BSD-2-Clause
//! Makes the fuzz targets' corpora from real streams: the VA calls that libavcodec makes for them, the `Picture`s that the
//! driver makes of those, and the streams' own bytes.
//!
//! `corpus OUT [FILE...]`: streams as Annex B or IVF; without files, small clips of each codec and depth are encoded.
#![allow(clippy::print_stdout)]

use anyhow::{Context, Result, bail};
use entries::{
    calls::{
        machine::size_argument,
        objects::PROFILES,
        op::{self, Code, Op},
        surfaces,
    },
    pictures, translation,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};
use stress::{
    av::{self, Decoder, Device},
    child,
    clips::{self, Clip, Wish},
    packets::Packets,
    recorder,
};
use v4l2_common::{picture::Codec, trace::TraceWriter};

/// Inputs are kept short: a fuzzer runs each thousands of times.
const PICTURES: usize = 12;
const BYTES: usize = 60_000;

fn main() -> ExitCode {
    child::main(Duration::from_secs(600), run)
}

fn run() -> Result<()> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let out = args.next().context("usage: corpus OUT [FILE...]")?;
    let mut streams: Vec<Clip> = args
        .map(|path| {
            let name = path
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned())
                .unwrap_or_default();
            Ok(Clip {
                name,
                stream: Packets::read(&path)?,
            })
        })
        .collect::<Result<_>>()?;
    if streams.is_empty() {
        for (size, low_delay) in [((64, 48), false), ((96, 64), true)] {
            streams.extend(clips::all(Wish {
                size,
                frames: 24,
                gop: 8,
                low_delay,
            })?);
        }
    }
    for target in entries::TARGETS {
        fs::create_dir_all(out.join(target.name))?;
    }
    let device = Device::open()?;
    let mut written = 0;
    for clip in &streams {
        written += record(&device, clip, &out).with_context(|| clip.name.clone())?;
    }
    println!(
        "{written} inputs from {} streams in {}",
        streams.len(),
        out.display()
    );
    Ok(())
}

fn record(device: &Device, clip: &Clip, out: &Path) -> Result<usize> {
    let display = device.display();
    // SAFETY: the device is initialised, and this program has one thread that uses it.
    #[allow(unsafe_code)]
    let (result, ops) = unsafe { recorder::record(display, || decode(device, &clip.stream)) };
    result?;
    let pictures: Vec<&Op> = ops.iter().filter(|op| op.code == Code::Picture).collect();
    if pictures.is_empty() {
        bail!("the client made no VA picture");
    }
    let mut written = 0;
    let mut write = |target: &str, part: usize, data: &[u8]| -> Result<()> {
        written += 1;
        fs::write(out.join(target).join(format!("{}_{part}", clip.name)), data)?;
        Ok(())
    };
    let name = clip.stream.codec.name();
    // Everything in one client's order, then from the key frames on, each part as long as it may be.
    let starts = clip.stream.keys();
    for (part, &start) in starts.iter().take(2).enumerate() {
        let chosen = within(&pictures[start.min(pictures.len() - 1)..]);
        let setup: Vec<Op> = ops
            .iter()
            .filter(|op| op.code != Code::Picture)
            .cloned()
            .collect();
        let calls: Vec<Op> = setup
            .iter()
            .chain(chosen.iter().copied())
            .cloned()
            .collect();
        write(&format!("{name}_translation"), part, &op::encode(&calls))?;
        write(
            "va_calls",
            part,
            &op::encode(&with_reads(&setup, &chosen, &clip.stream)),
        )?;
        let list = translated(clip.stream.codec, &calls);
        let bytes = pictures::encode(&list);
        if clip.stream.codec != Codec::Vp9 {
            write(&format!("{name}_headers"), part, &bytes)?;
        }
        write(&format!("{name}_session"), part, &bytes)?;
        write(
            "bits",
            part,
            clip.stream
                .packets
                .get(start)
                .map_or(&[][..], |packet| &packet.data),
        )?;
        write("trace", part, &trace(&list)?)?;
    }
    Ok(written)
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

/// The sequence with what a client does with decoded surfaces in between, and the end of all objects.
fn with_reads(setup: &[Op], chosen: &[&Op], stream: &Packets) -> Vec<Op> {
    let mut calls = setup.to_vec();
    let (width, height) = setup
        .iter()
        .find(|op| op.code == Code::CreateContext)
        .map_or((64, 64), |op| (op.args[1], op.args[2]));
    let format = if setup
        .iter()
        .any(|op| op.code == Code::CreateSurfaces && op.args[0] == 1)
    {
        1
    } else {
        0
    };
    calls.push(Op::new(Code::CreateImage, &[format, width, height]));
    for (number, op) in chosen.iter().enumerate() {
        calls.push((*op).clone());
        let surface = op.args[1];
        match number % 4 {
            0 => calls.push(Op::new(Code::SyncSurface, &[surface])),
            1 => {
                calls.push(Op::new(Code::Export, &[surface, 0, 1 | 4]));
                calls.push(Op::new(Code::SyncSurface2, &[surface, 60_000]));
                calls.push(Op::new(Code::GetImage, &[surface, 0, 0, 0, width, height]));
            }
            2 => {
                calls.push(Op::new(Code::DeriveImage, &[surface]));
                let last = calls
                    .iter()
                    .filter(|op| matches!(op.code, Code::DeriveImage | Code::CreateImage))
                    .count() as u16
                    - 1;
                calls.push(Op::new(Code::QueryStatus, &[surface]));
                calls.push(Op::new(Code::DestroyImage, &[last]));
            }
            _ => {}
        }
    }
    debug_assert!(size_argument(u32::from(stream.size.0)) < u16::MAX);
    calls.push(Op::new(Code::DestroyContext, &[0]));
    calls.push(Op::new(Code::QueryError, &[0]));
    calls.push(Op::new(Code::DestroySurfaces, &[0, 4]));
    calls.push(Op::new(Code::DestroyConfig, &[0]));
    calls
}

fn translated(codec: Codec, calls: &[Op]) -> Vec<v4l2_common::picture::Picture> {
    let profile = calls
        .iter()
        .rev()
        .find(|op| op.code == Code::CreateConfig)
        .map(|op| PROFILES[usize::from(op.args[0])]);
    let profiles = [profile
        .filter(|&profile| surfaces::codec(profile) == Some(codec))
        .unwrap_or(va_sys::VAProfileNone)];
    translation::translate(calls, &profiles, &mut *translation::translator(codec))
}

fn trace(list: &[v4l2_common::picture::Picture]) -> Result<Vec<u8>> {
    let path = std::env::temp_dir().join(format!("daedalus-corpus-{}", std::process::id()));
    let mut writer = TraceWriter::create(&path)?;
    for picture in list {
        writer.picture(picture, true)?;
        writer.result(picture.timestamp, 64, 48, va_sys::VA_FOURCC_NV12, [7; 16])?;
    }
    let data = fs::read(&path)?;
    fs::remove_file(&path)?;
    av::quiet();
    Ok(data)
}
