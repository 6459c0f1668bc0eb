// SPDX-License-Identifier: BSD-2-Clause
//! Bit reader, bit writer and NAL unit escaping.

use calls::reader::Reader;
use v4l2_common::bits::{BitReader, BitWriter, escape_nal, unescape_nal};

/// Reads descriptors in the order that the input names, writes what was read, and reads it again.
pub fn run(data: &[u8]) {
    let (plan, data) = data.split_at(data.len().min(64));
    descriptors(plan, data);
    written(plan, data);
    escaping(data);
}

fn descriptors(plan: &[u8], data: &[u8]) {
    let mut bits = BitReader::new(data);
    for &step in plan {
        let n = u32::from(step >> 3);
        let before = bits.position();
        let ok = match step & 7 {
            0 => bits.bit().is_ok(),
            1 => bits.bits(n * 2).is_ok(),
            2 => bits.ue().is_ok(),
            3 => bits.se().is_ok(),
            4 => bits.su(n + 1).is_ok(),
            5 => bits.ns(n * n * n).is_ok(),
            6 => bits.skip(usize::MAX / (n as usize + 1)).is_ok(),
            _ => {
                bits.byte_align();
                true
            }
        };
        assert!(bits.position() >= before);
        assert!(
            !ok || bits.position() <= data.len() * 8,
            "read past the end"
        );
        assert!(bits.remaining() <= data.len() * 8);
    }
}

fn written(plan: &[u8], data: &[u8]) {
    let mut values = Reader::new(data);
    let mut writer = BitWriter::new();
    let steps: Vec<(u8, u32)> = plan.iter().map(|&step| (step, values.u32())).collect();
    for &(step, value) in &steps {
        let n = u32::from(step >> 3) + 1;
        let before = writer.position();
        match step & 7 {
            0 | 1 => writer.bits(value, n),
            2 => writer.ue(value.min(u32::MAX - 1)),
            3 => writer.se((value as i32).clamp(-i32::MAX / 2, i32::MAX / 2)),
            4 => writer.su((value as i32) >> (32 - n), n),
            5 => writer.ns(value % (n * 77), n * 77),
            6 => writer.byte_align(),
            _ => writer.bytes(&value.to_le_bytes()),
        }
        assert!(writer.position() >= before);
    }
    let written = writer.finish();
    let mut bits = BitReader::new(&written);
    for &(step, value) in &steps {
        let n = u32::from(step >> 3) + 1;
        match step & 7 {
            0 | 1 => assert_eq!(bits.bits(n).ok(), Some(value & (u32::MAX >> (32 - n)))),
            2 => assert_eq!(bits.ue().ok(), Some(value.min(u32::MAX - 1))),
            3 => assert_eq!(
                bits.se().ok(),
                Some((value as i32).clamp(-i32::MAX / 2, i32::MAX / 2))
            ),
            4 => assert_eq!(bits.su(n).ok(), Some((value as i32) >> (32 - n))),
            5 => assert_eq!(bits.ns(n * 77).ok(), Some(value % (n * 77))),
            6 => bits.byte_align(),
            _ => {
                for byte in value.to_le_bytes() {
                    assert_eq!(bits.bits(8).ok(), Some(u32::from(byte)));
                }
            }
        }
    }
}

fn escaping(data: &[u8]) {
    let mut nal = Vec::new();
    escape_nal(data, &mut nal);
    assert!(
        !nal.windows(3).any(|w| matches!(w, [0, 0, 0..=2])),
        "an escaped NAL unit holds a start code"
    );
    assert_eq!(unescape_nal(&nal, usize::MAX), data);
    for limit in [0, 1, data.len() / 2] {
        assert!(unescape_nal(data, limit).len() <= limit);
        assert!(data.starts_with(&unescape_nal(&nal, limit)));
    }
}
