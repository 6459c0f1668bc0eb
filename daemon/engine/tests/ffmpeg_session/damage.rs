// SPDX-License-Identifier: BSD-2-Clause
//! Damaged streams: every picture completes, damage is reported, and the next key frame is exact again.

use super::{Stream, Wait, decode, own_streams};
use v4l2_common::bits::BitReader;
use v4l2_common::picture::{Codec, Controls, Picture};
use v4l2_common::uapi::h264::V4L2_H264_DECODE_PARAM_FLAG_IDR_PIC;

fn is_key(picture: &Picture) -> bool {
    match &picture.controls {
        Controls::H264(controls) => {
            controls.decode_params.flags & V4L2_H264_DECODE_PARAM_FLAG_IDR_PIC != 0
        }
        _ => {
            let mut r = BitReader::new(&picture.bitstream);
            r.skip(5).unwrap();
            !r.bit().unwrap()
        }
    }
}

/// The first key frame behind picture `from`.
fn next_key(stream: &Stream, from: usize) -> usize {
    let found = (from + 1..stream.pictures.len()).find(|&i| is_key(&stream.pictures[i]));
    found.unwrap_or(stream.pictures.len())
}

/// xorshift64*
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }
}

#[test]
fn a_truncated_picture_is_reported_and_the_next_key_frame_is_exact() {
    for (path, stream, _) in own_streams() {
        let name = path.file_name().unwrap().to_string_lossy();
        let exact = decode(&stream, 1, Wait::AtTheEnd);
        let mut cuts = 0;
        for damaged in 1..stream.pictures.len().min(24) {
            let mut cut = stream.clone();
            let bytes = &mut cut.pictures[damaged].bitstream;
            // The arithmetic decoder may make a whole picture of the few bytes that are left of a short one.
            if bytes.len() < 192 {
                continue;
            }
            match stream.pictures[damaged].codec() {
                // Into the headers: libavcodec looks for the end of a tile's data only between superblocks, and the
                // frames of these streams have four of them.
                Codec::Vp9 => bytes.truncate(10),
                _ => bytes.truncate(bytes.len() / 2),
            }
            cuts += 1;
            for threads in [1, 2, 4] {
                let outcomes = decode(&cut, threads, Wait::EveryThird);
                let error = &outcomes[damaged].error;
                assert!(
                    error.is_some(),
                    "{name}, {threads} threads: picture {damaged} cut, and no error"
                );
                for (i, (outcome, exact)) in outcomes.iter().zip(&exact).enumerate() {
                    if i < damaged || i >= next_key(&stream, damaged) {
                        assert_eq!(
                            outcome.md5, exact.md5,
                            "{name}, {threads} threads: {damaged} cut, picture {i}"
                        );
                        assert_eq!(
                            outcome.error, None,
                            "{name}, {threads} threads: {damaged} cut, picture {i}"
                        );
                    }
                }
            }
        }
        assert!(cuts > 0, "{name}");
    }
}

#[test]
fn a_dropped_picture_is_missed_by_those_that_name_it() {
    for (path, stream, _) in own_streams() {
        let name = path.file_name().unwrap().to_string_lossy();
        let exact = decode(&stream, 1, Wait::AtTheEnd);
        for dropped in 1..stream.pictures.len().min(24) {
            let timestamp = stream.pictures[dropped].timestamp;
            let mut rest = stream.clone();
            rest.pictures.remove(dropped);
            if !rest.visible.is_empty() {
                rest.visible.remove(dropped);
            }
            for threads in [1, 3] {
                let outcomes = decode(&rest, threads, Wait::AtTheEnd);
                for (i, outcome) in outcomes.iter().enumerate().skip(dropped) {
                    let before = i + 1;
                    let names = match &rest.pictures[i].controls {
                        Controls::H264(c) => c
                            .decode_params
                            .dpb
                            .iter()
                            .any(|entry| entry.reference_ts == timestamp),
                        Controls::Vp9(c) => {
                            let frame = &c.frame;
                            [
                                frame.last_frame_ts,
                                frame.golden_frame_ts,
                                frame.alt_frame_ts,
                            ]
                            .contains(&timestamp)
                        }
                        Controls::Av1(_) => false,
                    };
                    let error = outcome.error.as_deref().unwrap_or_default();
                    assert_eq!(
                        names,
                        error.starts_with("missing reference"),
                        "{name}, {threads} threads: {dropped} dropped, picture {before}: {error:?}"
                    );
                    if before >= next_key(&stream, dropped) {
                        assert_eq!(
                            outcome.md5, exact[before].md5,
                            "{name}: {dropped} dropped, picture {before}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn flipped_bits_neither_stop_the_session_nor_spoil_the_next_key_frame() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for (path, stream, _) in own_streams() {
        let name = path.file_name().unwrap().to_string_lossy();
        let exact = decode(&stream, 1, Wait::AtTheEnd);
        for round in 0..40 {
            let mut flipped = stream.clone();
            let first = random.below(stream.pictures.len());
            let mut last = first;
            for _ in 0..1 + random.below(6) {
                let picture = (first + random.below(3)).min(stream.pictures.len() - 1);
                last = last.max(picture);
                let bytes = &mut flipped.pictures[picture].bitstream;
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
            let threads = 1 + random.below(4);
            let outcomes = decode(&flipped, threads, Wait::TwoBehind);
            assert_eq!(outcomes.len(), stream.pictures.len());
            for (i, (outcome, exact)) in outcomes.iter().zip(&exact).enumerate() {
                if i < first || i >= next_key(&stream, last) {
                    assert_eq!(
                        outcome.md5, exact.md5,
                        "{name}, round {round}, {threads} threads: picture {i}"
                    );
                }
            }
        }
    }
}
