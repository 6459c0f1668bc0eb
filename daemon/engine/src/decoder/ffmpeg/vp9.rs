// SPDX-License-Identifier: BSD-2-Clause
//! What the engine itself reads of VP9: which slots a frame uses and refreshes (pure).

use crate::error::EngineError;
use v4l2_common::bits::{BitError, BitReader};
use v4l2_common::picture::Vp9Controls;

/// Slots of the reference frame buffer (VP9 specification, clause 3: NUM_REF_FRAMES).
const SLOTS: usize = 8;
/// A slot whose content is no frame that a client can name.
const UNKNOWN: u64 = u64::MAX;

/// The part of the uncompressed header (clause 6.2) that concerns references.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    profile: u8,
    refresh_frame_flags: u8,
    /// Slots of LAST, GOLDEN and ALTREF; `None` for intra frames.
    references: Option<[u8; 3]>,
}

impl Header {
    /// Reads the header of a frame.
    pub(super) fn parse(frame: &[u8]) -> Result<Self, EngineError> {
        Self::read(frame)
            .map_err(|BitError| EngineError::Damaged("unreadable VP9 frame header".into()))
    }

    fn read(frame: &[u8]) -> Result<Self, BitError> {
        let mut r = BitReader::new(frame);
        let demand = |holds: bool| if holds { Ok(()) } else { Err(BitError) };
        demand(r.bits(2)? == 2)?; // frame_marker
        let profile = u8::from(r.bit()?) | u8::from(r.bit()?) << 1;
        demand(profile < 3)?;
        demand(!r.bit()?)?; // show_existing_frame: no picture to decode
        let key_frame = !r.bit()?;
        let show_frame = r.bit()?;
        let error_resilient_mode = r.bit()?;
        if key_frame {
            demand(r.bits(24)? == 0x49_8342)?; // frame_sync_code
            return Ok(Self {
                profile,
                refresh_frame_flags: 0xff,
                references: None,
            });
        }
        let intra_only = !show_frame && r.bit()?;
        if !error_resilient_mode {
            r.skip(2)?; // reset_frame_context
        }
        if intra_only {
            demand(r.bits(24)? == 0x49_8342)?;
            if profile > 0 {
                r.skip(if profile >= 2 { 1 } else { 0 })?; // ten_or_twelve_bit
                let color_space = r.bits(3)?;
                demand(color_space != 7)?; // RGB is 4:4:4
                r.skip(1)?; // color_range
                if profile & 1 == 1 {
                    r.skip(3)?; // subsampling_x, subsampling_y, reserved_zero
                }
            }
            let refresh_frame_flags = r.bits(8)? as u8;
            return Ok(Self {
                profile,
                refresh_frame_flags,
                references: None,
            });
        }
        let refresh_frame_flags = r.bits(8)? as u8;
        let mut references = [0; 3];
        for reference in &mut references {
            *reference = r.bits(3)? as u8;
            r.skip(1)?; // ref_frame_sign_bias
        }
        Ok(Self {
            profile,
            refresh_frame_flags,
            references: Some(references),
        })
    }

    fn refreshes(&self, slot: usize) -> bool {
        self.refresh_frame_flags >> slot & 1 == 1
    }
}

/// What is compared when the picture completes.
#[derive(Clone, Debug)]
pub(super) struct Check {
    header: Header,
    timestamp: u64,
    named: [u64; 3],
}

/// One VP9 stream's state between pictures.
#[derive(Debug, Default)]
pub(super) struct Vp9Stream {
    profile: u8,
    /// Slots that a frame has been sent for; follows what is fed.
    filled: [bool; SLOTS],
    /// Timestamps of the frames in the slots, 0: none; follows what completes.
    held: [u64; SLOTS],
}

