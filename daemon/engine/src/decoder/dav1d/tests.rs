// SPDX-License-Identifier: BSD-2-Clause
//! The decoder on recorded pictures: exact with any number of threads and any waiting, in order whatever the damage.
//!
//! `tests/hidden.trace` is of 26 frames of `ffmpeg -f lavfi -i testsrc2=s=98x66:r=25 -pix_fmt yuv420p`, encoded by `aomenc
//! --passes=2 --kf-max-dist=20 --kf-min-dist=20 --lag-in-frames=19 --auto-alt-ref=1 --cpu-used=2 --end-usage=q
//! --cq-level=50`: hidden frames, frames shown again, a second key frame. The MD5s in traces are of the frames that
//! FFmpeg's software decoder made, too.

use super::*;
use crate::{
    frame::Frame,
    pack::{Format, pack_to_vec},
};
use md5::{Digest, Md5};
use std::{collections::HashMap, io::Cursor};
use v4l2_common::{
    picture::Codec,
    trace::{Record, TraceReader},
};

const HIDDEN: &[u8] = include_bytes!("tests/hidden.trace");
const GRAIN: &[u8] = include_bytes!("../../../tests/traces/av1-grain.trace");

/// How often a test waits: never, or after each so many pictures.
const WAITS: [usize; 4] = [0, 1, 2, 3];

struct Trace {
    pictures: Vec<Picture>,
    /// By `Picture::timestamp`.
    md5s: HashMap<u64, [u8; 16]>,
}

fn read(trace: &[u8]) -> Trace {
    let mut read = Trace {
        pictures: Vec::new(),
        md5s: HashMap::new(),
    };
    for record in TraceReader::new(Cursor::new(trace)).unwrap() {
        match record.unwrap() {
            Record::Picture { picture, .. } => read.pictures.push(picture),
            Record::Result { timestamp, md5, .. } => {
                read.md5s.insert(timestamp, md5);
            }
        }
    }
    assert!(read.md5s.len() > 5);
    read
}

fn md5(frame: &Frame) -> [u8; 16] {
    let format = Format::of_bit_depth(frame.bit_depth).unwrap();
    Md5::digest(pack_to_vec(frame, format).unwrap()).into()
}

fn controls(picture: &mut Picture) -> &mut Av1Controls {
    match &mut picture.controls {
        Controls::Av1(controls) => controls,
        _ => panic!("not AV1"),
    }
}

fn is_key(picture: &Picture) -> bool {
    controls(&mut picture.clone()).frame.frame_type == V4L2_AV1_KEY_FRAME
}

/// Decodes everything; checks that each picture is completed once and in order.
fn decode(pictures: &[Picture], threads: usize, wait_after: usize) -> Vec<Decoded> {
    let mut decoder = Dav1dDecoder::new(threads).unwrap();
    let mut done = Vec::new();
    for (index, picture) in pictures.iter().enumerate() {
        decoder.send(index as u64, picture.clone(), &mut done);
        assert_eq!(decoder.pending() + done.len(), index + 1);
        if wait_after > 0 && (index + 1) % wait_after == 0 && decoder.pending() > 0 {
            let before = done.len();
            decoder.push(&mut done);
            assert!(done.len() > before, "pushed without effect");
        }
    }
    while decoder.pending() > 0 {
        let before = done.len();
        decoder.push(&mut done);
        assert!(done.len() > before, "pushed without effect");
    }
    let sequences: Vec<_> = done.iter().map(|decoded| decoded.sequence).collect();
    assert_eq!(sequences, Vec::from_iter(0..pictures.len() as u64));
    done
}

/// Which pictures came out without an error; these must be exact where their MD5 is known.
fn exact(trace: &Trace, pictures: &[Picture], done: &[Decoded]) -> Vec<bool> {
    let mut good = Vec::new();
    for (picture, decoded) in pictures.iter().zip(done) {
        if decoded.error.is_none() {
            let shown = decoded.grained.as_ref().or(decoded.frame.as_ref()).unwrap();
            if let Some(expected) = trace.md5s.get(&picture.timestamp) {
                assert_eq!(md5(shown), *expected, "picture {}", decoded.sequence);
            }
        }
        good.push(decoded.error.is_none());
    }
    good
}

#[test]
fn exact_with_any_threads_and_any_waiting() {
    for trace in [read(HIDDEN), read(GRAIN)] {
        assert!(
            trace.md5s.len() < trace.pictures.len() || trace.pictures.len() < 10,
            "no hidden frame"
        );
        for threads in [1, 2, 3, 4, 8, 12] {
            for wait_after in WAITS {
                let done = decode(&trace.pictures, threads, wait_after);
                let good = exact(&trace, &trace.pictures, &done);
                assert!(
                    good.iter().all(|good| *good),
                    "{threads} threads, waits {wait_after}"
                );
            }
        }
    }
}

