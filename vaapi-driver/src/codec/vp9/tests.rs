// SPDX-License-Identifier: BSD-2-Clause
//! VP9 frames through the whole translator.

use super::*;
use std::collections::HashMap;
use va_sys::to_bytes;

/// 48x40, 13 frames of which the second is hidden, adaptive quantisation by segments:
/// `ffmpeg -f lavfi -i testsrc2=s=320x180:r=25 -vf "zoompan=z='1+0.02*on':d=1:s=48x40:x='iw/3':y='ih/3',format=yuv420p"
/// -frames:v 12 a.y4m && vpxenc --codec=vp9 --ivf --passes=2 --lag-in-frames=16 --auto-alt-ref=1 --frame-parallel=0
/// --aq-mode=1 --end-usage=vbr --target-bitrate=10 --min-q=30 --max-q=63 --threads=1 -o aq.ivf a.y4m`
const AQ: &[u8] = include_bytes!("testdata/aq.ivf");

/// Frames of an IVF file, superframes (VP9 specification, annex B) taken apart.
fn frames(ivf: &[u8]) -> Vec<&[u8]> {
    let mut rest = &ivf[32..];
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let size = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
        let mut packet = &rest[12..12 + size];
        rest = &rest[12 + size..];
        let marker = usize::from(packet[size - 1]);
        let (count, width) = ((marker & 7) + 1, (marker >> 3 & 3) + 1);
        let index = packet
            .get(size.wrapping_sub(2 + count * width)..)
            .unwrap_or_default();
        if marker >> 5 == 0b110 && index.first() == packet.last() {
            for bytes in index[1..=count * width].chunks(width) {
                let size = bytes
                    .iter()
                    .rev()
                    .fold(0, |value, &byte| value << 8 | usize::from(byte));
                frames.push(&packet[..size]);
                packet = &packet[size..];
            }
        } else {
            frames.push(packet);
        }
    }
    frames
}

#[derive(Default)]
struct Timestamps(HashMap<VASurfaceID, u64>);

impl Surfaces for Timestamps {
    fn timestamp(&self, surface: VASurfaceID) -> Option<u64> {
        self.0.get(&surface).copied()
    }
}

fn buffer(kind: u32, data: Vec<u8>) -> RenderedBuffer {
    RenderedBuffer {
        kind,
        element_size: data.len(),
        elements: 1,
        data,
    }
}

/// The buffers that a client would render: the parameters come from the frame's header.
fn buffers(frame: &[u8], header: &Header, references: [VASurfaceID; 8]) -> Vec<RenderedBuffer> {
    let f = &header.frame;
    let mut picture: VADecPictureParameterBufferVP9 = read_element(&[0; 512], 512, 0).unwrap();
    picture.frame_width = f.frame_width_minus_1 + 1;
    picture.frame_height = f.frame_height_minus_1 + 1;
    picture.reference_frames = references;
    picture.log2_tile_rows = f.tile_rows_log2;
    picture.log2_tile_columns = f.tile_cols_log2;
    picture.frame_header_length_in_bytes = f.uncompressed_header_size as u8;
    picture.first_partition_size = f.compressed_header_size;
    picture.profile = f.profile;
    picture.bit_depth = f.bit_depth;
    let mut bits = picture.pic_bits();
    bits.set_frame_type(u32::from(f.flags & V4L2_VP9_FRAME_FLAG_KEY_FRAME == 0));
    bits.set_show_frame(u32::from(f.flags & V4L2_VP9_FRAME_FLAG_SHOW_FRAME != 0));
    bits.set_error_resilient_mode(u32::from(
        f.flags & V4L2_VP9_FRAME_FLAG_ERROR_RESILIENT != 0,
    ));
    let [last, golden, alt] = header.ref_frame_idx.unwrap_or_default();
    bits.set_last_ref_frame(last.into());
    bits.set_golden_ref_frame(golden.into());
    bits.set_alt_ref_frame(alt.into());
    picture.pic_fields.bits = bits;
    let mut slice: VASliceParameterBufferVP9 = read_element(&[0; 1024], 1024, 0).unwrap();
    slice.slice_data_size = frame.len() as u32;
    vec![
        buffer(VAPictureParameterBufferType, to_bytes(&picture)),
        buffer(VASliceParameterBufferType, to_bytes(&slice)),
        buffer(VASliceDataBufferType, frame.to_vec()),
    ]
}

