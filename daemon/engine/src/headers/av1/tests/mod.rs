// SPDX-License-Identifier: BSD-2-Clause
//! Everything that is written reads back; what cannot be written is refused.

mod random;
mod reader;
mod reader_parts;

use super::*;
use random::{ClientSlots, Random};
use reader::Reader;

/// The tiles that the controls name, in tile order.
fn tiles_of(controls: &Av1Controls, bitstream: &[u8]) -> Vec<Vec<u8>> {
    let mut entries = controls.tile_group_entries.clone();
    entries.sort_by_key(|entry| (entry.tile_row, entry.tile_col));
    let range = |e: &v4l2_ctrl_av1_tile_group_entry| {
        e.tile_offset as usize..(e.tile_offset + e.tile_size) as usize
    };
    entries
        .iter()
        .map(|entry| bitstream[range(entry)].to_vec())
        .collect()
}

/// Writes and reads `pictures` random pictures, some key frames of which are shown again.
fn play(seed: u64, pictures: u64) -> (usize, usize) {
    let mut random = Random(seed * 2 + 1);
    let mut sequence = random::sequence(&mut random);
    let mut headers = Av1Headers::new();
    let mut reader = Reader::default();
    let mut slots: ClientSlots = [(0, 0); 8];
    let mut keys = Vec::new();
    let mut inter = 0;
    for n in 0..pictures {
        let timestamp = (n + 1) * 1000;
        let new_sequence = n == 0 || random.one_in(40);
        if new_sequence {
            sequence = random::sequence(&mut random);
        }
        let (mut controls, bitstream) =
            random::controls(&mut random, sequence, &slots, new_sequence);
        let unit = headers.unit(&controls, &bitstream, timestamp).unwrap();
        if let Some(show_existing) = &unit.show_existing {
            assert!(reader.unit(show_existing, 0).is_none());
        }
        let parsed = reader.unit(&unit.data, timestamp).unwrap();

        let separate = reader.sequence.flags;
        assert_eq!(
            separate | 3 << 16,
            sequence.flags | 3 << 16,
            "sequence flags"
        );
        assert_eq!(reader.sequence.order_hint_bits, sequence.order_hint_bits);
        assert_eq!(reader.sequence.bit_depth, sequence.bit_depth);
        if let Some(references) = parsed.references {
            let meant = controls.frame.ref_frame_idx.map(|i| slots[i as usize].0);
            assert_eq!(references, meant, "picture {n}");
            inter += 1;
        }
        controls.frame.reference_frame_ts = [0; 8];
        controls.frame.ref_frame_idx = [0; 7];
        assert_eq!(parsed.frame, controls.frame, "picture {n} of seed {seed}");
        assert_eq!(
            parsed.grain,
            controls.film_grain.as_deref().copied(),
            "picture {n} of seed {seed}"
        );
        assert_eq!(
            parsed.tiles,
            tiles_of(&controls, &bitstream),
            "picture {n} of seed {seed}"
        );

        for (i, slot) in slots.iter_mut().enumerate() {
            if controls.frame.refresh_frame_flags >> i & 1 == 1 {
                *slot = (timestamp, controls.frame.order_hint);
            }
        }
        if controls.frame.frame_type == V4L2_AV1_KEY_FRAME {
            keys.push(timestamp);
        }
        let shown = slots.iter().find(|slot| keys.contains(&slot.0)).copied();
        if let Some(key) = shown.filter(|_| random.one_in(6)) {
            slots = [key; 8];
        }
    }
    (inter, reader.shown_again)
}

#[test]
fn what_is_written_reads_back() {
    let (mut inter, mut shown_again) = (0, 0);
    for seed in 0..40 {
        let counts = play(seed, 120);
        inter += counts.0;
        shown_again += counts.1;
    }
    assert!(
        inter > 2000 && shown_again > 50,
        "{inter} inter frames, {shown_again} key frames shown again"
    );
}

