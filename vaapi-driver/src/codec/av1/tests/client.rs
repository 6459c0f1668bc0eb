// SPDX-License-Identifier: BSD-2-Clause
//! What shapes of buffers clients render.

use super::*;
use v4l2_common::uapi::av1::*;

/// 2 x 2 tiles in a 256x256 frame; tile (r, c) is made of bytes `10 * r + c`, of 1 + 2 * r + c bytes.
fn four_tiles() -> VADecPictureParameterBufferAV1 {
    let mut params = key_frame();
    (params.frame_width_minus1, params.frame_height_minus1) = (255, 255);
    (params.tile_cols, params.tile_rows) = (2, 2);
    params
}

fn tile(row: u8, col: u8) -> Vec<u8> {
    vec![10 * row + col; usize::from(1 + 2 * row + col)]
}

fn check(buffers: &[RenderedBuffer]) {
    let translation =
        translate(&mut Av1Translator::new(), &Table::default(), buffers, 1, 1).unwrap();
    let submission = &translation.submissions[0];
    assert_eq!(
        submission.picture.bitstream,
        [tile(0, 0), tile(0, 1), tile(1, 0), tile(1, 1)].concat()
    );
    let entries: Vec<_> = controls(submission)
        .tile_group_entries
        .iter()
        .map(|e| (e.tile_row, e.tile_col, e.tile_offset, e.tile_size))
        .collect();
    assert_eq!(
        entries,
        [(0, 0, 0, 1), (0, 1, 1, 2), (1, 0, 3, 3), (1, 1, 6, 4)]
    );
}

#[test]
fn a_parameter_buffer_and_a_data_buffer_per_tile_group() {
    let first = [vec![99; 7], tile(0, 0), vec![99; 4], tile(0, 1)].concat();
    let second = [tile(1, 0), vec![99; 4], tile(1, 1)].concat();
    check(&[
        params_buffer(&four_tiles()),
        tiles_buffer(&[(0, 0, 7, 1), (0, 1, 12, 2)]),
        data_buffer(&first),
        tiles_buffer(&[(1, 0, 0, 3), (1, 1, 7, 4)]),
        data_buffer(&second),
    ]);
}

#[test]
fn the_whole_data_again_for_each_tile() {
    let data = [tile(0, 0), tile(0, 1), tile(1, 0), tile(1, 1)].concat();
    let mut buffers = vec![params_buffer(&four_tiles())];
    for tile in [(0, 0, 0, 1), (0, 1, 1, 2), (1, 0, 3, 3), (1, 1, 6, 4)] {
        buffers.extend([tiles_buffer(&[tile]), data_buffer(&data)]);
    }
    check(&buffers);
}

#[test]
fn data_before_its_parameters() {
    let data = [vec![99; 20], tile(1, 1), tile(1, 0), tile(0, 1), tile(0, 0)].concat();
    let mut buffers = vec![params_buffer(&four_tiles()), data_buffer(&data)];
    for tile in [(0, 0, 29, 1), (0, 1, 27, 2), (1, 0, 24, 3), (1, 1, 20, 4)] {
        buffers.push(tiles_buffer(&[tile]));
    }
    check(&buffers);
}