/// Edits the picture parameters inside `buffers`.
fn edit(buffers: &mut [RenderedBuffer], change: impl FnOnce(&mut VADecPictureParameterBufferVP9)) {
    let mut picture = picture_parameters(buffers).unwrap();
    change(&mut picture);
    buffers[0].data = to_bytes(&picture);
}

const REFERENCES: [VASurfaceID; 8] = [10, 11, 12, 13, 14, VA_INVALID_SURFACE, 11, 12];

struct Client {
    translator: Vp9Translator,
    surfaces: Timestamps,
}

impl Client {
    fn new() -> Self {
        let surfaces = Timestamps([(10, 1000), (11, 1100), (12, 1200)].into());
        Self {
            translator: Vp9Translator::new(),
            surfaces,
        }
    }

    fn header(&self, frame: &[u8]) -> Header {
        header::parse(
            frame,
            &self.translator.state,
            &header::Context {
                size: (48, 40),
                bit_depth: 8,
            },
        )
        .unwrap()
    }

    fn translate(&mut self, buffers: &[RenderedBuffer]) -> Result<Picture, CodecError> {
        let profile = VAProfileVP9Profile0;
        let input = PictureInput {
            profile,
            target: 1,
            timestamp: 5,
            buffers,
            surfaces: &self.surfaces,
        };
        let translation = self.translator.translate(&input)?;
        let [submission] = <[Submission; 1]>::try_from(translation.submissions).unwrap();
        assert!(submission.output);
        Ok(submission.picture)
    }

    fn frame(&mut self, frame: &[u8]) -> Picture {
        let buffers = buffers(frame, &self.header(frame), REFERENCES);
        self.translate(&buffers).unwrap()
    }
}

fn controls(picture: &Picture) -> &Vp9Controls {
    match &picture.controls {
        Controls::Vp9(controls) => controls,
        other => panic!("{other:?}"),
    }
}

/// Expected values are those of FFmpeg's `trace_headers` for this file.
#[test]
fn a_whole_stream_keeps_its_state() {
    let frames = frames(AQ);
    assert_eq!(frames.len(), 13);
    let mut client = Client::new();
    let pictures: Vec<Picture> = frames.iter().map(|frame| client.frame(frame)).collect();
    let all: Vec<_> = pictures
        .iter()
        .map(|picture| controls(picture).frame)
        .collect();

    let levels = [12, 36, 24, 29, 17, 33, 46, 35, 40, 30, 24, 15, 0];
    let q = [
        130, 175, 205, 209, 217, 225, 239, 240, 251, 244, 240, 240, 240,
    ];
    assert_eq!(all.iter().map(|f| f.lf.level).collect::<Vec<_>>(), levels);
    assert_eq!(
        all.iter().map(|f| f.quant.base_q_idx).collect::<Vec<_>>(),
        q
    );
    let sizes = [(32, 12), (30, 6), (11, 3), (11, 3)];
    assert_eq!(
        all[..4]
            .iter()
            .map(|f| (f.uncompressed_header_size, f.compressed_header_size))
            .collect::<Vec<_>>(),
        sizes
    );
    let filters = [4, 0, 0, 0, 2, 2, 2, 2, 0, 2, 2, 0];
    assert_eq!(
        all[1..]
            .iter()
            .map(|f| f.interpolation_filter)
            .collect::<Vec<_>>(),
        filters
    );
    for f in &all {
        assert_eq!((f.frame_width_minus_1, f.frame_height_minus_1), (47, 39));
        assert_eq!((f.render_width_minus_1, f.render_height_minus_1), (47, 39));
        assert_eq!(
            (f.lf.ref_deltas, f.lf.mode_deltas),
            ([1, 0, -1, -1], [0, 0])
        );
        assert_eq!(f.flags & V4L2_VP9_FRAME_FLAG_PARALLEL_DEC_MODE, 0);
        assert_ne!(f.flags & V4L2_VP9_FRAME_FLAG_REFRESH_FRAME_CTX, 0);
        assert_ne!(f.seg.flags & V4L2_VP9_SEGMENTATION_FLAG_ENABLED, 0);
    }
    // The key frame states one set of features, the hidden frame another, which the rest inherit.
    assert_eq!(all[0].seg.tree_probs, [165, 1, 255, 128, 255, 255, 128]);
    assert_eq!(all[0].seg.pred_probs, [255; 3]);
    assert_eq!(
        all[0].seg.feature_data.map(|data| data[0]),
        [-10, -10, -10, 0, 18, 0, 0, 0]
    );
    assert_eq!(all[1].seg.tree_probs, [255, 1, 128, 128, 1, 128, 128]);
    assert_eq!(all[1].seg.pred_probs, [171, 85, 1]);
    for f in &all[1..] {
        assert_eq!(
            f.seg.feature_data.map(|data| data[0]),
            [-52, -39, -22, 0, 16, 0, 0, 0]
        );
        assert_eq!(f.seg.feature_enabled, [1, 1, 1, 0, 1, 0, 0, 0]);
    }
    assert_eq!(all[2].seg.flags, V4L2_VP9_SEGMENTATION_FLAG_ENABLED);
    assert_eq!(all[2].ref_frame_sign_bias, V4L2_VP9_SIGN_BIAS_ALT);
    assert_eq!(all[1].flags & V4L2_VP9_FRAME_FLAG_SHOW_FRAME, 0);
    for (picture, frame) in pictures.iter().zip(&frames) {
        assert_eq!(picture.bitstream, *frame);
        assert_eq!(picture.timestamp, 5);
    }
    assert_eq!(
        (
            all[1].last_frame_ts,
            all[1].golden_frame_ts,
            all[1].alt_frame_ts
        ),
        (1000, 1100, 1200)
    );
    assert_eq!(
        (
            all[0].last_frame_ts,
            all[0].golden_frame_ts,
            all[0].alt_frame_ts
        ),
        (0, 0, 0)
    );
}

