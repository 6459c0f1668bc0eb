// SPDX-License-Identifier: BSD-2-Clause
//! What the engine itself keeps of an H.264 stream: parameter sets, field pairs, and which references it holds (pure).

use crate::error::EngineError;
use crate::headers::h264::{nal_units, parameter_sets_for};
use std::borrow::Cow;
use v4l2_common::picture::H264Controls;
use v4l2_common::uapi::h264::*;

/// Timestamps remembered; a client names at most 16 at once, and only long-term references grow old.
const REMEMBERED: usize = 64;

/// An access unit delimiter: a packet that decodes nothing.
pub(super) const NO_OP: &[u8] = &[0, 0, 0, 1, 0x09, 0xf0];

/// The slices of a picture, without any other NAL unit: parameter sets of the client's own would change the decoder's
/// state behind the controls' back, and the end of a sequence would end it.
pub(super) fn slices(bitstream: &[u8]) -> Cow<'_, [u8]> {
    let is_slice = |nal: &[u8]| {
        nal.first()
            .is_some_and(|header| matches!(header & 0x1f, 1 | 5))
    };
    if nal_units(bitstream).all(is_slice) {
        return Cow::Borrowed(bitstream);
    }
    let mut slices = Vec::with_capacity(bitstream.len());
    for nal in nal_units(bitstream).filter(|nal| is_slice(nal)) {
        slices.extend_from_slice(&[0, 0, 1]);
        slices.extend_from_slice(nal);
    }
    Cow::Owned(slices)
}

/// A field's place in its pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FieldId {
    timestamp: u64,
    frame_num: u16,
    bottom: bool,
}

impl FieldId {
    /// `None`: the picture is a frame.
    pub(super) fn of(controls: &H264Controls, timestamp: u64) -> Option<Self> {
        let params = &controls.decode_params;
        (params.flags & V4L2_H264_DECODE_PARAM_FLAG_FIELD_PIC != 0).then_some(Self {
            timestamp,
            frame_num: params.frame_num,
            bottom: params.flags & V4L2_H264_DECODE_PARAM_FLAG_BOTTOM_FIELD != 0,
        })
    }

    /// Is `self` the second field of the frame that `first` began?
    pub(super) fn completes(&self, first: &FieldId) -> bool {
        self.timestamp == first.timestamp
            && self.frame_num == first.frame_num
            && self.bottom != first.bottom
    }
}

/// What is to be done with a picture.
#[derive(Debug)]
pub(super) struct Admitted {
    /// The decoder's references are not the client's any more: forget them first.
    pub flush: bool,
    /// Parameter sets to put in front, if they are not those sent last.
    pub parameter_sets: Option<Vec<u8>>,
    /// For [`H264Stream::complete`].
    pub check: Check,
}

/// What is compared when the picture completes.
#[derive(Clone, Debug)]
pub(super) struct Check {
    timestamp: u64,
    idr: bool,
    flush: bool,
    named: Vec<u64>,
    rows: Rows,
}

impl Check {
    /// The rows of macroblocks that the picture has.
    pub(super) fn rows(&self) -> Rows {
        self.rows
    }
}

/// The rows of macroblocks of a picture; pairs of them in MBAFF frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rows {
    pub count: u32,
    /// Rows of the frame that one takes up.
    pub height: i32,
    /// 1: top field, 2: bottom field, [`FRAME`]; as `Band::structure`.
    pub structure: i32,
}

impl Rows {
    fn of(controls: &H264Controls) -> Self {
        let (sps, flags) = (&controls.sps, controls.decode_params.flags);
        let frames_only = sps.flags & V4L2_H264_SPS_FLAG_FRAME_MBS_ONLY != 0;
        let mbaff = !frames_only && sps.flags & V4L2_H264_SPS_FLAG_MB_ADAPTIVE_FRAME_FIELD != 0;
        let map_units = u32::from(sps.pic_height_in_map_units_minus1) + 1;
        if flags & V4L2_H264_DECODE_PARAM_FLAG_FIELD_PIC != 0 {
            let structure = if flags & V4L2_H264_DECODE_PARAM_FLAG_BOTTOM_FIELD != 0 {
                2
            } else {
                1
            };
            return Self {
                count: map_units,
                height: 32,
                structure,
            };
        }
        match (frames_only, mbaff) {
            (true, _) => Self {
                count: map_units,
                height: 16,
                structure: FRAME,
            },
            (false, true) => Self {
                count: map_units,
                height: 32,
                structure: FRAME,
            },
            (false, false) => Self {
                count: 2 * map_units,
                height: 16,
                structure: FRAME,
            },
        }
    }
}

/// `Rows::structure` of a frame.
pub(super) const FRAME: i32 = 3;

/// A set of timestamps that forgets the oldest.
#[derive(Debug, Default)]
struct Recent(Vec<u64>);

