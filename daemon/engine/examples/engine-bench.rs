// SPDX-License-Identifier: BSD-2-Clause
//! The engine alone against the decoder library alone, without output on either side:
//!
//! ```text
//! engine-bench TRACE STREAM [THREADS [ROUNDS]]
//! ```
//!
//! `TRACE` is a recording of `STREAM` (`DAEDALUS_RECORD`). The engine decodes the trace's pictures with a few of them in
//! flight, as a player has; `ffmpeg` decodes the stream (AV1: with libdav1d) to nowhere. Rounds alternate; medians count.

#![allow(clippy::print_stdout, clippy::print_stderr)] // a command-line tool

use engine::session::{Completion, Session, SessionConfig};
use std::error::Error;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};
use v4l2_common::picture::{Codec, Picture};
use v4l2_common::trace::{Record, TraceReader};

/// Pictures submitted ahead of the one that is waited for.
const IN_FLIGHT: usize = 4;

fn engine(pictures: &[Picture], threads: usize) -> Result<Duration, Box<dyn Error>> {
    let first = pictures.first().ok_or("the trace has no picture")?;
    let config = SessionConfig {
        codec: first.codec(),
        threads,
    };
    let copies = pictures.to_vec();
    let (sender, receiver) = channel();
    let on_complete = move |completion: Completion| {
        let _ = sender.send(completion.error);
    };
    let start = Instant::now();
    let session = Session::new(config, Box::new(on_complete))?;
    let mut completed = 0;
    for (i, picture) in copies.into_iter().enumerate() {
        let sequence = session.submit(picture)?;
        if i >= IN_FLIGHT {
            session.kick(sequence - IN_FLIGHT as u64);
            while completed + IN_FLIGHT <= i {
                receiver.recv()?;
                completed += 1;
            }
        }
    }
    session.flush();
    for _ in completed..pictures.len() {
        receiver.recv()?;
    }
    Ok(start.elapsed())
}

fn library(stream: &str, codec: Codec, threads: usize) -> Result<Duration, Box<dyn Error>> {
    let decoder = match codec {
        Codec::H264 => "h264",
        Codec::Vp9 => "vp9",
        Codec::Av1 => "libdav1d",
    };
    let threads = threads.to_string();
    let start = Instant::now();
    let status = Command::new("ffmpeg")
        .args([
            "-v", "error", "-nostdin", "-threads", &threads, "-c:v", decoder, "-i", stream,
        ])
        .args([
            "-map",
            "0:v:0",
            "-fps_mode",
            "passthrough",
            "-c:v",
            "wrapped_avframe",
            "-f",
            "null",
            "-",
        ])
        .stdout(Stdio::null())
        .status()?;
    if status.success() {
        Ok(start.elapsed())
    } else {
        Err(format!("ffmpeg: {status}").into())
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn run() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (trace, stream) = match arguments.as_slice() {
        [trace, stream, ..] => (trace, stream),
        _ => return Err("usage: engine-bench TRACE STREAM [THREADS [ROUNDS]]".into()),
    };
    let number = |index: usize, default: usize| {
        arguments
            .get(index)
            .map_or(Ok(default), |text| text.parse())
    };
    let threads = number(
        2,
        std::thread::available_parallelism().map_or(1, usize::from),
    )?;
    let rounds = number(3, 5)?;
    let mut pictures = Vec::new();
    for record in TraceReader::open(trace)? {
        if let Record::Picture { picture, .. } = record? {
            pictures.push(picture);
        }
    }
    let codec = pictures.first().ok_or("the trace has no picture")?.codec();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(engine(&pictures, threads)?);
        theirs.push(library(stream, codec, threads)?);
    }
    let (ours, theirs) = (median(ours).as_secs_f64(), median(theirs).as_secs_f64());
    let count = pictures.len() as f64;
    println!(
        "{} {} pictures, {threads} threads: engine {:.1}/s, library {:.1}/s, ratio {:.3}",
        codec.name(),
        pictures.len(),
        count / ours,
        count / theirs,
        theirs / ours
    );
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("engine-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
