// SPDX-License-Identifier: BSD-2-Clause
//! Damaged streams through the stock `ffmpeg -hwaccel vaapi`: no crash, no hang, damage is reported, and from the next key
//! frame on every frame is right again.
//!
//! Each clip has three groups of pictures. Only packets of the middle one are damaged, so the frames of the first and of
//! the last are known: they must be those of the undamaged stream.
//!
//! `damage [--seeds 4] [--only NAME] [--keep]`: `NAME` is a part of a clip's or a damage's name.
#![allow(clippy::print_stdout)]

use anyhow::{Context, Result, bail, ensure};
use calls::mutate::Random;
use harness::{
    client::{
        ffmpeg::{self, Decode, Form},
        frame_md5s,
    },
    manifest, parallel,
    process::Finished,
    setting::Setting,
    stats::Stats,
};
use std::{fs, path::Path, time::Duration};
use stress::{
    clips::{self, Clip, Wish},
    packets::{Packet, Packets},
};
use v4l2_common::picture::Codec;

const GOP: u32 = 16;
/// Frames that the H.264 clips hold back for display order.
const REORDERED: usize = 4;
const LIMIT: Duration = Duration::from_secs(60);

/// What happens to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    /// A few bits of one to three packets.
    Flip,
    /// One bit within the first bytes of a packet: its headers.
    Header,
    /// Packets end early.
    Truncate,
    /// Packets are missing.
    Drop,
    /// The second half of a packet is random.
    Garbage,
    /// The group's key frame is missing.
    NoKey,
    /// The group's key frame is flipped and cut.
    Key,
    /// Two packets change places.
    Swap,
}

const ALL: [Damage; 8] = [
    Damage::Flip,
    Damage::Header,
    Damage::Truncate,
    Damage::Drop,
    Damage::Garbage,
    Damage::NoKey,
    Damage::Key,
    Damage::Swap,
];

struct Case<'a> {
    clip: &'a Clip,
    expected: &'a [String],
    damage: Damage,
    seed: u64,
}

/// How a case went.
struct Outcome {
    /// Software decoding of the damaged stream complains.
    detectable: bool,
    /// FFmpeg or the driver complains.
    reported: bool,
    /// Frames of the middle group that came out.
    shown: usize,
}

fn main() -> Result<()> {
    let (mut seeds, mut only, mut keep) = (4, String::new(), false);
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Long("seeds") => seeds = parser.value()?.to_string_lossy().parse()?,
            lexopt::Arg::Long("only") => only = parser.value()?.to_string_lossy().into_owned(),
            lexopt::Arg::Long("keep") => keep = true,
            _ => bail!(arg.unexpected()),
        }
    }
    let setting = Setting::new()?;
    let clips = clips::all(Wish {
        size: (176, 144),
        frames: 3 * GOP,
        gop: GOP,
        low_delay: false,
    })?;
    let dir = clips::directory()?.join(format!("damage-{}", std::process::id()));
    fs::create_dir_all(&dir)?;
    let mut undamaged = Vec::new();
    for clip in &clips {
        undamaged.push(reference(clip, &dir, &setting).with_context(|| clip.name.clone())?);
    }
    let mut cases = Vec::new();
    for (clip, expected) in clips.iter().zip(&undamaged) {
        for damage in ALL {
            let wanted = only.is_empty()
                || clip.name.contains(&only)
                || format!("{damage:?}").contains(&only);
            let seeds = if wanted { 0..seeds } else { 0..0 };
            cases.extend(seeds.map(|seed| Case {
                clip,
                expected,
                damage,
                seed,
            }));
        }
    }
    ensure!(!cases.is_empty(), "no clip and no damage is named {only}");
    let results = parallel::map(&cases, 2, |case| {
        (case.name(), case.run(&dir, &setting, keep))
    })?;
    let failed = report(&cases, &results);
    if !keep {
        fs::remove_dir_all(&dir)?;
    }
    ensure!(
        failed == 0,
        "{failed} of {} damaged streams failed",
        cases.len()
    );
    Ok(())
}

/// The frames of the undamaged clip, which VA-API must give, too.
fn reference(clip: &Clip, dir: &Path, setting: &Setting) -> Result<Vec<String>> {
    let path = dir.join(format!("{}.ivf", clip.name));
    clip.stream.write(&path)?;
    let (software, done) = decode(&path, clip, false, &setting.environment(None))?;
    ensure!(
        done.ok() && software.len() == 3 * GOP as usize,
        "software: {} frames, {}",
        software.len(),
        done.reason()
    );
    let (hardware, done) = decode(&path, clip, true, &setting.environment(None))?;
    ensure!(
        done.ok() && hardware == software,
        "the undamaged clip is wrong already: {}",
        done.reason()
    );
    ensure!(
        clip.stream.keys().len() == 3,
        "key frames at {:?}",
        clip.stream.keys()
    );
    Ok(software)
}

fn decode(
    path: &Path,
    clip: &Clip,
    vaapi: bool,
    env: &[(String, String)],
) -> Result<(Vec<String>, Finished)> {
    let codec = match clip.stream.codec {
        Codec::H264 => manifest::Codec::H264,
        Codec::Vp9 => manifest::Codec::Vp9,
        Codec::Av1 => manifest::Codec::Av1,
    };
    let format = if clip.name.contains("10bit") {
        "yuv420p10le"
    } else {
        "yuv420p"
    };
    let who = if vaapi {
        Decode::Vaapi(codec)
    } else {
        Decode::Software(1)
    };
    let mut text = Vec::new();
    let done = ffmpeg::run(path, format, who, Form::FrameMd5, env, LIMIT, &mut text)?;
    Ok((frame_md5s(&String::from_utf8_lossy(&text)), done))
}

