// SPDX-License-Identifier: BSD-2-Clause
//! Replays trace files through the engine alone: no VA, no client, the recorded `Picture`s are all there is.
//!
//! The traces in `tests/traces` are always replayed; `DAEDALUS_TRACES` names a directory with more, which must hold some (the
//! driver writes them with `DAEDALUS_RECORD`). Each is replayed with all pictures submitted at once, by four threads and by
//! one, and with each picture waited for before the next.

#![allow(clippy::expect_used, clippy::print_stdout)] // a test

use engine::{
    pack::{Format, pack_to_vec},
    session::{Completion, Session, SessionConfig},
};
use md5::{Digest, Md5};
use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};
use v4l2_common::{
    picture::{Codec, Picture},
    trace::{Record, TraceReader},
};

/// Longest wait for a completion once everything before it is pushed.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Everything is submitted before the first wait.
    Pipelined,
    /// Each picture is waited for before the next is submitted.
    OneByOne,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Expected {
    width: u32,
    height: u32,
    fourcc: u32,
    md5: [u8; 16],
}

struct Trace {
    pictures: Vec<(Picture, bool)>,
    results: HashMap<u64, Expected>,
}

fn read(path: &Path) -> Trace {
    let mut trace = Trace {
        pictures: Vec::new(),
        results: HashMap::new(),
    };
    let reader =
        TraceReader::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    for record in reader {
        match record.unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
            Record::Picture { picture, output } => trace.pictures.push((picture, output)),
            Record::Result {
                timestamp,
                width,
                height,
                fourcc,
                md5,
            } => {
                trace.results.insert(
                    timestamp,
                    Expected {
                        width,
                        height,
                        fourcc,
                        md5,
                    },
                );
            }
        }
    }
    trace
}

/// Hashes the part of the frame that the trace has hashed.
fn hash(completion: &Completion, expected: &Expected) -> Result<[u8; 16], String> {
    if let Some(error) = &completion.error {
        return Err(error.to_string());
    }
    let frame = completion
        .grained
        .as_ref()
        .or(completion.frame.as_ref())
        .ok_or("no frame")?;
    let format = Format::of_bit_depth(frame.bit_depth).ok_or("bit depth")?;
    let fourcc = match format {
        Format::Nv12 => *b"NV12",
        Format::P010 => *b"P010",
    };
    if expected.fourcc != u32::from_le_bytes(fourcc) {
        return Err(format!(
            "{format:?} instead of {:?}",
            expected.fourcc.to_le_bytes().map(char::from)
        ));
    }
    if frame.width < expected.width || frame.height < expected.height {
        return Err(format!(
            "{frame:?} instead of {}x{}",
            expected.width, expected.height
        ));
    }
    let image = pack_to_vec(frame, format).map_err(|error| error.to_string())?;
    let bytes = format.sample_bytes();
    let (luma, chroma) = image.split_at(frame.width as usize * bytes * frame.height as usize);
    let (width, height) = (expected.width as usize, expected.height as usize);
    let mut md5 = Md5::new();
    for row in luma.chunks(frame.width as usize * bytes).take(height) {
        md5.update(&row[..width * bytes]);
    }
    for row in chroma
        .chunks(frame.width.div_ceil(2) as usize * 2 * bytes)
        .take(height.div_ceil(2))
    {
        md5.update(&row[..width.div_ceil(2) * 2 * bytes]);
    }
    Ok(md5.finalize().into())
}

