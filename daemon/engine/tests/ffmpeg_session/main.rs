// SPDX-License-Identifier: BSD-2-Clause
//! Sessions of the libavcodec decoder against whole streams: every picture bit-exact, whatever the number of threads and
//! whoever waits for what.
//!
//! `tests/streams` holds small streams and, in `NAME.md5`, the MD5 of each frame that `ffmpeg -f framemd5` decodes from
//! them, in any order (see `tests/streams/README.md`). `DAEDALUS_STREAMS` names a directory with more.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test

mod damage;
mod fields;
mod h264;
mod seek;
mod vp9;

use engine::frame::Frame;
use engine::session::{Completion, Session, SessionConfig};
use md5::{Digest, Md5};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use v4l2_common::picture::Picture;

/// A part of a frame, in luma samples.
#[derive(Clone, Copy, Debug)]
struct Area {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

/// A stream as pictures, and for each the part that is shown; without it, all of it is.
#[derive(Clone)]
struct Stream {
    pictures: Vec<Picture>,
    visible: Vec<Area>,
}

const LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    Each,
    EveryThird,
    AtTheEnd,
    /// For each picture, when two more have been submitted.
    TwoBehind,
}

fn md5(frame: &Frame, visible: Option<Area>) -> String {
    let all = Area {
        x: 0,
        y: 0,
        width: frame.width,
        height: frame.height,
    };
    let Area {
        x,
        y,
        width,
        height,
    } = visible.unwrap_or(all);
    let bytes = if frame.bit_depth > 8 { 2 } else { 1 };
    let mut md5 = Md5::new();
    for index in 0..3 {
        let plane = frame.buffer.plane(index).unwrap();
        let shift = u32::from(index > 0);
        let width = (width + shift) as usize >> shift;
        let height = (height + shift) as usize >> shift;
        let (x, y) = (x as usize >> shift, y as usize >> shift);
        for row in y..y + height {
            md5.update(&plane.data[row * plane.stride + x * bytes..][..width * bytes]);
        }
    }
    md5.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

struct Outcome {
    md5: Option<String>,
    error: Option<String>,
}

fn start(stream: &Stream, threads: usize) -> (Session, Receiver<(Completion, Option<String>)>) {
    let (sender, receiver) = channel();
    let visible = stream.visible.clone();
    let config = SessionConfig {
        codec: stream.pictures[0].codec(),
        threads,
    };
    let on_complete = Box::new(move |mut completion: Completion| {
        let md5 = completion
            .frame
            .take()
            .map(|frame| md5(&frame, visible.get(completion.sequence as usize).copied()));
        let _ = sender.send((completion, md5));
    });
    (Session::new(config, on_complete).unwrap(), receiver)
}

fn decode(stream: &Stream, threads: usize, wait: Wait) -> Vec<Outcome> {
    let (session, receiver) = start(stream, threads);
    let mut outcomes = Vec::new();
    let until = |count: usize, outcomes: &mut Vec<Outcome>| {
        while outcomes.len() < count {
            let (completion, md5) = receiver.recv_timeout(LIMIT).expect("a completion");
            assert_eq!(completion.sequence, outcomes.len() as u64);
            assert_eq!(
                completion.timestamp,
                stream.pictures[outcomes.len()].timestamp
            );
            outcomes.push(Outcome {
                md5,
                error: completion.error.map(|error| error.to_string()),
            });
        }
    };
    for (i, picture) in stream.pictures.iter().enumerate() {
        let sequence = session.submit(picture.clone()).unwrap();
        match wait {
            Wait::Each => {
                session.kick(sequence);
                until(i + 1, &mut outcomes);
            }
            Wait::EveryThird if i % 3 == 2 => {
                session.kick(sequence);
                until(i + 1, &mut outcomes);
            }
            Wait::TwoBehind if i >= 2 => {
                session.kick(sequence - 2);
                until(i - 1, &mut outcomes);
            }
            _ => {}
        }
    }
    session.flush();
    until(stream.pictures.len(), &mut outcomes);
    outcomes
}

type Named = (PathBuf, Stream, Vec<String>);

/// The streams of `tests/streams`.
fn own_streams() -> Vec<Named> {
    let streams = read_streams(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/streams"));
    assert!(!streams.is_empty());
    assert!(
        streams
            .iter()
            .all(|(_, stream, _)| !stream.pictures.is_empty())
    );
    streams
}

/// These and those of `DAEDALUS_STREAMS`.
fn streams() -> Vec<Named> {
    let mut streams = own_streams();
    if let Some(more) = std::env::var_os("DAEDALUS_STREAMS") {
        streams.extend(read_streams(more.as_ref()));
    }
    streams
}

fn read_streams(directory: &Path) -> Vec<Named> {
    let mut paths: Vec<_> = directory
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let mut streams = Vec::new();
    for path in paths {
        let stream = match path.extension().and_then(|e| e.to_str()) {
            Some("ivf") => vp9::read(&std::fs::read(&path).unwrap()),
            Some("264") => h264::read(&std::fs::read(&path).unwrap()),
            _ => continue,
        };
        let golden = std::fs::read_to_string(path.with_extension("md5")).unwrap();
        let mut golden: Vec<String> = golden.lines().map(str::to_owned).collect();
        golden.sort();
        // A frame that is shown again is one picture.
        golden.dedup();
        streams.push((path, stream, golden));
    }
    streams
}

/// Is the sorted list `part` contained in the sorted list `whole`?
fn contained(part: &[String], whole: &[String]) -> bool {
    let mut whole = whole.iter();
    part.iter().all(|wanted| whole.any(|found| found == wanted))
}

#[test]
fn every_picture_is_exact_with_any_threads_and_any_waiting() {
    let mut failures = Vec::new();
    for (path, stream, golden) in streams() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if stream.pictures.is_empty() {
            failures.push(format!("{name}: no picture could be read"));
            continue;
        }
        let mut sequential: Option<Vec<Option<String>>> = None;
        for threads in [1, 2, 4, 8] {
            for wait in [
                Wait::Each,
                Wait::EveryThird,
                Wait::TwoBehind,
                Wait::AtTheEnd,
            ] {
                let outcomes = decode(&stream, threads, wait);
                for (i, outcome) in outcomes.iter().enumerate() {
                    if let Some(error) = &outcome.error {
                        failures.push(format!("{name} {threads} {wait:?}: picture {i}: {error}"));
                        break;
                    }
                }
                let md5s: Vec<_> = outcomes.into_iter().map(|outcome| outcome.md5).collect();
                let mut found: Vec<String> = md5s.iter().flatten().cloned().collect();
                found.sort();
                if !contained(&golden, &found) {
                    failures.push(format!(
                        "{name} {threads} {wait:?}: not what ffmpeg decodes"
                    ));
                }
                match &sequential {
                    None => sequential = Some(md5s),
                    Some(expected) => {
                        let wrong = expected
                            .iter()
                            .zip(&md5s)
                            .filter(|(a, b)| a.is_some() && b.is_some() && a != b)
                            .count();
                        if wrong > 0 || expected.len() != md5s.len() {
                            failures.push(format!(
                                "{name} {threads} {wait:?}: {wrong} pictures differ"
                            ));
                        }
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
