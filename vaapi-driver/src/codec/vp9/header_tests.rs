// SPDX-License-Identifier: BSD-2-Clause
//! Uncompressed headers written bit by bit.

use super::header::{Context, Header, State, parse};
use crate::codec::CodecError;
use v4l2_common::{bits::BitWriter, uapi::vp9::*};

const CONTEXT: Context = Context {
    size: (352, 288),
    bit_depth: 8,
};

/// Writes headers in the order of clause 6.2.
struct Writer(BitWriter);

impl Writer {
    fn new(profile: u32) -> Self {
        let mut w = BitWriter::new();
        w.bits(2, 2);
        w.bits(profile & 1, 1);
        w.bits(profile >> 1, 1);
        w.bits(0, 1); // show_existing_frame
        Self(w)
    }

    fn b(mut self, value: u32, n: u32) -> Self {
        self.0.bits(value, n);
        self
    }

    fn signed(self, value: i32, n: u32) -> Self {
        self.b(value.unsigned_abs(), n).b(u32::from(value < 0), 1)
    }

    fn sync(self) -> Self {
        self.b(0x49_83_42, 24)
    }

    fn size(self, width: u32, height: u32) -> Self {
        self.b(width - 1, 16).b(height - 1, 16)
    }

    /// Key frame of profile 0 up to its render size.
    fn key(width: u32, height: u32) -> Self {
        Writer::new(0)
            .b(0b010, 3)
            .sync()
            .b(2, 3)
            .b(0, 1)
            .size(width, height)
            .b(0, 1)
            .context(1, 0, 0)
    }

    /// Inter frame whose size is that of its first reference, up to `frame_context_idx`.
    fn inter(profile: u32) -> Self {
        Writer::new(profile)
            .b(0b110, 3)
            .b(0, 2)
            .refs()
            .b(1, 1)
            .b(0, 1)
            .b(1, 1)
            .b(0b001, 3)
            .context(1, 0, 2)
    }

    /// refresh_frame_flags and LAST = 3, GOLDEN = 5 with sign bias, ALTREF = 0.
    fn refs(self) -> Self {
        self.b(0x21, 8)
            .b(3, 3)
            .b(0, 1)
            .b(5, 3)
            .b(1, 1)
            .b(0, 3)
            .b(0, 1)
    }

    fn context(self, refresh: u32, parallel: u32, index: u32) -> Self {
        self.b(refresh, 1).b(parallel, 1).b(index, 2)
    }

    /// Filter level 10, no delta update; base_q_idx 50; no segmentation.
    fn plain(self) -> Self {
        self.b(10, 6).b(3, 3).b(0b10, 2).b(50, 8).b(0, 3).b(0, 1)
    }

    /// One tile (below 512 wide), a compressed header of `size` bytes, and that many bytes.
    fn finish(self, size: u32) -> Vec<u8> {
        let mut w = self.b(0, 1).b(size, 16).0;
        w.byte_align();
        let mut data = w.finish();
        data.resize(data.len() + size as usize, 0x11);
        data
    }
}

fn ok(data: &[u8], state: &State) -> Header {
    parse(data, state, &CONTEXT).unwrap()
}

/// A key frame that sets all that can persist.
fn loaded_key_frame() -> Vec<u8> {
    let mut w = Writer::key(352, 288).b(63, 6).b(7, 3).b(0b11, 2);
    for delta in [5, -63, 0, 7, -1, 63] {
        w = w.b(1, 1).signed(delta, 6);
    }
    w = w
        .b(200, 8)
        .b(1, 1)
        .signed(-15, 4)
        .b(0, 1)
        .b(1, 1)
        .signed(15, 4);
    w = w.b(0b11, 2);
    for prob in [1, 2, 3, 4, 5, 6] {
        w = w.b(1, 1).b(prob, 8);
    }
    w = w.b(0, 1).b(1, 1).b(1, 1).b(77, 8).b(0, 1).b(1, 1).b(255, 8);
    w = w.b(0b11, 2);
    w = w
        .b(1, 1)
        .signed(-255, 8)
        .b(1, 1)
        .signed(63, 6)
        .b(1, 1)
        .b(3, 2)
        .b(1, 1);
    for _ in 1..8 {
        w = w.b(0, 4);
    }
    w.finish(9)
}