/// A key frame and an inter frame behind it that reference each other, and the state after the key frame.
fn two_pictures() -> (Av1Headers, Av1Controls, Vec<u8>) {
    for seed in 1.. {
        let mut random = Random(seed);
        let sequence = random::sequence(&mut random);
        let mut headers = Av1Headers::new();
        let (key, bitstream) = random::controls(&mut random, sequence, &[(0, 0); 8], true);
        headers.unit(&key, &bitstream, 1000).unwrap();
        let slots = [(1000, key.frame.order_hint); 8];
        let (inter, bitstream) = random::controls(&mut random, sequence, &slots, false);
        let tiles = inter.tile_group_entries.len();
        if inter.frame.frame_type == V4L2_AV1_INTER_FRAME && tiles > 2 && inter.film_grain.is_some()
        {
            return (headers, inter, bitstream);
        }
    }
    unreachable!()
}

#[test]
fn missing_references_are_named() {
    let (mut headers, mut controls, bitstream) = two_pictures();
    let missing = |headers: &mut Av1Headers, controls: &Av1Controls| {
        let result = headers.unit(controls, &bitstream, 2000);
        matches!(result, Err(HeaderError::MissingReference(_)))
    };
    let last = controls.frame.ref_frame_idx[0] as usize;
    for timestamp in [0, 77] {
        controls.frame.reference_frame_ts[last] = timestamp;
        assert!(missing(&mut headers, &controls), "{timestamp}");
    }
    assert!(
        missing(&mut Av1Headers::new(), &controls),
        "nothing decoded yet"
    );
    controls.frame.reference_frame_ts = [1000; 8];
    let mut lost = headers.clone();
    lost.lost(1000);
    assert!(missing(&mut lost, &controls), "the decoder lost it");
    assert!(
        headers.unit(&controls, &bitstream, 2000).is_ok(),
        "a refused picture changes nothing"
    );
}

#[test]
fn a_reference_is_found_by_its_timestamp() {
    let (headers, mut controls, bitstream) = two_pictures();
    let mut slots = headers.slots.clone();
    slots[0].as_mut().unwrap().timestamp = 500;
    let mut headers = Av1Headers { slots, ..headers };
    controls.frame.ref_frame_idx = [0; 7];
    controls.frame.reference_frame_ts = [1000, 0, 0, 0, 0, 0, 0, 0];
    controls.frame.flags &= !V4L2_AV1_FRAME_FLAG_SKIP_MODE_PRESENT;
    let unit = headers.unit(&controls, &bitstream, 2000).unwrap();
    assert_eq!(unit.show_existing, None);
    let mut reader = Reader::default();
    reader.slots[1].timestamp = 1000;
    reader.sequence = controls.sequence;
    assert_eq!(
        reader.unit(&unit.data, 2000).unwrap().references,
        Some([1000; 7])
    );
}

