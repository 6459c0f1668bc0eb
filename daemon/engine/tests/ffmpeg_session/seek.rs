// SPDX-License-Identifier: BSD-2-Clause
//! Jumps within a stream as a client makes them: it forgets its references and goes on at a recovery point. And long
//! runs, in which nothing may pile up.

use super::{Stream, Wait, decode, h264, own_streams};
use v4l2_common::picture::{Controls, H264Controls, Picture};
use v4l2_common::uapi::h264::*;

fn controls(picture: &Picture) -> &H264Controls {
    match &picture.controls {
        Controls::H264(controls) => controls,
        _ => panic!("not H.264"),
    }
}

/// The stream's pictures up to `leave`, then those from `land` on, whose references before `land` are forgotten.
fn jump(stream: &Stream, leave: usize, land: usize) -> Stream {
    let mut jumped = Stream {
        pictures: stream.pictures[..leave].to_vec(),
        visible: Vec::new(),
    };
    let oldest = stream.pictures[land].timestamp;
    for picture in &stream.pictures[land..] {
        let mut picture = picture.clone();
        if let Controls::H264(controls) = &mut picture.controls {
            for entry in &mut controls.decode_params.dpb {
                if entry.reference_ts < oldest {
                    *entry = v4l2_h264_dpb_entry::default();
                }
            }
        }
        jumped.pictures.push(picture);
    }
    jumped
}

#[test]
fn a_recovery_point_is_exact_after_a_jump() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/streams/opengop.264");
    let stream = h264::read(&std::fs::read(path).unwrap());
    let stream = Stream {
        visible: Vec::new(),
        ..stream
    };
    let exact = decode(&stream, 1, Wait::AtTheEnd);
    let inter = V4L2_H264_DECODE_PARAM_FLAG_PFRAME | V4L2_H264_DECODE_PARAM_FLAG_BFRAME;
    let points: Vec<usize> = (1..stream.pictures.len())
        .filter(|&i| controls(&stream.pictures[i]).decode_params.flags & inter == 0)
        .collect();
    assert_eq!(points.len(), 2);
    for land in points {
        let point = controls(&stream.pictures[land])
            .decode_params
            .pic_order_cnt_lsb;
        for leave in [1, 4, 7] {
            for threads in [1, 2, 4] {
                let outcomes = decode(&jump(&stream, leave, land), threads, Wait::TwoBehind);
                assert_eq!(outcomes.len(), leave + stream.pictures.len() - land);
                for i in 0..leave {
                    assert_eq!(outcomes[i].md5, exact[i].md5);
                }
                for i in land..stream.pictures.len() {
                    // Those shown before the recovery point refer to what is not there any more.
                    if controls(&stream.pictures[i])
                        .decode_params
                        .pic_order_cnt_lsb
                        >= point
                    {
                        let outcome = &outcomes[leave + i - land];
                        assert_eq!(
                            outcome.md5, exact[i].md5,
                            "{leave} to {land}, {threads} threads: picture {i}"
                        );
                        assert_eq!(
                            outcome.error, None,
                            "{leave} to {land}, {threads} threads: picture {i}"
                        );
                    }
                }
            }
        }
    }
}

/// Resident memory of this process, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn memory_stays_flat() {
    let repeat = |stream: &Stream, times: usize| {
        let mut pictures = Vec::new();
        for round in 0..times as u64 {
            for picture in &stream.pictures {
                let mut picture = picture.clone();
                let shift = |timestamp: &mut u64| {
                    if *timestamp != 0 {
                        *timestamp += round * 1_000_000;
                    }
                };
                shift(&mut picture.timestamp);
                match &mut picture.controls {
                    Controls::H264(c) => c
                        .decode_params
                        .dpb
                        .iter_mut()
                        .for_each(|e| shift(&mut e.reference_ts)),
                    Controls::Vp9(c) => {
                        shift(&mut c.frame.last_frame_ts);
                        shift(&mut c.frame.golden_frame_ts);
                        shift(&mut c.frame.alt_frame_ts);
                    }
                    Controls::Av1(_) => {}
                }
                pictures.push(picture);
            }
        }
        Stream {
            pictures,
            visible: Vec::new(),
        }
    };
    for (path, stream, _) in own_streams() {
        let run = |pictures: usize| {
            let stream = repeat(&stream, pictures.div_ceil(stream.pictures.len()));
            let before = resident();
            let outcomes = decode(&stream, 2, Wait::TwoBehind);
            assert!(outcomes.iter().all(|outcome| outcome.error.is_none()));
            resident().saturating_sub(before)
        };
        run(200);
        // The least of three: other tests of this process allocate, too. A frame of these streams has 13 KiB or more.
        let grown = (0..3).map(|_| run(2000)).min().unwrap();
        assert!(
            grown < 4 << 10,
            "{}: {grown} KiB more after 2000 pictures",
            path.display()
        );
    }
}
