// SPDX-License-Identifier: BSD-2-Clause

use super::*;
use crate::picture::*;
use crate::uapi::{av1::*, h264::*, vp9::*};

/// Zeros and values mixed, so that packing has something to do.
fn fill<T: FromBytes + IntoBytes>(seed: u8) -> T {
    let mut value = T::new_zeroed();
    for (i, byte) in value.as_mut_bytes().iter_mut().enumerate() {
        *byte = if i / 7 % 3 == 0 {
            0
        } else {
            (i as u8).wrapping_mul(seed)
        };
    }
    value
}

fn pictures() -> Vec<Picture> {
    let slice = H264Slice {
        offset: 3,
        size: 9,
        params: fill(9),
        pred_weights: Some(Box::new(fill(11))),
    };
    let h264 = H264Controls {
        sps: fill(3),
        pps: fill(5),
        scaling_matrix: Some(fill(7)),
        decode_params: fill(1),
        slices: vec![
            slice.clone(),
            H264Slice {
                pred_weights: None,
                ..slice
            },
        ],
    };
    let frame_only = H264Controls {
        scaling_matrix: None,
        slices: Vec::new(),
        ..h264.clone()
    };
    let vp9 = Vp9Controls {
        frame: fill(13),
        compressed_hdr: Some(Box::new(fill(15))),
    };
    let av1 = Av1Controls {
        sequence: fill(17),
        frame: fill(19),
        tile_group_entries: vec![
            fill(21),
            v4l2_ctrl_av1_tile_group_entry::default(),
            fill(23),
        ],
        film_grain: Some(Box::new(fill(25))),
    };
    let controls = [
        Controls::H264(Box::new(h264)),
        Controls::H264(Box::new(frame_only)),
        Controls::Vp9(Box::new(vp9)),
        Controls::Vp9(Box::default()),
        Controls::Av1(Box::new(av1)),
        Controls::Av1(Box::default()),
    ];
    let with = |(i, controls)| Picture {
        controls,
        bitstream: vec![i as u8; i * 50],
        timestamp: 1000 + i as u64,
    };
    controls.into_iter().enumerate().map(with).collect()
}

/// A trace of all the pictures, each followed by a result, as bytes.
fn trace(name: &str) -> (Vec<u8>, Vec<Record>) {
    let path = std::env::temp_dir().join(format!("daedalus-trace-{}-{name}", std::process::id()));
    let mut writer = TraceWriter::create(&path).unwrap();
    let mut records = Vec::new();
    for (i, picture) in pictures().into_iter().enumerate() {
        let output = i != 2;
        writer.picture(&picture, output).unwrap();
        writer
            .result(picture.timestamp, 64, 48, 0x3231_564e, [i as u8; 16])
            .unwrap();
        let timestamp = picture.timestamp;
        records.push(Record::Picture { picture, output });
        records.push(Record::Result {
            timestamp,
            width: 64,
            height: 48,
            fourcc: 0x3231_564e,
            md5: [i as u8; 16],
        });
    }
    let opened: Vec<Record> = TraceReader::open(&path)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(opened, records);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    (bytes, records)
}

#[test]
fn what_is_written_is_read() {
    let (bytes, records) = trace("round");
    let read: Vec<Record> = TraceReader::new(bytes.as_slice())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(read, records);
}

#[test]
fn zeros_cost_little() {
    let picture = Picture {
        controls: Controls::H264(Box::default()),
        bitstream: Vec::new(),
        timestamp: 1,
    };
    assert!(payload::encode(&picture, true).unwrap().len() < 100);
}

#[test]
fn a_cut_file_gives_its_whole_records_and_then_an_error() {
    let (bytes, records) = trace("cut");
    let mut seen = 0;
    for length in 0..bytes.len() {
        let Ok(reader) = TraceReader::new(&bytes[..length]) else {
            assert!(length < 16);
            continue;
        };
        let read: Vec<_> = reader.collect();
        let good = read.iter().take_while(|record| record.is_ok()).count();
        for (record, want) in read[..good].iter().zip(&records) {
            assert_eq!(record.as_ref().unwrap(), want);
        }
        // Either the cut is between two records, or exactly one error ends the iteration.
        let error = read.len() - good;
        assert!(error <= 1);
        if error == 0 {
            assert_eq!(good, seen, "a new whole record at {length}");
            seen += 1;
        } else {
            assert_eq!(
                read.last().unwrap().as_ref().unwrap_err().kind(),
                io::ErrorKind::UnexpectedEof
            );
        }
    }
    assert_eq!(seen, records.len());
}

#[test]
fn damage_neither_panics_nor_allocates_without_bound() {
    let (bytes, _) = trace("damage");
    let mut seed = 5u32;
    let mut errors = 0;
    for _ in 0..20_000 {
        let mut damaged = bytes.clone();
        for _ in 0..3 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = seed as usize % damaged.len();
            damaged[at] = (seed >> 24) as u8;
        }
        match TraceReader::new(damaged.as_slice()) {
            Ok(reader) => errors += reader.filter(Result::is_err).count(),
            Err(_) => errors += 1,
        }
    }
    assert!(errors > 1000);
}

#[test]
fn lies_about_lengths_are_errors() {
    let head = |kind: u32, length: u32| {
        let mut bytes = FileHeader {
            magic: MAGIC,
            version: VERSION.into(),
            reserved: 0.into(),
        }
        .as_bytes()
        .to_vec();
        bytes.extend_from_slice(
            RecordHeader {
                kind: kind.into(),
                length: length.into(),
            }
            .as_bytes(),
        );
        bytes
    };
    let error = |bytes: &[u8]| {
        TraceReader::new(bytes)
            .unwrap()
            .next()
            .unwrap()
            .unwrap_err()
            .kind()
    };
    assert_eq!(
        error(&head(KIND_PICTURE, u32::MAX)),
        io::ErrorKind::InvalidData
    );
    assert_eq!(
        error(&head(KIND_PICTURE, MAX_RECORD)),
        io::ErrorKind::UnexpectedEof
    );
    assert_eq!(error(&head(KIND_PICTURE, 0)), io::ErrorKind::InvalidData);
    assert_eq!(error(&head(KIND_RESULT, 0)), io::ErrorKind::InvalidData);
    assert_eq!(error(&head(9, 0)), io::ErrorKind::InvalidData);
    assert!(TraceReader::new(&b"DAEDTRCE\x02\0\0\0\0\0\0\0"[..]).is_err());
    assert!(TraceReader::new(&[0u8; 64][..]).is_err());

    // Chunks that would unpack to far more than any control, or miss their slice.
    let zeros = [0xff, 0xff, 0, 0].repeat(10_000);
    let tags = [
        V4L2_CID_STATELESS_AV1_TILE_GROUP_ENTRY,
        V4L2_CID_STATELESS_AV1_FRAME,
        V4L2_CID_STATELESS_H264_SLICE_PARAMS,
        V4L2_CID_STATELESS_VP9_FRAME,
    ];
    for codec in 1..=3u8 {
        for tag in tags {
            let mut record = [&1000u64.to_le_bytes()[..], &[codec, 0, 0, 0, 1, 0, 0, 0]].concat();
            record.extend_from_slice(&tag.to_le_bytes());
            record.extend_from_slice(&(zeros.len() as u32).to_le_bytes());
            record.extend_from_slice(&zeros);
            assert_eq!(
                payload::decode(&record).unwrap_err().kind(),
                io::ErrorKind::InvalidData,
                "{codec} {tag:#x}"
            );
        }
    }
}
