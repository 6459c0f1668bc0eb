// SPDX-License-Identifier: BSD-2-Clause
//! Which slices a picture is made of, and what is refused.

use super::*;

#[test]
fn slices_pair_with_data_in_every_shape() {
    let syntax = syntax();
    let params = buffer(VAPictureParameterBufferType, &picture_params(&syntax));
    let nal = |first_mb| {
        TestSlice {
            first_mb,
            ..TestSlice::default()
        }
        .write(&syntax)
        .0
    };
    let [a, b, c] = [nal(0), nal(1), nal(2)];
    let wanted = [&[0, 0, 1], &a[..], &[0, 0, 1], &b[..], &[0, 0, 1], &c[..]].concat();
    let of = |nal: &[u8]| buffer(VASliceParameterBufferType, &slice_params(nal));
    let check = |buffers: &[RenderedBuffer]| {
        let picture = translate_at(&mut H264Translator::new(), 1, 1000, buffers).unwrap();
        assert_eq!(picture.bitstream, wanted);
        for slice in controls(picture).slices {
            let range = slice.offset as usize..(slice.offset + slice.size) as usize;
            assert!(wanted[range].starts_with(&[0, 0, 1]));
        }
    };
    // One by one, and all parameters first.
    check(&[
        params.clone(),
        of(&a),
        data(&a),
        of(&b),
        data(&b),
        of(&c),
        data(&c),
    ]);
    check(&[
        of(&a),
        of(&b),
        of(&c),
        data(&a),
        data(&b),
        data(&c),
        params.clone(),
    ]);
    // Start codes, trailing zeros, and the slices in any order.
    let (long, short) = (
        [&[0, 0, 0, 1], &b[..]].concat(),
        [&[0, 0, 1], &a[..], &[0, 0]].concat(),
    );
    check(&[
        params.clone(),
        of(&c),
        data(&c),
        of(&short),
        data(&short),
        of(&long),
        data(&long),
    ]);
    // Three elements in one buffer, one data buffer with gaps.
    let together = [&a[..], &[9; 3], &b[..], &c[..], &[8; 2]].concat();
    let mut elements = Vec::new();
    for (offset, nal) in [(0, &a), (a.len() + 3, &b), (a.len() + 3 + b.len(), &c)] {
        let element = VASliceParameterBufferH264 {
            slice_data_offset: offset as u32,
            ..slice_params(nal)
        };
        elements.extend(to_bytes(&element));
    }
    let three = RenderedBuffer {
        kind: VASliceParameterBufferType,
        element_size: elements.len() / 3,
        elements: 3,
        data: elements,
    };
    check(&[params.clone(), three, data(&together)]);
    // A slice in two parts.
    let part = |bytes: &[u8], slice_data_flag| {
        [
            buffer(
                VASliceParameterBufferType,
                &VASliceParameterBufferH264 {
                    slice_data_flag,
                    ..slice_params(bytes)
                },
            ),
            data(bytes),
        ]
    };
    let [begin, begin_data] = part(&b[..4], VA_SLICE_DATA_FLAG_BEGIN);
    let [end, end_data] = part(&b[4..], VA_SLICE_DATA_FLAG_END);
    check(&[
        params,
        of(&a),
        data(&a),
        begin,
        begin_data,
        end,
        end_data,
        of(&c),
        data(&c),
    ]);
}

#[test]
fn redundant_slices_are_left_out_of_a_complete_picture() {
    let syntax = Syntax {
        redundant_pic_cnt_present: true,
        ..syntax()
    };
    let primary = TestSlice::default().write(&syntax).0;
    let redundant = TestSlice {
        redundant_pic_cnt: 1,
        ..TestSlice::default()
    }
    .write(&syntax)
    .0;
    let buffers = [
        buffer(VAPictureParameterBufferType, &picture_params(&syntax)),
        buffer(VASliceParameterBufferType, &slice_params(&redundant)),
        data(&redundant),
        buffer(VASliceParameterBufferType, &slice_params(&primary)),
        data(&primary),
    ];
    let picture = translate_at(&mut H264Translator::new(), 1, 1000, &buffers).unwrap();
    assert_eq!(picture.bitstream, [&[0, 0, 1], &primary[..]].concat());
}

