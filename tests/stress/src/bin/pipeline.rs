// SPDX-License-Identifier: BSD-2-Clause
//! Sixteen decoders in one unmodified client: a single `gst-launch-1.0` whose pipeline has that many branches of gstreamer-vaapi
//! decoders, codecs and depths mixed, on one `VADisplay`. The digest of each branch must be that of FFmpeg's software decoding.
//!
//! `pipeline [--branches 16]`
#![allow(clippy::print_stdout)]

use anyhow::{Context, Result, bail, ensure};
use harness::{
    client::ffmpeg::{self, Decode, Form},
    process::{self, Md5Sink},
    setting::Setting,
    stats::Stats,
};
use std::{collections::HashMap, fs, time::Duration};
use stress::clips::{self, Clip, Wish};
use v4l2_common::picture::Codec;

const FRAMES: u32 = 48;
const LIMIT: Duration = Duration::from_secs(300);

fn main() -> Result<()> {
    let mut branches = 16;
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            lexopt::Arg::Long("branches") => {
                branches = parser.value()?.to_string_lossy().parse()?
            }
            _ => bail!(arg.unexpected()),
        }
    }
    let setting = Setting::new()?;
    let wish = Wish {
        size: (320, 180),
        frames: FRAMES,
        gop: 24,
        low_delay: false,
    };
    // gstreamer-vaapi has no High 10.
    let clips: Vec<Clip> = clips::all(wish)?
        .into_iter()
        .filter(|clip| !clip.name.starts_with("h264_10bit"))
        .collect();
    let expected = clips
        .iter()
        .map(|clip| software(clip, &setting))
        .collect::<Result<Vec<_>>>()?;
    let description: Vec<String> = (0..branches)
        .map(|number| branch(number, &clips[number % clips.len()]))
        .collect();
    let stats = clips::directory()?.join(format!("pipeline-{}.stats", std::process::id()));
    let description = description.join(" ");
    let words = ["-m"].into_iter().chain(description.split_whitespace());
    let mut output = Vec::new();
    let done = process::run(
        "gst-launch-1.0",
        words,
        &setting.environment(Some(&stats)),
        LIMIT,
        &mut output,
    )?;
    ensure!(done.ok(), "gst-launch-1.0: {}", done.reason());
    let digests = digests(&String::from_utf8_lossy(&output));
    for number in 0..branches {
        let clip = &clips[number % clips.len()];
        let digest = digests.get(&format!("sink{number}"));
        let digest =
            digest.with_context(|| format!("branch {number}, {}: no digest", clip.name))?;
        ensure!(
            *digest == expected[number % clips.len()],
            "branch {number}, {}: frames differ",
            clip.name
        );
    }
    let counts = Stats::read(&stats);
    fs::remove_file(&stats)?;
    ensure!(
        counts.decoded >= branches as u64 * u64::from(FRAMES) && counts.bad + counts.refused == 0,
        "{counts}"
    );
    println!(
        "{branches} branches of one pipeline bit-exact in {:.1} s; {counts}",
        done.wall.as_secs_f64()
    );
    Ok(())
}

fn format(clip: &Clip) -> (&'static str, &'static str) {
    if clip.name.contains("10bit") {
        ("yuv420p10le", "I420_10LE")
    } else {
        ("yuv420p", "I420")
    }
}

fn software(clip: &Clip, setting: &Setting) -> Result<String> {
    let mut sink = Md5Sink::default();
    let done = ffmpeg::run(
        &clip.path,
        format(clip).0,
        Decode::Software(1),
        Form::Raw,
        &setting.environment(None),
        LIMIT,
        &mut sink,
    )?;
    ensure!(done.ok(), "{}: {}", clip.name, done.reason());
    Ok(sink.hex())
}

fn branch(number: usize, clip: &Clip) -> String {
    let (container, parser, decoder) = match clip.stream.codec {
        Codec::H264 => ("", "h264parse", "vaapih264dec"),
        Codec::Vp9 => ("! ivfparse", "vp9parse", "vaapivp9dec"),
        Codec::Av1 => ("! ivfparse", "av1parse", "vaapiav1dec"),
    };
    format!(
        "filesrc location={} {container} ! {parser} ! {decoder} ! \
         videoconvert dither=none chroma-mode=none matrix-mode=none primaries-mode=none gamma-mode=none ! \
         video/x-raw,format={} ! videocodectestsink name=sink{number}",
        clip.path.display(),
        format(clip).1
    )
}

/// The digests in the sinks' messages, by sink.
fn digests(messages: &str) -> HashMap<String, String> {
    let one = |line: &str| {
        let (_, rest) = line.split_once("from element \"")?;
        let (sink, rest) = rest.split_once('"')?;
        let (_, rest) = rest.split_once("checksum=(string)")?;
        Some((
            sink.to_owned(),
            rest.chars().take_while(char::is_ascii_hexdigit).collect(),
        ))
    };
    messages.lines().filter_map(one).collect()
}