impl Case<'_> {
    fn name(&self) -> String {
        format!("{} {:?} {}", self.clip.name, self.damage, self.seed)
    }

    fn run(&self, dir: &Path, setting: &Setting, keep: bool) -> Result<Outcome> {
        let file = self.name().replace(' ', "_");
        let path = dir.join(format!("{file}.ivf"));
        self.damaged().write(&path)?;
        let (_, software) = decode(&path, self.clip, false, &setting.environment(None))?;
        let stats = dir.join(format!("{file}.stats"));
        let (frames, done) = decode(&path, self.clip, true, &setting.environment(Some(&stats)))?;
        ensure!(!done.timed_out, "hangs");
        ensure!(
            done.status.code().is_some_and(|code| code < 128),
            "{}",
            done.reason()
        );
        let gop = GOP as usize;
        let expected = self.expected;
        let reason = || format!("{} frames; {}", frames.len(), done.reason());
        // The last frames before the damage wait for their turn in display order, which damage can change.
        let before = match self.clip.stream.codec {
            Codec::H264 => gop - REORDERED,
            _ => gop,
        };
        ensure!(
            frames.starts_with(&expected[..before]),
            "frames before the damage are wrong: {}",
            reason()
        );
        ensure!(
            frames.len() >= before + gop,
            "frames are missing: {}",
            reason()
        );
        ensure!(
            frames.ends_with(&expected[2 * gop..]),
            "frames from the next key frame on are wrong: {}",
            reason()
        );
        let counts = Stats::read(&stats);
        let reported = !done.stderr.trim().is_empty() || counts.bad + counts.refused > 0;
        if !keep {
            fs::remove_file(&path)?;
        }
        Ok(Outcome {
            detectable: !software.stderr.trim().is_empty(),
            reported,
            shown: frames.len().saturating_sub(2 * gop),
        })
    }

    /// The stream with damage in its middle group.
    fn damaged(&self) -> Packets {
        let mut stream = self.clip.stream.clone();
        let seed = self.seed << 8
            | ALL
                .iter()
                .position(|damage| *damage == self.damage)
                .unwrap_or(0) as u64;
        let mut random = Random::new(seed);
        let keys = stream.keys();
        let (key, end) = (keys[1], keys[2]);
        let hit: Vec<usize> = (0..=random.below(3))
            .map(|_| key + 1 + random.below(end - key - 1))
            .collect();
        match self.damage {
            Damage::Flip => hit
                .iter()
                .for_each(|&at| flip(&mut stream.packets[at], &mut random, usize::MAX)),
            Damage::Header => flip(&mut stream.packets[hit[0]], &mut random, 24),
            Damage::Truncate => hit.iter().for_each(|&at| {
                let packet = &mut stream.packets[at].data;
                packet.truncate(1 + random.below(packet.len() - 1));
            }),
            Damage::Drop => {
                let mut number = 0;
                stream.packets.retain(|_| {
                    number += 1;
                    !hit.contains(&(number - 1))
                });
            }
            Damage::Garbage => {
                let packet = &mut stream.packets[hit[0]].data;
                let half = packet.len() / 2;
                packet[half..]
                    .iter_mut()
                    .for_each(|byte| *byte = random.number() as u8);
            }
            Damage::NoKey => {
                stream.packets.remove(key);
            }
            Damage::Key => {
                let packet = &mut stream.packets[key];
                flip(packet, &mut random, usize::MAX);
                let length = packet.data.len();
                packet.data.truncate(length - random.below(length / 2));
            }
            Damage::Swap => {
                let other = key + 1 + random.below(end - key - 1);
                stream.packets.swap(hit[0], other);
            }
        }
        stream
    }
}

fn flip(packet: &mut Packet, random: &mut Random, within: usize) {
    for _ in 0..=random.below(if within == usize::MAX { 8 } else { 1 }) {
        let at = random.below(packet.data.len().min(within));
        packet.data[at] ^= 1 << random.below(8);
    }
}

/// Prints a line per clip and kind of damage; gives the number of failures.
fn report(cases: &[Case<'_>], results: &[(String, Result<Outcome>)]) -> usize {
    let mut failed = 0;
    for (name, error) in results
        .iter()
        .filter_map(|(name, result)| Some((name, result.as_ref().err()?)))
    {
        println!("FAILED {name}: {error:#}");
        failed += 1;
    }
    for damage in ALL {
        let of_kind = |codec: Codec| {
            let outcomes = cases
                .iter()
                .zip(results)
                .filter(move |(case, _)| case.damage == damage && case.clip.stream.codec == codec);
            outcomes
                .filter_map(|(_, (_, result))| result.as_ref().ok())
                .collect::<Vec<_>>()
        };
        for codec in [Codec::H264, Codec::Vp9, Codec::Av1] {
            let list = of_kind(codec);
            if list.is_empty() {
                continue;
            }
            let detectable = list.iter().filter(|outcome| outcome.detectable).count();
            let reported = list
                .iter()
                .filter(|outcome| outcome.detectable && outcome.reported)
                .count();
            let shown: usize = list.iter().map(|outcome| outcome.shown).sum();
            let runs = list.len();
            println!(
                "{:5} {:9} {runs:4} streams recover, {reported} of {detectable} detectable damages reported, {shown} of {} damaged frames shown",
                codec.name(),
                format!("{damage:?}"),
                runs * GOP as usize
            );
            if reported < detectable {
                println!(
                    "FAILED {} {damage:?}: damage that software decoding reports is not reported",
                    codec.name()
                );
                failed += 1;
            }
        }
    }
    failed
}