#[test]
fn tiles_that_are_not_there_are_refused() {
    let refused = |tiles: &[RenderedBuffer]| {
        let buffers = [&[params_buffer(&four_tiles())], tiles].concat();
        translate(&mut Av1Translator::new(), &Table::default(), &buffers, 1, 1).unwrap_err()
    };
    let data = data_buffer(&[0; 10]);
    let all = [(0, 0, 0, 1), (0, 1, 1, 2), (1, 0, 3, 3), (1, 1, 6, 4)];
    assert!(matches!(refused(&[]), CodecError::MissingBuffer(_)));
    assert!(matches!(
        refused(&[tiles_buffer(&all)]),
        CodecError::MissingBuffer(_)
    ));
    assert!(matches!(
        refused(std::slice::from_ref(&data)),
        CodecError::MissingBuffer(_)
    ));
    for broken in [
        (1, 1, 6, 5),
        (1, 1, u32::MAX, 4),
        (1, 1, 6, u32::MAX),
        (1, 1, 6, 0),
        (1, 0, 6, 4),
        (1, 2, 6, 4),
    ] {
        let mut tiles = all;
        tiles[3] = broken;
        assert!(
            matches!(
                refused(&[tiles_buffer(&tiles), data.clone()]),
                CodecError::Invalid(_)
            ),
            "{broken:?}"
        );
    }
    assert!(matches!(
        refused(&[tiles_buffer(&all[..3]), data.clone()]),
        CodecError::Invalid(_)
    ));
    assert!(matches!(
        refused(&[tiles_buffer(&[all[0]; 5]), data.clone()]),
        CodecError::Invalid(_)
    ));
    let overlapping = [(0, 0, 0, 10), (0, 1, 0, 10), (1, 0, 0, 10), (1, 1, 0, 10)];
    assert!(matches!(
        refused(&[tiles_buffer(&overlapping), data]),
        CodecError::Invalid(_)
    ));

    let mut short = tiles_buffer(&all);
    short.data.pop();
    assert!(matches!(refused(&[short]), CodecError::MissingBuffer(_)));
}

#[test]
fn short_or_missing_parameters_are_refused() {
    let mut buffers = picture(&key_frame());
    buffers[0].data.pop();
    let refused = |buffers: &[RenderedBuffer]| {
        translate(&mut Av1Translator::new(), &Table::default(), buffers, 1, 1)
    };
    assert!(matches!(
        refused(&buffers),
        Err(CodecError::MissingBuffer(_))
    ));
    assert!(matches!(
        refused(&buffers[1..]),
        Err(CodecError::MissingBuffer(_))
    ));
    assert!(Av1Translator::new().references(&buffers).is_empty());
}

#[test]
fn grain_goes_to_the_display_surface() {
    let mut params = key_frame();
    params.current_display_picture = 9;
    let display = |params: &_| {
        translate(
            &mut Av1Translator::new(),
            &Table::default(),
            &picture(params),
            1,
            1,
        )
        .map(|t| t.display)
    };
    assert_eq!(
        display(&params).unwrap(),
        None,
        "without grain, there is nothing else to show"
    );
    params.film_grain_info.film_grain_info_fields.value = 1;
    params.film_grain_info.ar_coeffs_y[0] = -128;
    params.film_grain_info.ar_coeffs_cb[1] = 127;
    assert_eq!(display(&params).unwrap(), Some(9));
    let grain = alone(&params).unwrap().film_grain.unwrap();
    assert_eq!(
        grain.flags,
        V4L2_AV1_FILM_GRAIN_FLAG_APPLY_GRAIN | V4L2_AV1_FILM_GRAIN_FLAG_UPDATE_GRAIN
    );
    assert_eq!(
        (grain.ar_coeffs_y_plus_128[0], grain.ar_coeffs_y_plus_128[1]),
        (0, 128)
    );
    assert_eq!(grain.ar_coeffs_cb_plus_128[1], 255);
    params.film_grain_info.num_cb_points = 11;
    assert!(matches!(display(&params), Err(CodecError::Invalid(_))));
    params.film_grain_info.num_cb_points = 0;
    params.current_frame = 5;
    assert!(
        matches!(display(&params), Err(CodecError::Unsupported(_))),
        "another reference than the target"
    );
}

#[test]
fn references_are_the_surfaces_of_the_map() {
    let mut params = key_frame();
    params.ref_frame_map = [4, 3, 4, VA_INVALID_SURFACE, 3, 3, VA_INVALID_SURFACE, 7];
    assert_eq!(
        Av1Translator::new().references(&picture(&params)),
        [3, 4, 7]
    );
}
