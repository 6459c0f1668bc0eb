// SPDX-License-Identifier: BSD-2-Clause
//! Many decoders at once in one process, one thread each, codecs and depths mixed, on one `VADisplay`: every frame must be
//! that of software decoding.
//!
//! `contexts [--threads 16] [--rounds 2] [--frames 60] [--size 320x180]`
#![allow(clippy::print_stdout)]

use anyhow::{Context, Result, bail, ensure};
use std::{
    process::ExitCode,
    sync::Barrier,
    time::{Duration, Instant},
};
use stress::{
    av::{self, Decoder, Device},
    child,
    clips::{self, Clip, Wish},
    pixels::FrameMd5,
    usage::{Usage, kept_threads},
};

struct Options {
    threads: usize,
    rounds: usize,
    wish: Wish,
}

fn options() -> Result<Options> {
    let wish = Wish {
        size: (320, 180),
        frames: 60,
        gop: 30,
        low_delay: false,
    };
    let mut options = Options {
        threads: 16,
        rounds: 2,
        wish,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        let number = |parser: &mut lexopt::Parser| -> Result<usize> {
            Ok(parser.value()?.to_string_lossy().parse()?)
        };
        match arg {
            lexopt::Arg::Long("threads") => options.threads = number(&mut parser)?,
            lexopt::Arg::Long("rounds") => options.rounds = number(&mut parser)?,
            lexopt::Arg::Long("frames") => {
                options.wish.frames = u32::try_from(number(&mut parser)?)?
            }
            lexopt::Arg::Long("size") => {
                let value = parser.value()?;
                let value = value.to_string_lossy();
                let (width, height) = value.split_once('x').context("WIDTHxHEIGHT")?;
                options.wish.size = (width.parse()?, height.parse()?);
            }
            _ => bail!(arg.unexpected()),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    child::main(Duration::from_secs(900), run)
}

fn run() -> Result<()> {
    let options = options()?;
    let clips = clips::all(options.wish)?;
    let expected = clips
        .iter()
        .map(|clip| av::decode(&clip.stream, None))
        .collect::<Result<Vec<_>>>()?;
    for (clip, frames) in clips.iter().zip(&expected) {
        let shown = frames.len();
        ensure!(
            shown == options.wish.frames as usize,
            "{}: software decodes {shown} frames",
            clip.name
        );
    }
    let device = Device::open()?;
    let before = Usage::now()?;
    let started = Instant::now();
    // All decoders are alive before the first one decodes.
    let ready = Barrier::new(options.threads);
    let results: Vec<Result<usize>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads)
            .map(|number| {
                let (clip, frames) = (
                    &clips[number % clips.len()],
                    &expected[number % clips.len()],
                );
                let (device, ready) = (&device, &ready);
                scope.spawn(move || work(clip, frames, device, ready, options.rounds))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| bail!("a thread panicked")))
            .collect()
    });
    let mut total = 0;
    for (number, result) in results.into_iter().enumerate() {
        total += result
            .with_context(|| format!("thread {number}, {}", clips[number % clips.len()].name))?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let after = Usage::settled(before.threads)?;
    println!(
        "{} contexts at once, {total} frames bit-exact in {seconds:.1} s",
        options.threads
    );
    println!("before: {before}; after: {after}");
    ensure!(
        after.threads <= before.threads + kept_threads(),
        "threads are left: {before}; {after}"
    );
    ensure!(
        after.files <= before.files,
        "files are left: {before}; {after}"
    );
    Ok(())
}

fn work(
    clip: &Clip,
    expected: &[FrameMd5],
    device: &Device,
    ready: &Barrier,
    rounds: usize,
) -> Result<usize> {
    let first = start(clip, device);
    ready.wait();
    let (mut decoder, mut frames) = first?;
    let mut compared = 0;
    for round in 0..rounds {
        let from = if round == 0 { 1 } else { 0 };
        for packet in &clip.stream.packets[from..] {
            decoder.decode(Some(&packet.data), &mut frames)?;
        }
        decoder.decode(None, &mut frames)?;
        let wrong = expected.iter().zip(&frames).position(|(a, b)| a != b);
        ensure!(
            wrong.is_none() && frames.len() == expected.len(),
            "{} frames, the first wrong one is {wrong:?}",
            frames.len()
        );
        compared += frames.len();
        frames.clear();
        decoder = Decoder::new(clip.stream.codec, Some(device))?;
    }
    Ok(compared)
}

/// A decoder that has its first packet, so that its VA context exists.
fn start(clip: &Clip, device: &Device) -> Result<(Decoder, Vec<FrameMd5>)> {
    let mut decoder = Decoder::new(clip.stream.codec, Some(device))?;
    let mut frames = Vec::new();
    decoder.decode(Some(&clip.stream.packets[0].data), &mut frames)?;
    Ok((decoder, frames))
}