#[test]
fn several_pictures_decode_at_once() {
    let trace = read(HIDDEN);
    let mut decoder = Dav1dDecoder::new(4).unwrap();
    let mut done = Vec::new();
    for (index, picture) in trace.pictures.into_iter().take(4).enumerate() {
        decoder.send(index as u64, picture, &mut done);
    }
    assert_eq!((decoder.pending(), done.len()), (4, 0));
    decoder.push(&mut done);
    assert_eq!((decoder.pending(), done.len()), (3, 1));
    // With three in flight, all stop.
    drop(decoder);
}

#[test]
fn waiting_for_nothing_does_nothing() {
    let mut done = Vec::new();
    let mut decoder = Dav1dDecoder::new(2).unwrap();
    decoder.push(&mut done);
    let first = read(HIDDEN).pictures.swap_remove(0);
    decoder.send(0, first, &mut done);
    decoder.push(&mut done);
    decoder.push(&mut done);
    assert_eq!((decoder.pending(), done.len()), (0, 1));
}

#[test]
fn grain_comes_with_the_clean_frame_and_outlives_the_decoder() {
    let trace = read(GRAIN);
    let done = decode(&trace.pictures, 2, 0);
    let mut plain = trace.pictures.clone();
    for picture in &mut plain {
        controls(picture).film_grain = None;
    }
    let clean = decode(&plain, 2, 0);
    for ((picture, decoded), clean) in trace.pictures.iter().zip(&done).zip(&clean) {
        let frame = decoded.frame.as_ref().unwrap();
        assert!(clean.grained.is_none());
        assert_eq!(md5(frame), md5(clean.frame.as_ref().unwrap()));
        let grained = decoded.grained.as_ref().unwrap();
        let expected = trace.md5s[&picture.timestamp];
        assert_eq!(md5(grained), expected);
        assert_ne!(md5(frame), expected);
    }
}

/// Shortens a picture's tiles, so that their decoding fails.
fn shorten(picture: &mut Picture) {
    for entry in &mut controls(picture).tile_group_entries {
        entry.tile_size = entry.tile_size.div_ceil(4);
    }
}

#[test]
fn damage_ends_at_the_next_key_frame() {
    let trace = read(HIDDEN);
    let again = trace.pictures.iter().skip(1).position(is_key).unwrap() + 1;
    let mut failures = 0;
    for damaged in 0..again {
        let mut pictures = trace.pictures.clone();
        shorten(&mut pictures[damaged]);
        for threads in [2, 4] {
            for wait_after in WAITS {
                let done = decode(&pictures, threads, wait_after);
                // What referenced wrong pixels is not compared, but what came before, and from the key frame on.
                let good = exact(&trace, &pictures[..damaged], &done[..damaged]);
                assert!(good.iter().all(|good| *good));
                let after = Trace {
                    pictures: Vec::new(),
                    md5s: trace.md5s.clone(),
                };
                let good = exact(&after, &pictures[again..], &done[again..]);
                assert!(good.iter().all(|good| *good), "no recovery from {damaged}");
                let failed = &done[damaged];
                failures += usize::from(failed.error.is_some());
                if failed.error.is_some() && damaged > 0 {
                    assert!(matches!(failed.error, Some(EngineError::Damaged(_))));
                    let concealed = failed.frame.as_ref().unwrap();
                    assert_eq!((concealed.width, concealed.height), (98, 66));
                }
            }
        }
    }
    assert!(failures > 8, "nothing was damaged: {failures}");
}

#[test]
fn damaged_bits_neither_hang_nor_lose_pictures() {
    let trace = read(HIDDEN);
    let mut state = 1_u64;
    let mut random = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for round in 0..150 {
        let mut pictures = trace.pictures.clone();
        for _ in 0..1 + random(6) {
            let picture = random(pictures.len());
            let length = pictures[picture].bitstream.len();
            match random(4) {
                0 => shorten(&mut pictures[picture]),
                1 => pictures[picture].bitstream.truncate(random(length)),
                2 => drop(pictures.remove(picture)),
                _ => pictures[picture].bitstream[random(length)] ^= 1 << random(8),
            }
        }
        decode(&pictures, 2 + round % 3, WAITS[round % 4]);
    }
}

#[test]
fn a_stream_without_its_start_waits_for_a_key_frame() {
    let trace = read(HIDDEN);
    let pictures = &trace.pictures[1..];
    let key = pictures.iter().position(is_key).unwrap();
    let done = decode(pictures, 2, 1);
    let good = exact(&trace, pictures, &done);
    assert!(key > 3);
    for (decoded, good) in done.iter().zip(good) {
        assert_eq!(good, decoded.sequence >= key as u64);
        let missing = matches!(decoded.error, Some(EngineError::MissingReference(_)));
        assert_eq!(missing, !good);
    }
}

#[test]
fn another_codecs_picture_is_refused_in_its_turn() {
    let trace = read(HIDDEN);
    let mut pictures = trace.pictures[..3].to_vec();
    pictures[1].controls = Controls::H264(Box::default());
    assert_eq!(pictures[1].codec(), Codec::H264);
    let done = decode(&pictures, 2, 0);
    assert!(matches!(done[1].error, Some(EngineError::Invalid(_))));
}