impl Vp9Stream {
    /// Decides about a frame that is to be sent next.
    ///
    /// # Errors
    /// The frame must not be sent: libavcodec would refuse it, and its frame threads lose track of the slots when a
    /// frame is refused in its header.
    pub(super) fn admit(
        &mut self,
        controls: &Vp9Controls,
        frame: &[u8],
        timestamp: u64,
    ) -> Result<Check, EngineError> {
        let header = Header::parse(frame)?;
        if !matches!(header.profile, 0 | 2) {
            return Err(EngineError::Invalid(format!(
                "VP9 profile {}",
                header.profile
            )));
        }
        if let Some(references) = header.references {
            if let Some(slot) = references
                .iter()
                .find(|&&slot| !self.filled[usize::from(slot)])
            {
                return Err(EngineError::MissingReference(format!(
                    "slot {slot} is empty"
                )));
            }
        }
        self.profile = header.profile;
        for slot in 0..SLOTS {
            self.filled[slot] |= header.refreshes(slot);
        }
        let named = [
            controls.frame.last_frame_ts,
            controls.frame.golden_frame_ts,
            controls.frame.alt_frame_ts,
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
            for ((slot, named), name) in references
                .into_iter()
                .zip(check.named)
                .zip(["LAST", "GOLDEN", "ALTREF"])
            {
                let held = self.held[usize::from(slot)];
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
        for slot in 0..SLOTS {
            if !decoded {
                // Refused in its header after all: with frame threads libavcodec's slots are then those of some earlier
                // frame.
                self.held[slot] = UNKNOWN;
            } else if check.header.refreshes(slot) {
                self.held[slot] = check.timestamp;
            }
        }
        missing
    }

    /// The decoder has lost its references.
    pub(super) fn forget(&mut self) {
        self.filled = [false; SLOTS];
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

    fn inter(refresh: u32, references: [u32; 3]) -> Vec<u8> {
        let mut w = BitWriter::new();
        w.bits(0b10, 2);
        w.bits(0, 2);
        w.bits(0b0_1_1_0, 4); // shown, not error resilient, non-key
        w.bits(0, 2);
        w.bits(refresh, 8);
        for reference in references {
            w.bits(reference << 1, 4);
        }
        w.finish()
    }

    fn key(profile: u32) -> Vec<u8> {
        let mut w = BitWriter::new();
        w.bits(0b10, 2);
        w.bits(profile & 1, 1);
        w.bits(profile >> 1, 1);
        w.bits(0b0_0_1_0, 4);
        w.bits(0x49_8342, 24);
        w.finish()
    }

    fn naming(named: [u64; 3]) -> Vp9Controls {
        let mut controls = Vp9Controls::default();
        controls.frame.last_frame_ts = named[0];
        controls.frame.golden_frame_ts = named[1];
        controls.frame.alt_frame_ts = named[2];
        controls
    }

    #[test]
    fn headers_are_read() {
        let header = Header {
            profile: 0,
            refresh_frame_flags: 0x24,
            references: Some([5, 0, 7]),
        };
        assert_eq!(Header::parse(&inter(0x24, [5, 0, 7])), Ok(header));
        let header = Header {
            profile: 2,
            refresh_frame_flags: 0xff,
            references: None,
        };
        assert_eq!(Header::parse(&key(2)), Ok(header));
        for damaged in [
            &[][..],
            &[0x00],
            &[0x88],
            &key(0)[..3],
            &[0x82, 0x49, 0x83, 0x43, 0],
        ] {
            assert!(
                matches!(Header::parse(damaged), Err(EngineError::Damaged(_))),
                "{damaged:02x?}"
            );
        }
    }

    #[test]
    fn references_are_compared_with_the_slots() {
        let mut stream = Vp9Stream::default();
        let first = inter(1, [0, 0, 0]);
        assert!(matches!(
            stream.admit(&naming([1; 3]), &first, 2),
            Err(EngineError::MissingReference(_))
        ));
        let check = stream.admit(&naming([0; 3]), &key(0), 10).unwrap();
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
    fn what_looks_like_a_superframe_index_is_guarded() {
        assert_eq!(guard(&[0x82, 0xc0]), [0]);
        assert_eq!(guard(&[0x82, 0xdf]), [0]);
        assert!(guard(&[0x82, 0xe0]).is_empty());
        assert!(guard(&[]).is_empty());
    }
}