#[test]
fn every_field_of_a_key_frame() {
    let data = loaded_key_frame();
    let Header {
        frame: f,
        ref_frame_idx,
        lossless,
        ..
    } = ok(&data, &State::default());
    assert_eq!(ref_frame_idx, None);
    assert!(!lossless);
    assert_eq!((f.profile, f.bit_depth), (0, 8));
    assert_eq!((f.frame_width_minus_1, f.frame_height_minus_1), (351, 287));
    assert_eq!((f.lf.level, f.lf.sharpness, f.lf.flags), (63, 7, 3));
    assert_eq!(
        (f.lf.ref_deltas, f.lf.mode_deltas),
        ([5, -63, 0, 7], [-1, 63])
    );
    assert_eq!((f.quant.base_q_idx, f.quant.delta_q_y_dc), (200, -15));
    assert_eq!((f.quant.delta_q_uv_dc, f.quant.delta_q_uv_ac), (0, 15));
    assert_eq!(f.seg.flags, 0x1f);
    assert_eq!(
        (f.seg.tree_probs, f.seg.pred_probs),
        ([1, 2, 3, 4, 5, 6, 255], [77, 255, 255])
    );
    assert_eq!(
        (f.seg.feature_data[0], f.seg.feature_enabled[0]),
        ([-255, 63, 3, 0], 0xf)
    );
    assert_eq!(f.seg.feature_enabled[1..], [0; 7]);
    assert_eq!(usize::from(f.uncompressed_header_size) + 9, data.len());
    assert_eq!(f.compressed_header_size, 9);
    let flags = V4L2_VP9_FRAME_FLAG_KEY_FRAME
        | V4L2_VP9_FRAME_FLAG_SHOW_FRAME
        | V4L2_VP9_FRAME_FLAG_REFRESH_FRAME_CTX
        | V4L2_VP9_FRAME_FLAG_X_SUBSAMPLING
        | V4L2_VP9_FRAME_FLAG_Y_SUBSAMPLING;
    assert_eq!(f.flags, flags);
}

#[test]
fn state_persists_until_past_independence() {
    let key = ok(&loaded_key_frame(), &State::default());
    let inter = ok(&Writer::inter(0).plain().finish(1), &key.state);
    assert_eq!(inter.ref_frame_idx, Some([3, 5, 0]));
    let f = inter.frame;
    assert_eq!(
        (f.lf.ref_deltas, f.lf.mode_deltas, f.lf.flags),
        ([5, -63, 0, 7], [-1, 63], 1)
    );
    // Not enabled here, but what is stored stays for a later frame that enables it.
    assert_eq!(f.seg.flags, V4L2_VP9_SEGMENTATION_FLAG_ABS_OR_DELTA_UPDATE);
    assert_eq!(
        (f.seg.feature_data, f.seg.tree_probs),
        (key.frame.seg.feature_data, key.frame.seg.tree_probs)
    );
    assert_eq!((f.frame_width_minus_1, f.frame_height_minus_1), (351, 287));
    assert_eq!(
        (f.ref_frame_sign_bias, f.interpolation_filter),
        (V4L2_VP9_SIGN_BIAS_GOLDEN, 0)
    );
    assert_eq!(f.frame_context_idx, 2);
    assert_ne!(f.flags & V4L2_VP9_FRAME_FLAG_ALLOW_HIGH_PREC_MV, 0);
    assert_eq!(inter.state, key.state);

    let resilient = Writer::new(0)
        .b(0b111, 3)
        .refs()
        .b(0b000, 3)
        .size(16, 8)
        .b(1, 1)
        .size(640, 480);
    let reset = ok(
        &resilient.b(0, 1).b(1, 1).b(3, 2).plain().finish(1),
        &inter.state,
    );
    let f = reset.frame;
    assert_eq!(
        (f.lf.ref_deltas, f.lf.mode_deltas),
        ([1, 0, -1, -1], [0, 0])
    );
    assert_eq!(
        (f.seg.feature_data, f.seg.feature_enabled, f.seg.flags),
        ([[0; 4]; 8], [0; 8], 0)
    );
    assert_eq!((f.frame_width_minus_1, f.frame_height_minus_1), (15, 7));
    assert_eq!(
        (f.render_width_minus_1, f.render_height_minus_1),
        (639, 479)
    );
    assert_eq!(
        (f.frame_context_idx, f.interpolation_filter),
        (3, V4L2_VP9_INTERP_FILTER_SWITCHABLE)
    );
    assert_ne!(f.flags & V4L2_VP9_FRAME_FLAG_ERROR_RESILIENT, 0);
    assert_ne!(f.flags & V4L2_VP9_FRAME_FLAG_PARALLEL_DEC_MODE, 0);
    assert_eq!(f.flags & V4L2_VP9_FRAME_FLAG_REFRESH_FRAME_CTX, 0);
}

