// SPDX-License-Identifier: BSD-2-Clause
//! The translator as a whole: VA buffers in, pictures out.

use super::test_slices::*;
use super::*;
use v4l2_common::uapi::h264::*;

mod input;

/// Buffers of a picture with one slice.
fn one_slice(
    syntax: &Syntax,
    params: &VAPictureParameterBufferH264,
    slice: &TestSlice,
) -> Vec<RenderedBuffer> {
    let (nal, _) = slice.write(syntax);
    vec![
        buffer(VAPictureParameterBufferType, params),
        buffer(VASliceParameterBufferType, &slice_params(&nal)),
        data(&nal),
    ]
}

fn translate_at(
    translator: &mut H264Translator,
    target: VASurfaceID,
    timestamp: u64,
    buffers: &[RenderedBuffer],
) -> Result<Picture, CodecError> {
    let input = PictureInput {
        profile: VAProfileH264Main,
        target,
        timestamp,
        buffers,
        surfaces: &TestSurfaces,
    };
    let mut translation = translator.translate(&input)?;
    assert_eq!(
        (translation.submissions.len(), translation.display),
        (1, None)
    );
    let submission = translation.submissions.remove(0);
    assert!(submission.output && submission.picture.timestamp == timestamp);
    Ok(submission.picture)
}

fn translate(buffers: &[RenderedBuffer]) -> Result<H264Controls, CodecError> {
    translate_at(&mut H264Translator::new(), 1, 1000, buffers).map(controls)
}