impl Recent {
    fn contains(&self, timestamp: u64) -> bool {
        self.0.contains(&timestamp)
    }

    /// Adds `timestamp`; those in `named` stay, whatever their age.
    fn add(&mut self, timestamp: u64, named: &[u64]) {
        if self.0.contains(&timestamp) {
            return;
        }
        if self.0.len() >= REMEMBERED {
            let oldest = self
                .0
                .iter()
                .position(|held| !named.contains(held))
                .unwrap_or(0);
            self.0.remove(oldest);
        }
        self.0.push(timestamp);
    }
}

/// One H.264 stream's state between pictures.
#[derive(Debug, Default)]
pub(super) struct H264Stream {
    parameter_sets: Vec<u8>,
    /// Reference pictures sent since the last IDR picture or flush; follows what is fed.
    sent: Recent,
    /// `frame_num` of the last reference picture sent.
    frame_num: u16,
    /// Pictures that have a frame, since the last IDR picture or flush; follows what completes.
    held: Recent,
}

impl H264Stream {
    /// Decides about a picture that is to be sent next; `bitstream` is its [`slices`].
    ///
    /// # Errors
    /// The controls cannot be written as parameter sets; the picture must not be sent.
    pub(super) fn admit(
        &mut self,
        controls: &H264Controls,
        bitstream: &[u8],
        timestamp: u64,
    ) -> Result<Admitted, EngineError> {
        if bitstream.is_empty() {
            return Err(EngineError::Damaged("no slices".into()));
        }
        let sets = parameter_sets_for(controls, bitstream)?;
        let params = &controls.decode_params;
        let idr = params.flags & V4L2_H264_DECODE_PARAM_FLAG_IDR_PIC != 0;
        let mut named = Vec::new();
        for entry in &params.dpb {
            // The picture's own timestamp: its first field.
            let reference = entry.flags & V4L2_H264_DPB_ENTRY_FLAG_ACTIVE != 0
                && entry.reference_ts != 0
                && entry.reference_ts != timestamp;
            if reference && !named.contains(&entry.reference_ts) {
                named.push(entry.reference_ts);
            }
        }
        let flush = !idr && self.discontinuous(controls, &named, timestamp);
        if idr || flush {
            self.sent.0.clear();
        }
        if params.nal_ref_idc != 0 {
            self.sent.add(timestamp, &named);
            self.frame_num = params.frame_num;
        }
        let parameter_sets = (sets != self.parameter_sets).then(|| {
            self.parameter_sets.clone_from(&sets);
            sets
        });
        Ok(Admitted {
            flush,
            parameter_sets,
            check: Check {
                timestamp,
                idr,
                flush,
                named,
                rows: Rows::of(controls),
            },
        })
    }

    /// Has the client dropped every reference that the decoder got, as it does when it seeks? The last reference picture
    /// stays a reference until others replace it (clause 8.2.5), so a client that goes on names one that was sent.
    fn discontinuous(&self, controls: &H264Controls, named: &[u64], timestamp: u64) -> bool {
        if self.sent.0.is_empty() || self.sent.contains(timestamp) {
            return false;
        }
        if named.is_empty() {
            // Some clients may name nothing for an intra picture: then frame_num must have jumped, too.
            let bits = u32::from(controls.sps.log2_max_frame_num_minus4).min(12) + 4;
            let distance = u32::from(
                controls
                    .decode_params
                    .frame_num
                    .wrapping_sub(self.frame_num),
            ) & ((1 << bits) - 1);
            return distance > 1;
        }
        !named.iter().any(|&reference| self.sent.contains(reference))
    }

    /// The decoder has lost its references.
    pub(super) fn forget(&mut self) {
        self.sent.0.clear();
        self.held.0.clear();
    }