/// A desynchronised bool decoder would leave bytes over or read past the end.
#[test]
fn compressed_headers_are_consumed_whole() {
    let mut client = Client::new();
    for (index, frame) in frames(AQ).into_iter().enumerate() {
        let header = client.header(frame);
        let control = *controls(&client.frame(frame))
            .compressed_hdr
            .clone()
            .unwrap();
        let start = usize::from(header.frame.uncompressed_header_size);
        let data = &frame[start..start + usize::from(header.frame.compressed_header_size)];
        let depends = compressed::Dependencies {
            intra: index == 0,
            switchable_filter: header.frame.interpolation_filter
                == V4L2_VP9_INTERP_FILTER_SWITCHABLE,
            high_precision_mv: header.frame.flags & V4L2_VP9_FRAME_FLAG_ALLOW_HIGH_PREC_MV != 0,
            compound_allowed: header.frame.ref_frame_sign_bias != 0,
            lossless: false,
        };
        let parsed = compressed::parse(data, &depends).unwrap();
        assert_eq!(parsed.control, control, "frame {index}");
        assert!(parsed.consumed_bits <= data.len() * 8, "frame {index}");
        assert!(
            parsed.consumed_bits + 24 > data.len() * 8,
            "frame {index}: {} of {}",
            parsed.consumed_bits,
            data.len() * 8
        );
    }
}