#[test]
fn intra_only_frames_of_both_profiles() {
    let modes = [(0, 0), (1, 0), (2, 1), (3, 2)];
    for (coded, control) in modes {
        let w = Writer::new(0)
            .b(0b100, 3)
            .b(1, 1)
            .b(coded, 2)
            .sync()
            .b(0xff, 8)
            .size(8192, 1)
            .b(0, 1);
        // 128 superblocks wide: one to five increments of tile_cols_log2 from 1; three here.
        let data = w.context(0, 1, 1).plain().b(0b110, 3).finish(1);
        let header = ok(&data, &State::default());
        assert_eq!(header.frame.reset_frame_context, control);
        assert_eq!(header.frame.tile_cols_log2, 3);
        assert_eq!((header.frame.bit_depth, header.ref_frame_idx), (8, None));
        assert_ne!(header.frame.flags & V4L2_VP9_FRAME_FLAG_INTRA_ONLY, 0);
        assert_eq!(
            (
                header.frame.frame_width_minus_1,
                header.frame.frame_height_minus_1
            ),
            (8191, 0)
        );
    }
    let w = Writer::new(2)
        .b(0b100, 3)
        .b(1, 1)
        .b(0, 2)
        .sync()
        .b(0, 1)
        .b(1, 3)
        .b(1, 1)
        .b(1, 8)
        .size(1, 1)
        .b(0, 1);
    let intra = ok(&w.context(0, 0, 0).plain().finish(1), &State::default());
    assert_eq!(intra.frame.bit_depth, 10);
    let inter = ok(&Writer::inter(2).plain().finish(1), &intra.state);
    assert_eq!(inter.frame.bit_depth, 10);
    assert_ne!(
        inter.frame.flags & V4L2_VP9_FRAME_FLAG_COLOR_RANGE_FULL_SWING,
        0
    );
}

#[test]
fn a_stream_entered_at_an_inter_frame_takes_its_depth_from_va() {
    let data = Writer::inter(2).plain().finish(1);
    let parse_with = |bit_depth| {
        parse(
            &data,
            &State::default(),
            &Context {
                bit_depth,
                ..CONTEXT
            },
        )
    };
    assert_eq!(parse_with(10).unwrap().frame.bit_depth, 10);
    assert!(matches!(parse_with(12), Err(CodecError::Unsupported(_))));
    assert!(matches!(parse_with(8), Err(CodecError::Invalid(_))));
}

#[test]
fn lossless_is_seen() {
    let quant = |q, delta: i32| {
        let w = Writer::key(64, 64)
            .b(0, 6)
            .b(0, 3)
            .b(0, 1)
            .b(q, 8)
            .b(0, 1)
            .b(1, 1)
            .signed(delta, 4)
            .b(0, 1)
            .b(0, 1);
        ok(&w.finish(1), &State::default()).lossless
    };
    assert_eq!(
        (quant(0, 0), quant(1, 0), quant(0, -1)),
        (true, false, false)
    );
}

#[test]
fn what_daedalus_cannot_decode_is_named() {
    let error = |data: Vec<u8>| parse(&data, &State::default(), &CONTEXT).unwrap_err();
    let unsupported = |data| matches!(error(data), CodecError::Unsupported(_));
    let invalid = |data| matches!(error(data), CodecError::Invalid(_));
    assert!(unsupported(Writer::new(1).finish(1)));
    assert!(unsupported(Writer::new(3).finish(1)));
    assert!(unsupported(
        Writer::new(2).b(0b010, 3).sync().b(1, 1).finish(1)
    ));
    assert!(unsupported(Writer::key(8193, 16).plain().finish(1)));
    assert!(unsupported(Writer::key(16, 65536).plain().finish(1)));
    assert!(invalid(Writer::new(0).b(0b010, 3).sync().b(7, 3).finish(1)));
    assert!(invalid(
        Writer::new(0).b(0b010, 3).b(0x49_83_43, 24).finish(1)
    ));
    assert!(invalid(Writer::key(16, 16).plain().finish(0)));
    assert!(invalid(vec![0x88]));
    assert!(invalid(vec![0x40; 40]));
}

#[test]
fn damage_is_an_error_and_never_a_panic() {
    let data = loaded_key_frame();
    for length in 0..data.len() {
        assert!(
            parse(&data[..length], &State::default(), &CONTEXT).is_err(),
            "{length} bytes"
        );
    }
    let mut seed = 3u32;
    for round in 0..200_000 {
        let mut damaged = data.clone();
        for _ in 0..1 + round % 4 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = seed as usize % damaged.len();
            damaged[at] ^= (seed >> 24) as u8;
        }
        if let Ok(header) = parse(&damaged, &State::default(), &CONTEXT) {
            let f = header.frame;
            assert!(f.frame_width_minus_1 < 8192 && f.frame_height_minus_1 < 8192);
            let headers =
                usize::from(f.uncompressed_header_size) + usize::from(f.compressed_header_size);
            assert!(headers <= damaged.len());
        }
    }
}
