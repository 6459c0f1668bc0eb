// SPDX-License-Identifier: BSD-2-Clause
//! Field pairs, lone fields and waits between them, on pictures of PCM macroblocks: 16x32, so that a field is one
//! macroblock.

use super::{LIMIT, Stream, start};
use engine::frame::Frame;
use engine::session::{Completion, Session, SessionConfig};
use std::sync::mpsc::{Receiver, channel};
use v4l2_common::bits::{BitWriter, escape_nal};
use v4l2_common::picture::{Codec, Controls, H264Controls, Picture};
use v4l2_common::uapi::h264::*;

const TOP: u32 = V4L2_H264_DECODE_PARAM_FLAG_FIELD_PIC;
const BOTTOM: u32 = TOP | V4L2_H264_DECODE_PARAM_FLAG_BOTTOM_FIELD;
const FRAME: u32 = 0;

/// An intra picture (an IDR picture at `frame_num` 0, unless it is a bottom field) whose luma samples all are `value`.
fn picture(timestamp: u64, frame_num: u16, structure: u32, value: u8) -> Picture {
    let mut controls = H264Controls::default();
    controls.sps.profile_idc = 77;
    controls.sps.level_idc = 30;
    controls.sps.chroma_format_idc = 1;
    controls.sps.max_num_ref_frames = 1;
    controls.sps.flags = V4L2_H264_SPS_FLAG_DIRECT_8X8_INFERENCE;
    let idr = frame_num == 0 && structure != BOTTOM;
    let params = &mut controls.decode_params;
    params.nal_ref_idc = 1;
    params.frame_num = frame_num;
    params.flags = structure
        | if idr {
            V4L2_H264_DECODE_PARAM_FLAG_IDR_PIC
        } else {
            0
        };
    if !idr {
        // The frame before, or this one's first field.
        params.dpb[0].reference_ts = if structure == BOTTOM {
            timestamp
        } else {
            timestamp - 1
        };
        params.dpb[0].flags = V4L2_H264_DPB_ENTRY_FLAG_VALID | V4L2_H264_DPB_ENTRY_FLAG_ACTIVE;
    }
    let mut w = BitWriter::new();
    w.bits(1 << 5 | if idr { 5 } else { 1 }, 8);
    w.ue(0); // first_mb_in_slice
    w.ue(7); // slice_type: all I
    w.ue(0); // pic_parameter_set_id
    w.bits(u32::from(frame_num), 4);
    w.bit(structure != FRAME); // field_pic_flag
    if structure != FRAME {
        w.bit(structure == BOTTOM);
    }
    if idr {
        w.ue(0); // idr_pic_id
    }
    w.bits(u32::from(frame_num) * 2, 4); // pic_order_cnt_lsb
    w.bits(0, if idr { 2 } else { 1 }); // dec_ref_pic_marking()
    w.se(0); // slice_qp_delta
    for _ in 0..if structure == FRAME { 2 } else { 1 } {
        w.ue(25); // mb_type: I_PCM
        w.byte_align();
        w.bytes(&[value; 256]);
        w.bytes(&[128; 128]);
    }
    w.trailing_bits();
    let mut bitstream = vec![0, 0, 1];
    escape_nal(&w.finish(), &mut bitstream);
    Picture {
        controls: Controls::H264(Box::new(controls)),
        bitstream,
        timestamp,
    }
}

/// The luma values of the top and the bottom field of a frame; each must be all one.
fn values(frame: &Frame) -> (u8, u8) {
    let luma = frame.buffer.plane(0).unwrap();
    let rows: Vec<&[u8]> = luma
        .data
        .chunks(luma.stride)
        .map(|row| &row[..16])
        .collect();
    assert_eq!(rows.len(), 32);
    for (i, row) in rows.iter().enumerate() {
        assert!(
            row.iter().all(|&sample| sample == rows[i % 2][0]),
            "row {i}: {row:?}"
        );
    }
    (rows[0][0], rows[1][0])
}

fn session(threads: usize) -> (Session, Receiver<Completion>) {
    let (sender, receiver) = channel();
    let on_complete = Box::new(move |completion| drop(sender.send(completion)));
    (
        Session::new(
            SessionConfig {
                codec: Codec::H264,
                threads,
            },
            on_complete,
        )
        .unwrap(),
        receiver,
    )
}

