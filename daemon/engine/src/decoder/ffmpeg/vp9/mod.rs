// SPDX-License-Identifier: BSD-2-Clause
//! What the engine itself keeps of a VP9 stream: which frames are in the decoder's slots (pure).

mod header;

use crate::error::EngineError;
use header::{Format, Header, SLOTS};
use v4l2_common::picture::Vp9Controls;

/// A slot whose content is no frame that a client can name.
const UNKNOWN: u64 = u64::MAX;

/// What is compared when the picture completes.
#[derive(Clone, Debug)]
pub(super) struct Check {
    header: Header,
    timestamp: u64,
    named: [u64; 3],
}

/// One VP9 stream's state between pictures.
#[derive(Debug)]
pub(super) struct Vp9Stream {
    profile: u8,
    bit_depth: u8,
    /// Formats of the frames in the slots; follows what is fed.
    sent: [Option<Format>; SLOTS],
    /// Timestamps of the frames in the slots, 0: none; follows what completes.
    held: [u64; SLOTS],
}

impl Default for Vp9Stream {
    fn default() -> Self {
        Self {
            profile: 0,
            bit_depth: 8,
            sent: [None; SLOTS],
            held: [0; SLOTS],
        }
    }
}

impl Vp9Stream {
    /// Decides about a frame that is to be sent next.
    ///
    /// # Errors
    /// The frame must not be sent: libavcodec would refuse it in its header, and its frame threads lose track of the
    /// slots when that happens.
    pub(super) fn admit(
        &mut self,
        controls: &Vp9Controls,
        frame: &[u8],
        timestamp: u64,
    ) -> Result<Check, EngineError> {
        let header = Header::parse(frame, &self.sent, self.bit_depth)?;
        self.profile = header.profile;
        self.bit_depth = header.format.bit_depth;
        for (slot, sent) in self.sent.iter_mut().enumerate() {
            if header.refreshes(slot) {
                *sent = Some(header.format);
            }
        }
        let frame = &controls.frame;
        let named = [
            frame.last_frame_ts,
            frame.golden_frame_ts,
            frame.alt_frame_ts,
        ];
        Ok(Check {
            header,
            timestamp,
            named,
        })
    }

    /// A frame has completed, in order: says which reference it was decoded without, if any. `decoded`: it got a buffer.
    pub(super) fn complete(&mut self, check: &Check, decoded: bool) -> Option<EngineError> {
        let mut missing = None;
        if let Some(references) = check.header.references {
            let names = ["LAST", "GOLDEN", "ALTREF"];
            for ((slot, named), name) in references.into_iter().zip(check.named).zip(names) {
                let held = self.held[slot];
                // A client that names none has nothing to compare; the slot decides.
                if held == 0 || named != 0 && held != named {
                    missing.get_or_insert_with(|| {
                        EngineError::MissingReference(format!(
                            "{name} is {named}, slot {slot} holds {held}"
                        ))
                    });
                }
            }
        }
        for (slot, held) in self.held.iter_mut().enumerate() {
            if !decoded {
                // Refused in its header after all: with frame threads libavcodec's slots are then those of some earlier
                // frame.
                *held = UNKNOWN;
            } else if check.header.refreshes(slot) {
                *held = check.timestamp;
            }
        }
        missing
    }

    /// The decoder has lost its references.
    pub(super) fn forget(&mut self) {
        self.sent = [None; SLOTS];
        self.held = [0; SLOTS];
    }

    /// A packet that decodes nothing: one frame of `show_existing_frame`. Its profile must be the stream's, for the
    /// decoder takes that for its own.
    pub(super) fn no_op(&self) -> &'static [u8] {
        if self.profile == 2 { &[0x98] } else { &[0x88] }
    }
}