/// Replays a trace; what differs is listed by timestamp.
fn replay(trace: &Trace, codec: Codec, mode: Mode, threads: usize) -> BTreeMap<u64, String> {
    let (sender, completions) = mpsc::channel();
    let results = trace.results.clone();
    let outputs: Vec<bool> = trace.pictures.iter().map(|(_, output)| *output).collect();
    let on_complete = move |completion: Completion| {
        let output = outputs
            .get(completion.sequence as usize)
            .copied()
            .unwrap_or_default();
        let expected = results.get(&completion.timestamp).filter(|_| output);
        let outcome = expected.map(|expected| hash(&completion, expected));
        let _ = sender.send((completion.sequence, completion.timestamp, outcome));
    };
    let session =
        Session::new(SessionConfig { codec, threads }, Box::new(on_complete)).expect("session");

    let mut seen = 0;
    let mut outcomes: BTreeMap<u64, Result<[u8; 16], String>> = BTreeMap::new();
    let mut wait_until = |count: u64| {
        while seen < count {
            let (sequence, timestamp, outcome) = completions
                .recv_timeout(LIMIT)
                .unwrap_or_else(|error| panic!("picture {seen} of {count}: {error}"));
            assert_eq!(sequence, seen, "completions come in submission order");
            assert_eq!(timestamp, trace.pictures[seen as usize].0.timestamp);
            seen += 1;
            // Of a field pair the second completion holds the frame that counts.
            outcomes.extend(outcome.map(|outcome| (timestamp, outcome)));
        }
    };
    for (index, (picture, _)) in trace.pictures.iter().enumerate() {
        let sequence = session.submit(picture.clone()).expect("submit");
        assert_eq!(sequence, index as u64);
        if mode == Mode::OneByOne {
            session.kick(sequence);
            wait_until(sequence + 1);
        }
    }
    session.flush();
    wait_until(trace.pictures.len() as u64);
    drop(session);
    assert!(completions.try_recv().is_err(), "a picture completed twice");

    let mut wrong = BTreeMap::new();
    for (timestamp, expected) in &trace.results {
        match outcomes.get(timestamp) {
            Some(Ok(md5)) if *md5 == expected.md5 => {}
            Some(Ok(_)) => drop(wrong.insert(*timestamp, "other pixels".into())),
            Some(Err(error)) => drop(wrong.insert(*timestamp, error.clone())),
            None => drop(wrong.insert(*timestamp, "no completion".into())),
        }
    }
    wrong
}

/// Replays one file in all modes; returns how many pictures were compared: none of a stream that is damaged throughout,
/// whose pictures must still complete.
fn check(path: &Path) -> Result<usize, String> {
    let trace = read(path);
    let codec = trace.pictures.first().ok_or("no pictures")?.0.codec();
    for (mode, threads) in [
        (Mode::Pipelined, 4),
        (Mode::OneByOne, 4),
        (Mode::Pipelined, 1),
    ] {
        let wrong = replay(&trace, codec, mode, threads);
        if let Some((timestamp, reason)) = wrong.iter().next() {
            let (bad, all) = (wrong.len(), trace.results.len());
            return Err(format!(
                "{mode:?}, {threads} threads: {bad} of {all} wrong, first {timestamp}: {reason}"
            ));
        }
    }
    Ok(trace.results.len())
}

fn traces_in(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("directory entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "trace")
        })
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{}: no *.trace", directory.display());
    paths
}

fn check_all(directory: &Path) {
    let mut failures = Vec::new();
    let mut compared = 0;
    let paths = traces_in(directory);
    for path in &paths {
        match check(path) {
            Ok(count) => compared += count,
            Err(reason) => failures.push(format!("{}: {reason}", path.display())),
        }
    }
    println!(
        "{} traces, {compared} pictures bit-exact, {} traces failed",
        paths.len(),
        failures.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(
        compared > 0,
        "{}: nothing to compare with",
        directory.display()
    );
}

/// The traces that come with the sources.
fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces")
}

#[test]
fn traces_decode_to_the_recorded_pixels() {
    let mut codecs = Vec::new();
    for path in traces_in(&committed()) {
        let trace = read(&path);
        assert!(
            !trace.results.is_empty(),
            "{}: nothing to compare with",
            path.display()
        );
        codecs.extend(trace.pictures.first().map(|(picture, _)| picture.codec()));
    }
    for codec in [Codec::H264, Codec::Vp9, Codec::Av1] {
        assert!(codecs.contains(&codec), "no trace of {}", codec.name());
    }
    check_all(&committed());
    if let Some(directory) = std::env::var_os("DAEDALUS_TRACES") {
        check_all(Path::new(&directory));
    }
}

/// The comparison sees what it should: other references, and a picture that is missing.
#[test]
fn a_changed_trace_does_not_pass() {
    for path in traces_in(&committed()) {
        let mut trace = read(&path);
        let codec = trace.pictures[0].0.codec();
        trace.pictures.remove(0);
        assert!(
            !replay(&trace, codec, Mode::Pipelined, 2).is_empty(),
            "{}",
            path.display()
        );
    }
}