fn next(receiver: &Receiver<Completion>) -> Completion {
    let completion = receiver.recv_timeout(LIMIT).expect("a completion");
    assert_eq!(completion.error, None, "{completion:?}");
    completion
}

#[test]
fn the_frame_comes_with_the_second_field() {
    for threads in [1, 2, 4] {
        let (session, receiver) = session(threads);
        for i in 0..8u16 {
            let timestamp = 100 + u64::from(i);
            session
                .submit(picture(timestamp, i, TOP, 10 + i as u8))
                .unwrap();
            session
                .submit(picture(timestamp, i, BOTTOM, 110 + i as u8))
                .unwrap();
        }
        session.flush();
        for i in 0..8 {
            assert!(next(&receiver).frame.is_none());
            let second = next(&receiver);
            assert_eq!(second.timestamp, 100 + u64::from(i));
            assert_eq!(
                values(&second.frame.unwrap()),
                (10 + i, 110 + i),
                "{threads} threads"
            );
        }
    }
}

#[test]
fn waiting_between_the_fields_neither_hangs_nor_spoils_the_frame() {
    for threads in [1, 2, 4] {
        let (session, receiver) = session(threads);
        for i in 0..8u16 {
            let timestamp = 100 + u64::from(i);
            let first = session
                .submit(picture(timestamp, i, TOP, 10 + i as u8))
                .unwrap();
            session.kick(first);
            assert!(next(&receiver).frame.is_none());
            let second = session
                .submit(picture(timestamp, i, BOTTOM, 110 + i as u8))
                .unwrap();
            session.kick(second);
            let frame = next(&receiver).frame.unwrap();
            assert_eq!(
                values(&frame),
                (10 + i as u8, 110 + i as u8),
                "{threads} threads"
            );
        }
    }
}

#[test]
fn a_field_without_a_second_brings_its_frame() {
    for threads in [1, 2, 4] {
        let (session, receiver) = session(threads);
        session.submit(picture(100, 0, TOP, 10)).unwrap();
        session.submit(picture(101, 1, FRAME, 20)).unwrap();
        session.submit(picture(102, 2, TOP, 30)).unwrap();
        session.submit(picture(103, 3, TOP, 40)).unwrap();
        session.submit(picture(103, 3, BOTTOM, 50)).unwrap();
        session.flush();
        let first = next(&receiver).frame.unwrap();
        assert_eq!(
            first.buffer.plane(0).unwrap().data[0],
            10,
            "{threads} threads"
        );
        assert_eq!(
            values(&next(&receiver).frame.unwrap()),
            (20, 20),
            "{threads} threads"
        );
        let lone = next(&receiver).frame.unwrap();
        assert_eq!(
            lone.buffer.plane(0).unwrap().data[0],
            30,
            "{threads} threads"
        );
        assert!(next(&receiver).frame.is_none());
        assert_eq!(
            values(&next(&receiver).frame.unwrap()),
            (40, 50),
            "{threads} threads"
        );
    }
}

#[test]
fn a_cut_field_is_reported() {
    for threads in [1, 3] {
        for cut in [0, 1] {
            let mut pictures: Vec<Picture> = (0..4u16)
                .flat_map(|i| {
                    let timestamp = 100 + u64::from(i);
                    [
                        picture(timestamp, i, TOP, 10),
                        picture(timestamp, i, BOTTOM, 20),
                    ]
                })
                .collect();
            pictures[2 + cut].bitstream.truncate(200);
            let stream = Stream {
                pictures,
                visible: Vec::new(),
            };
            let (session, receiver) = start(&stream, threads);
            for picture in &stream.pictures {
                session.submit(picture.clone()).unwrap();
            }
            session.flush();
            for i in 0..8 {
                let (completion, _) = receiver.recv_timeout(LIMIT).expect("a completion");
                let damaged = i == 2 + cut;
                assert!(
                    damaged == completion.error.is_some(),
                    "{threads} threads: {completion:?}"
                );
            }
        }
    }
}
