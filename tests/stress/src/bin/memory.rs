// SPDX-License-Identifier: BSD-2-Clause
//! Memory, threads and files over a long run: 2,000 pictures of each codec and depth in one context, then contexts and
//! surfaces made and destroyed over and over. What is used must not grow.
//!
//! `memory [--pictures 2000] [--contexts 120]`
#![allow(clippy::print_stdout)]

use anyhow::{Result, bail, ensure};
use std::{process::ExitCode, time::Duration};
use stress::{
    av::{self, Decoder, Device},
    child,
    clips::{self, Clip, Wish},
    usage::{Usage, kept_threads},
};

/// What allocators may keep for themselves. A leak of one 320x180 frame (86 KiB) in a hundred pictures is below
/// it, one in ten is not.
const SLACK: u64 = 12 << 20;

fn main() -> ExitCode {
    child::main(Duration::from_secs(1800), run)
}

fn run() -> Result<()> {
    let (mut pictures, mut contexts) = (2000, 120);
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Long("pictures") => {
                pictures = parser.value()?.to_string_lossy().parse()?
            }
            lexopt::Arg::Long("contexts") => {
                contexts = parser.value()?.to_string_lossy().parse()?
            }
            _ => bail!(arg.unexpected()),
        }
    }
    let clips = clips::all(Wish {
        size: (320, 180),
        frames: 60,
        gop: 30,
        low_delay: false,
    })?;
    let device = Device::open()?;
    for clip in &clips {
        long_run(clip, &device, pictures)?;
    }
    churn(&clips, &device, contexts)
}

/// One context decodes the clip again and again; the end of the clip is followed by its key frame.
fn long_run(clip: &Clip, device: &Device, pictures: usize) -> Result<()> {
    let expected = av::decode(&clip.stream, None)?;
    let mut decoder = Decoder::new(clip.stream.codec, Some(device))?;
    let mut frames = Vec::new();
    let (mut fed, mut shown) = (0, 0);
    let mut warm = None;
    while fed < pictures {
        for packet in &clip.stream.packets {
            decoder.decode(Some(&packet.data), &mut frames)?;
            fed += 1;
            for frame in frames.drain(..) {
                ensure!(
                    frame == expected[shown % expected.len()],
                    "{}: frame {shown} differs",
                    clip.name
                );
                shown += 1;
            }
        }
        if fed >= pictures / 4 && warm.is_none() {
            warm = Some(Usage::now()?);
        }
    }
    let (Some(warm), end) = (warm, Usage::now()?) else {
        bail!("too few pictures")
    };
    let growth = end.resident.saturating_sub(warm.resident);
    println!(
        "{}: {fed} pictures, {shown} frames bit-exact; after a quarter: {warm}; at the end: {end}",
        clip.name
    );
    ensure!(
        shown + 64 > fed,
        "{}: only {shown} of {fed} pictures came out",
        clip.name
    );
    ensure!(growth < SLACK, "{}: grew by {growth} bytes", clip.name);
    ensure!(
        end.threads == warm.threads && end.files == warm.files,
        "{}: {warm}; {end}",
        clip.name
    );
    Ok(())
}

/// Contexts that decode a few pictures and are destroyed, with what they have pending.
fn churn(clips: &[Clip], device: &Device, contexts: usize) -> Result<()> {
    let (mut warm, before) = (None, Usage::settled(1)?);
    for number in 0..contexts {
        let clip = &clips[number % clips.len()];
        let mut decoder = Decoder::new(clip.stream.codec, Some(device))?;
        let mut frames = Vec::new();
        for packet in clip.stream.packets.iter().take(1 + number % 7) {
            decoder.decode(Some(&packet.data), &mut frames)?;
        }
        drop(decoder);
        if number == contexts / 4 {
            warm = Some(Usage::settled(before.threads)?);
        }
    }
    let (Some(warm), end) = (warm, Usage::settled(before.threads)?) else {
        bail!("too few contexts")
    };
    println!("{contexts} contexts made and destroyed; after a quarter: {warm}; at the end: {end}");
    ensure!(
        end.resident.saturating_sub(warm.resident) < SLACK,
        "memory grows: {warm}; {end}"
    );
    // A leak would have left the threads of all contexts.
    let kept = kept_threads();
    ensure!(
        contexts > 2 * kept && end.threads <= before.threads + kept && end.files <= before.files,
        "{before}; {end}"
    );
    Ok(())
}