#[test]
fn contradictions_are_refused_and_change_no_state() {
    let frames = frames(AQ);
    let mut client = Client::new();
    client.frame(frames[0]);
    let before = client.translator.state.clone();
    let good = buffers(frames[1], &client.header(frames[1]), REFERENCES);
    type Change = (&'static str, fn(&mut VADecPictureParameterBufferVP9));
    let changes: [Change; 5] = [
        ("bit_depth", |p| p.bit_depth = 10),
        ("first_partition_size", |p| p.first_partition_size += 1),
        ("frame_header_length_in_bytes", |p| {
            p.frame_header_length_in_bytes = 0
        }),
        ("log2_tile_rows", |p| p.log2_tile_rows = 2),
        ("frame of 0x40", |p| p.frame_width = 0),
    ];
    for (name, change) in changes {
        let mut bad = good.clone();
        edit(&mut bad, change);
        let error = client.translate(&bad).unwrap_err();
        assert!(
            matches!(&error, CodecError::Invalid(message) if message.contains(name)),
            "{name}: {error}"
        );
        assert_eq!(client.translator.state, before, "{name}");
    }
    let mut bad = buffers(frames[0], &client.header(frames[0]), REFERENCES);
    edit(&mut bad, |p| p.frame_width = 50);
    assert_eq!(
        client.translate(&bad),
        Err(CodecError::Invalid(
            "VP9 frame_width: 48 in the frame, 50 in VA".into()
        ))
    );
    let surfaces = Timestamps::default();
    let input = PictureInput {
        profile: VAProfileVP9Profile2,
        target: 1,
        timestamp: 5,
        buffers: &good,
        surfaces: &surfaces,
    };
    assert!(client.translator.translate(&input).is_err());
    assert!(client.translate(&good).is_ok());
}

#[test]
fn references_that_are_not_there_are_zero() {
    let frames = frames(AQ);
    let mut client = Client::new();
    client.frame(frames[0]);
    let mut references = REFERENCES;
    (references[0], references[1]) = (VA_INVALID_SURFACE, 99);
    let buffers = buffers(frames[1], &client.header(frames[1]), references);
    assert_eq!(client.translator.references(&buffers), [99, 12, 13, 14, 11]);
    let f = controls(&client.translate(&buffers).unwrap()).frame;
    assert_eq!(
        (f.last_frame_ts, f.golden_frame_ts, f.alt_frame_ts),
        (0, 0, 1200)
    );
    assert_eq!(client.translator.references(&[]), [] as [VASurfaceID; 0]);
}

#[test]
fn slice_data_is_found_at_its_offset_and_in_pieces() {
    let frame = frames(AQ)[0];
    let mut client = Client::new();
    let whole = buffers(frame, &client.header(frame), REFERENCES);
    let slice_of = |offset: usize, size: usize| {
        let mut slice: VASliceParameterBufferVP9 =
            read_element(&whole[1].data, whole[1].element_size, 0).unwrap();
        (slice.slice_data_offset, slice.slice_data_size) = (offset as u32, size as u32);
        slice
    };
    let with = |slices: &[VASliceParameterBufferVP9], data: &[Vec<u8>]| {
        let mut all = vec![whole[0].clone()];
        let bytes: Vec<u8> = slices.iter().flat_map(to_bytes).collect();
        let element_size = bytes.len() / slices.len();
        all.push(RenderedBuffer {
            kind: VASliceParameterBufferType,
            element_size,
            elements: slices.len(),
            data: bytes,
        });
        all.extend(
            data.iter()
                .map(|data| buffer(VASliceDataBufferType, data.clone())),
        );
        all
    };
    let cut = 20;
    let shifted = [&[0xaa; 7], frame].concat();
    let good = [
        with(&[slice_of(7, frame.len())], std::slice::from_ref(&shifted)),
        with(
            &[slice_of(0, cut), slice_of(cut, frame.len() - cut)],
            &[frame.to_vec()],
        ),
        with(
            &[slice_of(0, cut), slice_of(0, frame.len() - cut)],
            &[frame[..cut].to_vec(), frame[cut..].to_vec()],
        ),
    ];
    for buffers in good {
        assert_eq!(client.translate(&buffers).unwrap().bitstream, frame);
    }
    let bad = [
        with(&[slice_of(8, frame.len())], &[shifted]),
        with(&[slice_of(usize::MAX, usize::MAX)], &[frame.to_vec()]),
        with(&[slice_of(0, frame.len()); 2], &[frame.to_vec()]),
        with(&[slice_of(0, frame.len())], &[]),
        with(&[slice_of(0, cut)], &[frame.to_vec()]),
        vec![whole[0].clone(), whole[2].clone()],
        whole[1..].to_vec(),
    ];
    for (index, buffers) in bad.iter().enumerate() {
        assert!(client.translate(buffers).is_err(), "{index}");
    }
    let mut short = whole.clone();
    short[0].element_size = 20;
    assert_eq!(
        client.translate(&short),
        Err(CodecError::MissingBuffer("VADecPictureParameterBufferVP9"))
    );
}