    /// A picture has completed, in order: says which reference it was decoded without, if any. `decoded`: it got a frame.
    pub(super) fn complete(&mut self, check: &Check, decoded: bool) -> Option<EngineError> {
        if check.idr || check.flush {
            self.held.0.clear();
        }
        let missing: Vec<_> = check
            .named
            .iter()
            .filter(|&&reference| !self.held.contains(reference))
            .collect();
        let missing = (!missing.is_empty())
            .then(|| EngineError::MissingReference(format!("{missing:?} not held")));
        if decoded {
            self.held.add(check.timestamp, &check.named);
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn controls(frame_num: u16, flags: u32, references: &[u64]) -> H264Controls {
        let mut controls = H264Controls::default();
        controls.sps.profile_idc = 100;
        controls.sps.level_idc = 30;
        controls.sps.chroma_format_idc = 1;
        controls.sps.max_num_ref_frames = 4;
        controls.sps.pic_width_in_mbs_minus1 = 3;
        controls.sps.pic_height_in_map_units_minus1 = 3;
        controls.sps.flags =
            V4L2_H264_SPS_FLAG_FRAME_MBS_ONLY | V4L2_H264_SPS_FLAG_DIRECT_8X8_INFERENCE;
        controls.decode_params.nal_ref_idc = 1;
        controls.decode_params.frame_num = frame_num;
        controls.decode_params.flags = flags;
        for (entry, &reference) in controls.decode_params.dpb.iter_mut().zip(references) {
            entry.reference_ts = reference;
            entry.flags = V4L2_H264_DPB_ENTRY_FLAG_VALID | V4L2_H264_DPB_ENTRY_FLAG_ACTIVE;
        }
        controls
    }

    fn run(
        stream: &mut H264Stream,
        controls: &H264Controls,
        timestamp: u64,
    ) -> (bool, bool, Option<EngineError>) {
        let admitted = stream.admit(controls, &[0, 0, 1, 0x65], timestamp).unwrap();
        (
            admitted.flush,
            admitted.parameter_sets.is_some(),
            stream.complete(&admitted.check, true),
        )
    }

    const IDR: u32 = V4L2_H264_DECODE_PARAM_FLAG_IDR_PIC;

    #[test]
    fn parameter_sets_go_out_on_change_only() {
        let mut stream = H264Stream::default();
        assert_eq!(
            run(&mut stream, &controls(0, IDR, &[]), 1),
            (false, true, None)
        );
        assert_eq!(
            run(&mut stream, &controls(1, 0, &[1]), 2),
            (false, false, None)
        );
        let mut changed = controls(2, 0, &[1, 2]);
        changed.pps.pic_init_qp_minus26 = 3;
        assert_eq!(run(&mut stream, &changed, 3), (false, true, None));
    }

    #[test]
    fn a_seek_flushes_and_a_lost_reference_is_named() {
        let mut stream = H264Stream::default();
        run(&mut stream, &controls(0, IDR, &[]), 1);
        run(&mut stream, &controls(1, 0, &[1]), 2);
        // A recovery point with an empty DPB, then its successor.
        assert_eq!(
            run(&mut stream, &controls(9, 0, &[]), 3),
            (true, false, None)
        );
        assert_eq!(
            run(&mut stream, &controls(10, 0, &[3]), 4),
            (false, false, None)
        );
        let (flush, _, missing) = run(&mut stream, &controls(11, 0, &[4, 2]), 5);
        assert!(!flush && matches!(missing, Some(EngineError::MissingReference(_))));
        // A DPB of strangers alone.
        let (flush, _, missing) = run(&mut stream, &controls(12, 0, &[70, 71]), 6);
        assert!(flush && matches!(missing, Some(EngineError::MissingReference(_))));
    }

    #[test]
    fn second_fields_gaps_and_silent_intra_pictures_are_no_seek() {
        let mut stream = H264Stream::default();
        let field = V4L2_H264_DECODE_PARAM_FLAG_FIELD_PIC;
        let bottom = field | V4L2_H264_DECODE_PARAM_FLAG_BOTTOM_FIELD;
        assert_eq!(
            run(&mut stream, &controls(0, IDR | field, &[]), 1),
            (false, true, None)
        );
        assert_eq!(
            run(&mut stream, &controls(0, bottom, &[1]), 1),
            (false, false, None)
        );
        assert_eq!(
            run(&mut stream, &controls(1, 0, &[]), 2),
            (false, false, None)
        );
        // Non-existing frames of a gap have no timestamp.
        assert_eq!(
            run(&mut stream, &controls(5, 0, &[2, 0, 0]), 3),
            (false, false, None)
        );
    }

    #[test]
    fn only_slices_are_passed_on() {
        let plain = [0, 0, 1, 0x65, 1, 0, 0, 1, 0x41, 2];
        assert!(matches!(slices(&plain), Cow::Borrowed(bytes) if bytes == plain));
        let mixed = [
            0, 0, 0, 1, 0x67, 9, 0, 0, 1, 0x65, 1, 0, 0, 1, 0x0b, 0, 0, 1, 0x41, 2,
        ];
        assert_eq!(*slices(&mixed), plain);
        assert!(slices(&[0, 0, 1, 0x67, 9]).is_empty());
    }

    #[test]
    fn fields_pair_by_frame_and_parity() {
        let field = |frame_num, bottom, timestamp| {
            let bottom = if bottom {
                V4L2_H264_DECODE_PARAM_FLAG_BOTTOM_FIELD
            } else {
                0
            };
            FieldId::of(
                &controls(
                    frame_num,
                    V4L2_H264_DECODE_PARAM_FLAG_FIELD_PIC | bottom,
                    &[],
                ),
                timestamp,
            )
            .unwrap()
        };
        let first = field(3, true, 7);
        assert!(field(3, false, 7).completes(&first));
        assert!(!field(3, true, 7).completes(&first));
        assert!(!field(4, false, 7).completes(&first));
        assert!(!field(3, false, 8).completes(&first));
        assert_eq!(FieldId::of(&controls(3, 0, &[]), 7), None);
    }
}