/// Bytes to put behind `frame` so that nobody takes its end for a superframe index (Annex B of the specification), whose
/// marker is `110` in the top bits of the last byte. The boolean decoder reads zeros there anyway.
pub(super) fn guard(frame: &[u8]) -> &'static [u8] {
    match frame.last() {
        Some(last) if last & 0xe0 == 0xc0 => &[0],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use v4l2_common::bits::BitWriter;

    /// Everything from render_size() on, the least there can be.
    fn rest(mut w: BitWriter, inter: bool, width: u32) -> Vec<u8> {
        w.bit(false); // render_size()
        if inter {
            w.bits(0b01, 2); // allow_high_precision_mv, is_filter_switchable
        }
        w.bits(0, 2 + 2); // refresh_frame_context, frame_parallel_decoding_mode, frame_context_idx
        w.bits(0, 9 + 1); // loop filter
        w.bits(0, 8 + 3); // quantization
        w.bit(false); // segmentation
        if width >= 512 {
            w.bit(false); // tile columns
        }
        w.bit(false); // tile rows
        w.bits(2, 16); // header_size_in_bytes
        let mut frame = w.finish();
        frame.extend([0x7f, 0xff]);
        frame
    }

    /// A shown frame that refers to three slots, the size of the first.
    pub(super) fn inter(refresh: u32, references: [u32; 3]) -> Vec<u8> {
        let mut w = BitWriter::new();
        w.bits(0b10_00, 4);
        w.bits(0b0_1_1_0, 4); // shown, not error resilient, non-key
        w.bits(0, 2);
        w.bits(refresh, 8);
        for reference in references {
            w.bits(reference << 1, 4);
        }
        w.bit(true); // found_ref
        rest(w, true, 64)
    }

    /// A shown key frame; profile 2 is 10 bit.
    pub(super) fn key(profile: u32, width: u32, height: u32) -> Vec<u8> {
        let mut w = BitWriter::new();
        w.bits(0b10, 2);
        w.bits(profile & 1, 1);
        w.bits(profile >> 1, 1);
        w.bits(0b0_0_1_0, 4);
        w.bits(0x49_8342, 24);
        if profile == 2 {
            w.bit(false);
        }
        w.bits(0b0010, 4); // color_space (3 bits), color_range
        w.bits(width - 1, 16);
        w.bits(height - 1, 16);
        rest(w, false, width)
    }

    fn naming(named: [u64; 3]) -> Vp9Controls {
        let mut controls = Vp9Controls::default();
        controls.frame.last_frame_ts = named[0];
        controls.frame.golden_frame_ts = named[1];
        controls.frame.alt_frame_ts = named[2];
        controls
    }

    #[test]
    fn references_are_compared_with_the_slots() {
        let mut stream = Vp9Stream::default();
        let refused = stream.admit(&naming([1; 3]), &inter(1, [0, 0, 0]), 2);
        assert!(matches!(refused, Err(EngineError::MissingReference(_))));
        let check = stream.admit(&naming([0; 3]), &key(0, 64, 64), 10).unwrap();
        assert_eq!(stream.complete(&check, true), None);
        let check = stream
            .admit(&naming([10; 3]), &inter(1, [0, 1, 2]), 20)
            .unwrap();
        assert_eq!(stream.complete(&check, true), None);
        let check = stream
            .admit(&naming([20, 10, 10]), &inter(0, [0, 1, 2]), 30)
            .unwrap();
        assert_eq!(stream.complete(&check, true), None);
        let check = stream
            .admit(&naming([20, 30, 10]), &inter(0, [0, 1, 2]), 40)
            .unwrap();
        assert!(matches!(
            stream.complete(&check, true),
            Some(EngineError::MissingReference(_))
        ));
        // A frame without a buffer leaves nothing that could be relied on, until slots are refreshed.
        let check = stream
            .admit(&naming([20, 10, 10]), &inter(0, [0, 1, 2]), 50)
            .unwrap();
        assert_eq!(stream.complete(&check, false), None);
        let check = stream
            .admit(&naming([20, 10, 10]), &inter(0xff, [0, 1, 2]), 60)
            .unwrap();
        assert!(matches!(
            stream.complete(&check, true),
            Some(EngineError::MissingReference(_))
        ));
        let check = stream
            .admit(&naming([60; 3]), &inter(0, [0, 1, 2]), 70)
            .unwrap();
        assert_eq!(stream.complete(&check, true), None);
    }

    #[test]
    fn no_op_packets_are_of_the_streams_profile() {
        let mut stream = Vp9Stream::default();
        assert_eq!(stream.no_op(), [0x88]);
        stream.admit(&naming([0; 3]), &key(2, 64, 64), 10).unwrap();
        assert_eq!(stream.no_op(), [0x98]);
    }

    #[test]
    fn what_looks_like_a_superframe_index_is_guarded() {
        assert_eq!(guard(&[0x82, 0xc0]), [0]);
        assert_eq!(guard(&[0x82, 0xdf]), [0]);
        assert!(guard(&[0x82, 0xe0]).is_empty());
        assert!(guard(&[]).is_empty());
    }
}