fn controls(picture: Picture) -> H264Controls {
    match picture.controls {
        Controls::H264(controls) => *controls,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_idr_picture_is_complete() {
    let syntax = Syntax {
        bottom_field_pic_order_in_frame_present: true,
        deblocking_filter_control_present: true,
        cabac: true,
        ..syntax()
    };
    let mut params = picture_params(&syntax);
    params.CurrPic = reference(1, 0, [4, 1], 0);
    (params.pic_init_qp_minus26, params.chroma_qp_index_offset) = (-3, 2);
    params.second_chroma_qp_index_offset = -2;
    let slice = TestSlice {
        idr: true,
        nal_ref_idc: 3,
        pps_id: 9,
        idr_pic_id: 5,
        poc_lsb: 0xfe,
        delta_poc_bottom: -3,
        qp_delta: 7,
        ..TestSlice::default()
    };
    let mut iq = VAIQMatrixBufferH264 {
        ScalingList4x4: [[16; 16]; 6],
        ScalingList8x8: [[16; 64]; 2],
        ..Default::default()
    };
    (iq.ScalingList4x4[5][1], iq.ScalingList8x8[1][63]) = (77, 88);
    let mut buffers = one_slice(&syntax, &params, &slice);
    buffers.insert(1, buffer(VAIQMatrixBufferType, &iq));
    let picture = translate_at(&mut H264Translator::new(), 1, 1000, &buffers).unwrap();
    let (nal, end) = slice.write(&syntax);
    assert_eq!(picture.bitstream, [&[0, 0, 1], &nal[..]].concat());
    let got = controls(picture);

    let sps = got.sps;
    assert_eq!(
        (sps.profile_idc, sps.level_idc, sps.chroma_format_idc),
        (100, 10, 1)
    );
    assert_eq!(
        (
            sps.pic_width_in_mbs_minus1,
            sps.pic_height_in_map_units_minus1
        ),
        (1, 1)
    );
    assert_eq!(
        (
            sps.log2_max_frame_num_minus4,
            sps.log2_max_pic_order_cnt_lsb_minus4
        ),
        (0, 4)
    );
    assert_eq!((sps.pic_order_cnt_type, sps.max_num_ref_frames), (0, 4));
    assert_eq!(
        sps.flags,
        V4L2_H264_SPS_FLAG_FRAME_MBS_ONLY | V4L2_H264_SPS_FLAG_DIRECT_8X8_INFERENCE
    );
    let pps = got.pps;
    assert_eq!((pps.pic_parameter_set_id, pps.pic_init_qp_minus26), (9, -3));
    assert_eq!(
        (
            pps.chroma_qp_index_offset,
            pps.second_chroma_qp_index_offset
        ),
        (2, -2)
    );
    assert_eq!(
        pps.flags,
        V4L2_H264_PPS_FLAG_ENTROPY_CODING_MODE
            | V4L2_H264_PPS_FLAG_BOTTOM_FIELD_PIC_ORDER_IN_FRAME_PRESENT
            | V4L2_H264_PPS_FLAG_DEBLOCKING_FILTER_CONTROL_PRESENT
            | V4L2_H264_PPS_FLAG_SCALING_MATRIX_PRESENT
    );
    let matrix = got.scaling_matrix.unwrap();
    assert_eq!(
        (
            matrix.scaling_list_4x4[5][1],
            matrix.scaling_list_8x8[1][63]
        ),
        (77, 88)
    );
    assert_eq!(
        (
            matrix.scaling_list_8x8[0][63],
            matrix.scaling_list_8x8[3][63]
        ),
        (16, 88)
    );
    let decode = got.decode_params;
    assert_eq!(
        (decode.nal_ref_idc, decode.frame_num, decode.idr_pic_id),
        (3, 0, 5)
    );
    assert_eq!(
        (decode.top_field_order_cnt, decode.bottom_field_order_cnt),
        (4, 1)
    );
    assert_eq!(
        (decode.pic_order_cnt_lsb, decode.delta_pic_order_cnt_bottom),
        (0xfe, -3)
    );
    assert_eq!(
        (
            decode.pic_order_cnt_bit_size,
            decode.dec_ref_pic_marking_bit_size
        ),
        (8 + 5, 2)
    );
    assert_eq!(decode.flags, V4L2_H264_DECODE_PARAM_FLAG_IDR_PIC);
    assert_eq!(decode.dpb, <[v4l2_h264_dpb_entry; 16]>::default());
    let slice = &got.slices[0];
    assert_eq!((slice.offset, slice.size as usize), (0, nal.len() + 3));
    assert_eq!(slice.params.header_bit_size as usize, end);
    assert_eq!(
        (slice.params.slice_type, slice.params.slice_qp_delta),
        (V4L2_H264_SLICE_TYPE_I, 7)
    );
    assert_eq!(slice.params.disable_deblocking_filter_idc, 2);
    assert_eq!(
        (
            slice.params.slice_alpha_c0_offset_div2,
            slice.params.slice_beta_offset_div2
        ),
        (-3, 4)
    );
}

#[test]
fn references_become_dpb_entries_and_list_indices() {
    let syntax = Syntax {
        weighted_bipred_idc: 1,
        ..syntax()
    };
    let mut params = picture_params(&syntax);
    let short = |surface, frame_num, poc| {
        reference(
            surface,
            frame_num,
            [poc, poc],
            VA_PICTURE_H264_SHORT_TERM_REFERENCE,
        )
    };
    params.frame_num = 2;
    params.ReferenceFrames[0] = short(5, 1, 8);
    params.ReferenceFrames[1] = short(6, 15, -2);
    params.ReferenceFrames[3] = reference(7, 3, [0, 0], VA_PICTURE_H264_LONG_TERM_REFERENCE);
    params.ReferenceFrames[4] = short(200, 14, -4);
    let slice = TestSlice {
        slice_type: 1,
        frame_num: 2,
        num_ref_idx: Some([3, 0]),
        modifications: [vec![(0, 1), (2, 3)], vec![]],
        weights: Some(|w| {
            // Denominators 5 and 2; list 0: entry 1 has luma, entry 3 chroma weights; list 1: none.
            w.ue(5);
            w.ue(2);
            w.bits(0, 2);
            w.bit(true);
            w.se(-128);
            w.se(127);
            w.bit(false);
            w.bits(0, 2);
            w.bits(0b01, 2);
            (1..=4).for_each(|value| w.se(value));
            w.bits(0, 2);
        }),
        mmco: vec![vec![1, 0], vec![3, 4, 2], vec![4, 1], vec![6, 0]],
        ..TestSlice::default()
    };
    let (nal, _) = slice.write(&syntax);
    let mut va = slice_params(&nal);
    va.RefPicList0[0] = params.ReferenceFrames[1];
    va.RefPicList0[2] = params.ReferenceFrames[3];
    va.RefPicList0[3] = short(99, 0, 0);
    va.RefPicList0[4] = params.ReferenceFrames[0];
    va.RefPicList1[0] = params.ReferenceFrames[0];
    let buffers = [
        buffer(VAPictureParameterBufferType, &params),
        buffer(VASliceParameterBufferType, &va),
        data(&nal),
    ];
    assert_eq!(H264Translator::new().references(&buffers), [5, 6, 7, 200]);
    let got = translate(&buffers).unwrap();

    let used = V4L2_H264_DPB_ENTRY_FLAG_VALID | V4L2_H264_DPB_ENTRY_FLAG_ACTIVE;
    let entry = |reference_ts, frame_num, pic_num, poc, flags| v4l2_h264_dpb_entry {
        reference_ts,
        frame_num,
        pic_num,
        fields: V4L2_H264_FRAME_REF,
        top_field_order_cnt: poc,
        bottom_field_order_cnt: poc,
        flags,
        ..Default::default()
    };
    let dpb = got.decode_params.dpb;
    assert_eq!(dpb[0], entry(5000, 1, 1, 8, used));
    assert_eq!(dpb[1], entry(6000, 15, u32::MAX, -2, used));
    assert_eq!(dpb[2], v4l2_h264_dpb_entry::default());
    assert_eq!(
        dpb[3],
        entry(7000, 3, 3, 0, used | V4L2_H264_DPB_ENTRY_FLAG_LONG_TERM)
    );
    assert_eq!(dpb[4], entry(0, 14, -2i32 as u32, -4, used));
    assert_eq!(got.decode_params.flags, V4L2_H264_DECODE_PARAM_FLAG_BFRAME);

    let slice = &got.slices[0];
    let hole = v4l2_h264_reference {
        fields: 0,
        index: 0xff,
    };
    let frame = |index| v4l2_h264_reference {
        fields: V4L2_H264_FRAME_REF,
        index,
    };
    assert_eq!(
        slice.params.ref_pic_list0[..5],
        [frame(1), hole, frame(3), hole, hole]
    );
    assert_eq!(slice.params.ref_pic_list1[..2], [frame(0), hole]);
    assert_eq!(
        slice.params.flags,
        V4L2_H264_SLICE_FLAG_DIRECT_SPATIAL_MV_PRED
    );
    let weights = slice.pred_weights.as_deref().unwrap();
    assert_eq!(
        (
            weights.luma_log2_weight_denom,
            weights.chroma_log2_weight_denom
        ),
        (5, 2)
    );
    let [l0, l1] = weights.weight_factors;
    assert_eq!(l0.luma_weight[..5], [32, -128, 32, 32, 0]);
    assert_eq!(l0.luma_offset[..3], [0, 127, 0]);
    assert_eq!(
        (
            l0.chroma_weight[3],
            l0.chroma_offset[3],
            l0.chroma_weight[2]
        ),
        ([1, 3], [2, 4], [4, 4])
    );
    assert_eq!((l1.luma_weight[0], l1.luma_weight[1]), (32, 0));
}

#[test]
fn reference_counts_that_are_not_overridden_are_the_pps_defaults() {
    let syntax = syntax();
    let params = picture_params(&syntax);
    let mut translator = H264Translator::new();
    let mut picture = |slice: TestSlice, counts: [u8; 2]| {
        let (nal, _) = slice.write(&syntax);
        let va = VASliceParameterBufferH264 {
            num_ref_idx_l0_active_minus1: counts[0],
            num_ref_idx_l1_active_minus1: counts[1],
            ..slice_params(&nal)
        };
        let buffers = [
            buffer(VAPictureParameterBufferType, &params),
            buffer(VASliceParameterBufferType, &va),
            data(&nal),
        ];
        let got = controls(translate_at(&mut translator, 1, 1000, &buffers).unwrap());
        let params = got.slices[0].params;
        assert_eq!(
            [
                params.num_ref_idx_l0_active_minus1,
                params.num_ref_idx_l1_active_minus1
            ],
            counts
        );
        [
            got.pps.num_ref_idx_l0_default_active_minus1,
            got.pps.num_ref_idx_l1_default_active_minus1,
        ]
    };
    let slice = |slice_type, num_ref_idx| TestSlice {
        slice_type,
        num_ref_idx,
        ..TestSlice::default()
    };
    assert_eq!(picture(slice(2, None), [0, 0]), [0, 0]);
    assert_eq!(picture(slice(0, None), [2, 0]), [2, 0]);
    assert_eq!(picture(slice(1, None), [2, 5]), [2, 5]);
    assert_eq!(
        picture(slice(6, Some([31, 1])), [31, 1]),
        [2, 5],
        "overridden: the defaults stay"
    );
    assert_eq!(
        picture(
            TestSlice {
                pps_id: 4,
                ..slice(0, None)
            },
            [3, 0]
        ),
        [3, 0],
        "another PPS"
    );
    assert_eq!(picture(slice(2, None), [0, 0]), [2, 5]);
}

#[test]
fn two_fields_make_a_frame() {
    let syntax = Syntax {
        frame_mbs_only: false,
        ..syntax()
    };
    let mut translator = H264Translator::new();
    let field = |frame_num: u32, bottom: bool, idr: bool, references: &[VAPictureH264]| {
        let mut params = picture_params(&syntax);
        params.frame_num = frame_num as u16;
        let parity = if bottom {
            VA_PICTURE_H264_BOTTOM_FIELD
        } else {
            VA_PICTURE_H264_TOP_FIELD
        };
        params.CurrPic = reference(1, frame_num, [10, 11], parity);
        let mut pic = params.pic_bits();
        pic.set_field_pic_flag(1);
        params.pic_fields.bits = pic;
        params.ReferenceFrames[..references.len()].copy_from_slice(references);
        let slice_type = if references.is_empty() { 7 } else { 5 };
        one_slice(
            &syntax,
            &params,
            &TestSlice {
                frame_num,
                field: Some(bottom),
                idr,
                slice_type,
                ..TestSlice::default()
            },
        )
    };
    let first = field(0, false, true, &[]);
    assert!(!translator.is_second_field(1, &first));
    let got = controls(translate_at(&mut translator, 1, 1000, &first).unwrap());
    let flags = V4L2_H264_DECODE_PARAM_FLAG_FIELD_PIC;
    assert_eq!(
        got.decode_params.flags,
        flags | V4L2_H264_DECODE_PARAM_FLAG_IDR_PIC
    );
    assert_eq!(got.sps.pic_height_in_map_units_minus1, 0);

    // The other field of the same frame; not: the same parity, another frame, another surface, an IDR picture.
    let own_first = reference(
        1,
        0,
        [10, 0],
        VA_PICTURE_H264_TOP_FIELD | VA_PICTURE_H264_SHORT_TERM_REFERENCE,
    );
    let second = field(0, true, false, &[own_first]);
    assert!(translator.is_second_field(1, &second));
    assert!(!translator.is_second_field(2, &second));
    assert!(!translator.is_second_field(1, &field(0, false, false, &[own_first])));
    assert!(!translator.is_second_field(1, &field(1, true, false, &[own_first])));
    assert!(!translator.is_second_field(1, &field(0, true, true, &[])));
    let got = controls(translate_at(&mut translator, 1, 1000, &second).unwrap());
    let bottom =
        flags | V4L2_H264_DECODE_PARAM_FLAG_BOTTOM_FIELD | V4L2_H264_DECODE_PARAM_FLAG_PFRAME;
    assert_eq!(got.decode_params.flags, bottom);
    let used = V4L2_H264_DPB_ENTRY_FLAG_VALID
        | V4L2_H264_DPB_ENTRY_FLAG_ACTIVE
        | V4L2_H264_DPB_ENTRY_FLAG_FIELD;
    let entry = got.decode_params.dpb[0];
    assert_eq!(
        (entry.reference_ts, entry.fields, entry.flags),
        (1000, V4L2_H264_TOP_FIELD_REF, used)
    );
    assert_eq!(entry.pic_num, 0, "the other parity: 2 * FrameNumWrap");

    // A frame is two fields, and a third one begins the next.
    assert!(!translator.is_second_field(1, &field(0, false, false, &[own_first])));
    let both = reference(1, 0, [10, 11], VA_PICTURE_H264_SHORT_TERM_REFERENCE);
    let got =
        controls(translate_at(&mut translator, 2, 2000, &field(1, false, false, &[both])).unwrap());
    let entry = got.decode_params.dpb[0];
    assert_eq!(
        (entry.fields, entry.flags, entry.pic_num),
        (V4L2_H264_FRAME_REF, used, 1)
    );
}

#[test]
fn order_count_type_1_is_described_as_it_is_rewritten() {
    let syntax = Syntax {
        poc_type: 1,
        ..syntax()
    };
    let mut params = picture_params(&syntax);
    params.CurrPic = reference(1, 0, [-6, -4], 0);
    let slice = TestSlice {
        idr: true,
        delta_poc: [-6, 0],
        ..TestSlice::default()
    };
    let picture = translate_at(
        &mut H264Translator::new(),
        1,
        1000,
        &one_slice(&syntax, &params, &slice),
    )
    .unwrap();
    let info = picture.bitstream.clone();
    let got = controls(picture);
    assert_eq!(
        (
            got.sps.pic_order_cnt_type,
            got.sps.log2_max_pic_order_cnt_lsb_minus4
        ),
        (0, 12)
    );
    assert_ne!(
        got.pps.flags & V4L2_H264_PPS_FLAG_BOTTOM_FIELD_PIC_ORDER_IN_FRAME_PRESENT,
        0
    );
    let decode = got.decode_params;
    assert_eq!(
        (decode.pic_order_cnt_lsb, decode.delta_pic_order_cnt_bottom),
        (0xfffa, 2)
    );
    assert_eq!(
        (decode.delta_pic_order_cnt0, decode.pic_order_cnt_bit_size),
        (0, 16 + 5)
    );
    assert_eq!(
        (decode.top_field_order_cnt, decode.bottom_field_order_cnt),
        (-6, -4)
    );
    let header = SliceHeader::parse(
        &info[3..],
        &Syntax {
            poc_type: 0,
            poc_lsb_bits: 16,
            bottom_field_pic_order_in_frame_present: true,
            ..syntax
        },
        [0; 2],
    )
    .unwrap();
    assert_eq!(header.end as u32, got.slices[0].params.header_bit_size);
    assert_eq!(header.pps_id, got.pps.pic_parameter_set_id);
}