#[test]
fn nonsense_is_refused() {
    let (headers, controls, bitstream) = two_pictures();
    let refused = |what: &str, change: &dyn Fn(&mut Av1Controls)| {
        let mut controls = controls.clone();
        change(&mut controls);
        let result = headers.clone().unit(&controls, &bitstream, 2000);
        assert!(
            matches!(result, Err(HeaderError::Invalid(_))),
            "{what}: {result:?}"
        );
    };
    refused("profile", &|c| c.sequence.seq_profile = 1);
    refused("bit depth", &|c| c.sequence.bit_depth = 12);
    refused("chroma", &|c| {
        c.sequence.flags &= !(V4L2_AV1_SEQUENCE_FLAG_MONO_CHROME | 1 << 16)
    });
    refused("order hint bits", &|c| {
        c.sequence.flags |= V4L2_AV1_SEQUENCE_FLAG_ENABLE_ORDER_HINT;
        c.sequence.order_hint_bits = 9;
    });
    refused("order hint", &|c| c.frame.order_hint = 256);
    refused("frame type", &|c| c.frame.frame_type = 4);
    refused("primary", &|c| {
        c.frame.flags &= !V4L2_AV1_FRAME_FLAG_ERROR_RESILIENT_MODE;
        c.frame.primary_ref_frame = 8;
    });
    refused("index", &|c| c.frame.ref_frame_idx[3] = 8);
    refused("negative index", &|c| c.frame.ref_frame_idx[3] = -1);
    refused("width", &|c| c.frame.upscaled_width = 8193);
    refused("height", &|c| c.frame.frame_height_minus_1 = u32::MAX);
    refused("scaling", &|c| {
        (c.frame.upscaled_width, c.frame.frame_height_minus_1) = (300, 100);
    });
    refused("superres", &|c| {
        c.frame.flags |= V4L2_AV1_FRAME_FLAG_USE_SUPERRES;
        c.frame.superres_denom = 17;
    });
    refused("no tiles", &|c| c.frame.tile_info.tile_cols = 0);
    refused("too many tiles", &|c| c.frame.tile_info.tile_rows = 65);
    refused("tile count", &|c| c.tile_group_entries.truncate(1));
    refused("tile twice", &|c| {
        c.tile_group_entries[1] = c.tile_group_entries[0]
    });
    refused("tile place", &|c| c.tile_group_entries[0].tile_row = 64);
    refused("tile offset", &|c| {
        c.tile_group_entries[0].tile_offset = u32::MAX
    });
    refused("tile size", &|c| {
        c.tile_group_entries[0].tile_size = u32::MAX
    });
    refused("empty tile", &|c| c.tile_group_entries[0].tile_size = 0);
    refused("overlapping tiles", &|c| {
        let size = bitstream.len() as u32;
        c.tile_group_entries
            .iter_mut()
            .for_each(|e| (e.tile_offset, e.tile_size) = (0, size));
    });
    refused("tile sizes", &|c| {
        c.frame.tile_info.flags = 0;
        c.frame.tile_info.width_in_sbs_minus_1[0] += 1;
    });
    refused("context", &|c| {
        c.frame.tile_info.context_update_tile_id = 255
    });
    refused("filter", &|c| c.frame.interpolation_filter = 5);
    refused("tx mode", &|c| c.frame.tx_mode = 3);
    refused("delta q", &|c| c.frame.quantization.delta_q_y_dc = 64);
    refused("cdef", &|c| c.frame.cdef.y_sec_strength[0] = 5);
    refused("cdef bits", &|c| c.frame.cdef.bits = 4);
    refused("level", &|c| c.frame.loop_filter.level[3] = 64);
    refused("restoration", &|c| {
        c.frame.loop_restoration.frame_restoration_type[0] = 4
    });
    refused("segment", &|c| {
        c.frame.segmentation.flags |= V4L2_AV1_SEGMENTATION_FLAG_ENABLED;
        c.frame.segmentation.feature_enabled[7] |= 1 << 5;
        c.frame.segmentation.feature_data[7][5] = 8;
    });
    refused("motion type", &|c| c.frame.global_motion.r#type[7] = 4);
    refused("motion", &|c| {
        c.frame.global_motion.r#type[7] = V4L2_AV1_WARP_MODEL_AFFINE;
        c.frame.global_motion.params[7][2] = i32::MIN;
    });
    refused("intrabc", &|c| {
        c.frame.flags |= V4L2_AV1_FRAME_FLAG_ALLOW_INTRABC
    });
    refused("skip mode", &|c| {
        c.frame.flags &= !V4L2_AV1_FRAME_FLAG_REFERENCE_SELECT;
        c.frame.flags |= V4L2_AV1_FRAME_FLAG_SKIP_MODE_PRESENT;
    });
    refused("points", &|c| {
        c.film_grain.as_mut().unwrap().num_y_points = 15
    });
    refused("falling points", &|c| {
        let grain = c.film_grain.as_mut().unwrap();
        grain.num_y_points = 2;
        grain.point_y_value[..2].copy_from_slice(&[9, 9]);
    });
    refused("lag", &|c| c.film_grain.as_mut().unwrap().ar_coeff_lag = 4);
    assert!(headers.clone().unit(&controls, &bitstream, 2000).is_ok());
    assert!(
        headers
            .clone()
            .unit(&controls, &bitstream[..1], 2000)
            .is_err()
    );
}

#[test]
fn the_sequence_header_does_not_change_with_the_size() {
    let mut sequence = v4l2_ctrl_av1_sequence {
        bit_depth: 8,
        ..Default::default()
    };
    let header = sequence::sequence_header(&sequence);
    (
        sequence.max_frame_width_minus_1,
        sequence.max_frame_height_minus_1,
    ) = (351, 287);
    sequence.flags = V4L2_AV1_SEQUENCE_FLAG_ENABLE_SUPERRES | V4L2_AV1_SEQUENCE_FLAG_STILL_PICTURE;
    assert_eq!(sequence::sequence_header(&sequence), header);
    sequence.bit_depth = 10;
    assert_ne!(sequence::sequence_header(&sequence), header);
}