#[test]
fn refusals_say_why() {
    let syntax = syntax();
    let refused = |change: &dyn Fn(&mut VAPictureParameterBufferH264)| {
        let mut params = picture_params(&syntax);
        change(&mut params);
        translate(&one_slice(&syntax, &params, &TestSlice::default()))
            .unwrap_err()
            .to_string()
    };
    assert!(refused(&|p| p.num_slice_groups_minus1 = 1).contains("slice groups"));
    assert!(refused(&|p| p.picture_width_in_mbs_minus1 = 512).contains("513x2"));
    assert!(refused(&|p| p.bit_depth_luma_minus8 = 1).contains("bit depths 9 and 8"));
    assert!(refused(&|p| p.num_ref_frames = 17).contains("num_ref_frames 17"));
    let chroma = refused(&|p| {
        let mut seq = p.seq_bits();
        seq.set_chroma_format_idc(3);
        p.seq_fields.bits = seq;
    });
    assert!(chroma.contains("chroma_format_idc 3"));

    let params = buffer(VAPictureParameterBufferType, &picture_params(&syntax));
    let (nal, _) = TestSlice::default().write(&syntax);
    let of = |params: &VASliceParameterBufferH264| buffer(VASliceParameterBufferType, params);
    let error = |buffers: &[RenderedBuffer]| translate(buffers).unwrap_err().to_string();
    assert!(error(&[]).contains("picture parameters"));
    assert!(error(std::slice::from_ref(&params)).contains("slices"));
    let good = slice_params(&nal);
    assert!(
        error(&[
            params.clone(),
            of(&good),
            of(&good),
            of(&good),
            data(&nal),
            data(&nal)
        ])
        .contains("3 slice")
    );
    let outside = VASliceParameterBufferH264 {
        slice_data_offset: u32::MAX,
        ..good
    };
    assert!(error(&[params.clone(), of(&outside), data(&nal)]).contains("outside"));
    let mut other = nal.clone();
    other[0] = 0x62;
    assert!(error(&[params.clone(), of(&good), data(&other)]).contains("data partitioning"));
    other[0] = 0x67;
    assert!(error(&[params.clone(), of(&good), data(&other)]).contains("NAL unit type 7"));
    let cut = slice_params(&nal[..2]);
    assert!(error(&[params.clone(), of(&cut), data(&nal)]).contains("damaged slice header"));
    let mut short = params;
    short.data.truncate(600);
    assert!(error(&[short, of(&good), data(&nal)]).contains("picture parameters"));
}

#[test]
fn a_damaged_slice_does_not_take_the_others_along() {
    let syntax = syntax();
    let (nal, _) = TestSlice::default().write(&syntax);
    let damaged = [0x41, 0, 0];
    let buffers = [
        buffer(VAPictureParameterBufferType, &picture_params(&syntax)),
        buffer(VASliceParameterBufferType, &slice_params(&[0x41, 1, 1])),
        data(&[0x41, 1, damaged[1]]),
        buffer(VASliceParameterBufferType, &slice_params(&nal)),
        data(&nal),
    ];
    let picture = translate_at(&mut H264Translator::new(), 1, 1000, &buffers).unwrap();
    assert_eq!(picture.bitstream, [&[0, 0, 1], &nal[..]].concat());
}

#[test]
fn slices_of_another_pps_must_fit_the_one_that_va_carries() {
    let written = syntax();
    let first = TestSlice::default().write(&written).0;
    let picture = |syntax: &Syntax| {
        let second = TestSlice {
            pps_id: 3,
            first_mb: 2,
            ..TestSlice::default()
        };
        let (nal, end) = second.write(syntax);
        let va = VASliceParameterBufferH264 {
            slice_data_bit_offset: end as u16,
            ..slice_params(&nal)
        };
        translate(&[
            buffer(VAPictureParameterBufferType, &picture_params(&written)),
            buffer(VASliceParameterBufferType, &slice_params(&first)),
            data(&first),
            buffer(VASliceParameterBufferType, &va),
            data(&nal),
        ])
    };
    assert_eq!(picture(&written).unwrap().slices.len(), 2);
    let other = Syntax {
        deblocking_filter_control_present: true,
        ..written
    };
    let error = picture(&other).unwrap_err();
    assert!(error.to_string().contains("PPSs differ"), "{error}");
}
