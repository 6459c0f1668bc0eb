// SPDX-License-Identifier: BSD-2-Clause
//! Makes the fuzz targets' corpora from recorded VA calls (`record` of tests/stress): the calls themselves, the `Picture`s
//! that the driver makes of them, traces, coded bytes.
//!
//! `seeds RECORDINGS CORPUS`
#![allow(clippy::print_stdout)]

use calls::{
    mutate::Random,
    objects::PROFILES,
    op::{self, Code, Op},
};
use entries::{TARGETS, pictures, translation};
use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
};
use v4l2_common::{
    picture::{Codec, Picture},
    trace::TraceWriter,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(recordings), Some(corpus)) = (args.next(), args.next()) else {
        return Err("usage: seeds RECORDINGS CORPUS".into());
    };
    for target in TARGETS {
        fs::create_dir_all(corpus.join(target.name))?;
    }
    let mut files: Vec<PathBuf> = fs::read_dir(&recordings)?
        .flatten()
        .map(|entry| entry.path())
        .collect();
    files.sort();
    if files.is_empty() {
        return Err(format!("{} is empty", recordings.display()).into());
    }
    for path in &files {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let codec = [Codec::H264, Codec::Vp9, Codec::Av1]
            .into_iter()
            .find(|codec| name.starts_with(codec.name()));
        let codec = codec.ok_or("a recording's name begins with its codec")?;
        seed(&op::decode(&fs::read(path)?), codec, &name, &corpus)?;
    }
    println!(
        "seeds of {} recordings in {}",
        files.len(),
        corpus.display()
    );
    Ok(())
}

fn seed(calls: &[Op], codec: Codec, name: &str, corpus: &Path) -> Result<(), Box<dyn Error>> {
    let write = |target: &str, data: &[u8]| fs::write(corpus.join(target).join(name), data);
    write(&format!("{}_translation", codec.name()), &op::encode(calls))?;
    write("va_calls", &op::encode(&with_reads(calls)))?;
    let config = calls
        .iter()
        .rev()
        .find(|op| op.code == Code::CreateConfig)
        .ok_or("no config")?;
    let profile = PROFILES[usize::from(config.args[0]) % PROFILES.len()];
    let list = translation::translate(calls, &[profile], &mut *translation::translator(codec));
    if list.is_empty() {
        return Err(format!("{name}: no picture is translated").into());
    }
    let bytes = pictures::encode(&list);
    if codec != Codec::Vp9 {
        write(&format!("{}_headers", codec.name()), &bytes)?;
    }
    write(&format!("{}_session", codec.name()), &bytes)?;
    write("bits", &bits(&list))?;
    write("trace", &trace(&list)?)?;
    Ok(())
}

/// The sequence with what a client does with decoded surfaces in between, and the end of all objects.
fn with_reads(recorded: &[Op]) -> Vec<Op> {
    let context = recorded.iter().find(|op| op.code == Code::CreateContext);
    let (width, height) = context.map_or((64, 64), |op| (op.args[1], op.args[2]));
    let ten_bit = recorded
        .iter()
        .any(|op| op.code == Code::CreateSurfaces && op.args[0] == 1);
    let mut calls = vec![Op::new(
        Code::CreateImage,
        &[u16::from(ten_bit), width, height],
    )];
    let mut images = 1;
    for (number, op) in recorded.iter().enumerate() {
        calls.push(op.clone());
        if op.code != Code::Picture {
            continue;
        }
        let surface = op.args[1];
        match number % 4 {
            0 => calls.push(Op::new(Code::SyncSurface, &[surface])),
            1 => calls.extend([
                Op::new(Code::Export, &[surface, 0, 1 | 4]),
                Op::new(Code::SyncSurface2, &[surface, 60_000]),
                Op::new(Code::GetImage, &[surface, 0, 0, 0, width, height]),
            ]),
            2 => {
                calls.push(Op::new(Code::DeriveImage, &[surface]));
                calls.push(Op::new(Code::QueryStatus, &[surface]));
                calls.push(Op::new(Code::DestroyImage, &[images]));
                images += 1;
            }
            _ => {}
        }
    }
    let all = recorded
        .iter()
        .filter(|op| op.code == Code::CreateSurfaces)
        .count() as u16;
    calls.push(Op::new(Code::DestroyContext, &[0]));
    calls.push(Op::new(Code::QueryError, &[0]));
    (0..all)
        .step_by(4)
        .for_each(|first| calls.push(Op::new(Code::DestroySurfaces, &[first, 4.min(all - first)])));
    calls.push(Op::new(Code::DestroyConfig, &[0]));
    calls
}

/// A plan of reads, then coded bytes to read.
fn bits(list: &[Picture]) -> Vec<u8> {
    let mut random = Random::new(list.len() as u64);
    let mut out: Vec<u8> = (0..64).map(|_| random.number() as u8).collect();
    out.extend(
        list.iter()
            .flat_map(|picture| &picture.bitstream)
            .take(2000),
    );
    out
}

fn trace(list: &[Picture]) -> Result<Vec<u8>, Box<dyn Error>> {
    let path = std::env::temp_dir().join(format!("daedalus-seed-{}", std::process::id()));
    let mut writer = TraceWriter::create(&path)?;
    for picture in list {
        writer.picture(picture, true)?;
        writer.result(picture.timestamp, 64, 48, va_sys::VA_FOURCC_NV12, [7; 16])?;
    }
    let data = fs::read(&path)?;
    fs::remove_file(&path)?;
    Ok(data)
}
