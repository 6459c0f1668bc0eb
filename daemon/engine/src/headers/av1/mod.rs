// SPDX-License-Identifier: BSD-2-Clause
//! AV1 controls to OBUs: one temporal unit per picture, for a decoder that knows nothing of V4L2.
//!
//! The headers written are canonical, not the client's: everything that the controls state is explicit, everything that
//! they do not carry has one constant value. So the sequence header stays the same for all frame sizes of a stream, which
//! matters because decoders drop their references when it changes.
//!
//! What is written depends on what the decoder holds: global motion is coded against the primary reference's, skip mode
//! is allowed or not by order hints. [`Av1Headers`] therefore follows the decoder's eight slots. It compares them with the
//! client's (`reference_frame_ts`), and where they differ says so: see [`Av1Headers::unit`].
//!
//! Expected of the decoder: operating point 0, all layers and hidden frames put out, film grain applied apart from
//! decoding.

mod check;
mod frame;
mod grain;
mod motion;
mod obu;
mod params;
mod sequence;
#[cfg(test)]
mod tests;
mod tiles;

use crate::error::EngineError;
use check::Layout;
use v4l2_common::av1::NUM_REF_FRAMES;
use v4l2_common::picture::Av1Controls;
use v4l2_common::uapi::av1::*;

/// Why no temporal unit can be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The controls have no AV1 syntax, or name data that is not there.
    #[error("{0}")]
    Invalid(String),
    /// The frame references a picture that the decoder does not hold.
    #[error("{0}")]
    MissingReference(String),
}

impl From<HeaderError> for EngineError {
    fn from(error: HeaderError) -> Self {
        match error {
            HeaderError::Invalid(what) => EngineError::Invalid(what),
            HeaderError::MissingReference(what) => EngineError::MissingReference(what),
        }
    }
}

/// What to feed the decoder for one picture.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemporalUnit {
    /// To be decoded before `data`: shows a key frame that the client has shown since, which refreshes all slots. The
    /// frame that the decoder puts out for it answers no picture and is dropped.
    pub show_existing: Option<Vec<u8>>,
    /// Temporal delimiter, sequence header where it is due, frame OBU. The decoder puts out exactly one frame for it.
    pub data: Vec<u8>,
}

/// What a slot of the decoder holds: the saved state that later headers depend on (section 7.20).
#[derive(Clone, Debug)]
struct Slot {
    timestamp: u64,
    frame_type: u32,
    order_hint: u32,
    upscaled_width: u32,
    height: u32,
    /// `SavedGmParams`
    motion: [[i32; 6]; 8],
}

/// Writes a stream's temporal units and follows the decoder's slots.
#[derive(Clone, Debug, Default)]
pub struct Av1Headers {
    sequence: Vec<u8>,
    slots: [Option<Slot>; NUM_REF_FRAMES],
}

impl Av1Headers {
    /// For a decoder that has decoded nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// The decoder was flushed or replaced: it holds nothing any more.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// The decoder refused the unit of this picture, or lost it: later pictures that reference it are refused.
    ///
    /// What its slots held before is lost as well; a client that goes on to name it is told so.
    pub fn lost(&mut self, timestamp: u64) {
        for slot in &mut self.slots {
            if slot.as_ref().is_some_and(|s| s.timestamp == timestamp) {
                *slot = None;
            }
        }
    }

    /// The temporal unit of one picture; `bitstream` is `Picture::bitstream`, `timestamp` is `Picture::timestamp`.
    ///
    /// `frame.reference_frame_ts` says what the client's slots hold. A reference is found by its timestamp in whatever
    /// slot the decoder has it. Where all eight of the client's slots name the same key frame and the decoder's do not, the
    /// client has shown it again (`show_existing_frame`, which no control carries), and so must the decoder: the
    /// unit begins with [`TemporalUnit::show_existing`].
    ///
    /// # Errors
    /// The picture is refused, and nothing changes: the decoder is not to be fed.
    pub fn unit(
        &mut self,
        controls: &Av1Controls,
        bitstream: &[u8],
        timestamp: u64,
    ) -> Result<TemporalUnit, HeaderError> {
        let layout = Layout::new(controls, bitstream)?;
        let frame = &controls.frame;
        let sequence = sequence::sequence_header(&controls.sequence);
        let new_sequence = sequence != self.sequence;
        let key = frame.frame_type == V4L2_AV1_KEY_FRAME;
        let shown_key = key && layout.flag(V4L2_AV1_FRAME_FLAG_SHOW_FRAME);

        let mut slots = self.slots.clone();
        if new_sequence || shown_key {
            slots = Default::default();
        }
        let mut show_existing = None;
        if let Some(index) = shown_again(&slots, &frame.reference_frame_ts) {
            show_existing = Some(obu::show_existing_frame(index));
            let shown = slots.get(usize::from(index)).cloned().flatten();
            slots = std::array::from_fn(|_| shown.clone());
        }
        let references = if layout.intra {
            [0; 7]
        } else {
            references(&slots, frame, &layout)?
        };

        let refresh = match frame.frame_type {
            _ if shown_key => 0xff,
            V4L2_AV1_SWITCH_FRAME => 0xff,
            _ => frame.refresh_frame_flags,
        };
        let written = frame::Frame {
            controls,
            layout: &layout,
            slots: &slots,
            references,
            refresh,
        }
        .write()?;

        let mut data = obu::temporal_delimiter();
        if new_sequence || key {
            data.extend_from_slice(&sequence);
        }
        let header = written.header;
        let size = tiles::group_size(&layout).saturating_add(header.len());
        obu::begin(obu::OBU_FRAME, size, &mut data);
        data.extend_from_slice(&header);
        tiles::write_group(&layout, bitstream, &mut data);

        let stored = Slot {
            timestamp,
            frame_type: frame.frame_type,
            order_hint: frame.order_hint,
            upscaled_width: layout.upscaled_width,
            height: layout.height,
            motion: written.motion,
        };
        for (i, slot) in slots.iter_mut().enumerate() {
            if refresh >> i & 1 == 1 {
                *slot = Some(stored.clone());
            }
        }
        self.slots = slots;
        self.sequence = sequence;
        Ok(TemporalUnit {
            show_existing,
            data,
        })
    }
}

/// The slot of a key frame that all of the client's slots name and not all of the decoder's hold.
fn shown_again(
    slots: &[Option<Slot>; NUM_REF_FRAMES],
    client: &[u64; NUM_REF_FRAMES],
) -> Option<u8> {
    let timestamp = client[0];
    if timestamp == 0 || client.iter().any(|&ts| ts != timestamp) {
        return None;
    }
    let holds = |slot: &Option<Slot>| slot.as_ref().is_some_and(|s| s.timestamp == timestamp);
    if slots.iter().all(holds) {
        return None;
    }
    let index = slots.iter().position(holds)?;
    let key = slots[index]
        .as_ref()
        .is_some_and(|s| s.frame_type == V4L2_AV1_KEY_FRAME);
    key.then_some(index as u8)
}

/// The decoder's slots of the seven references.
fn references(
    slots: &[Option<Slot>; NUM_REF_FRAMES],
    frame: &v4l2_ctrl_av1_frame,
    layout: &Layout<'_>,
) -> Result<[u8; 7], HeaderError> {
    const NAMES: [&str; 7] = [
        "LAST", "LAST2", "LAST3", "GOLDEN", "BWDREF", "ALTREF2", "ALTREF",
    ];
    let mut references = [0; 7];
    for ((target, &index), name) in references.iter_mut().zip(&frame.ref_frame_idx).zip(NAMES) {
        let wanted = usize::try_from(index)
            .ok()
            .and_then(|i| Some((i, *frame.reference_frame_ts.get(i)?)));
        let Some((index, timestamp)) = wanted else {
            return Err(HeaderError::Invalid(format!(
                "ref_frame_idx {index} of {name}_FRAME"
            )));
        };
        let holds = |i: &usize| slots[*i].as_ref().is_some_and(|s| s.timestamp == timestamp);
        let found = Some(index)
            .filter(holds)
            .or((0..NUM_REF_FRAMES).find(holds));
        let Some(slot) = found else {
            return Err(HeaderError::MissingReference(match timestamp {
                0 => format!("{name}_FRAME names an empty slot"),
                _ => format!("{name}_FRAME names timestamp {timestamp}, which no slot holds"),
            }));
        };
        if let Some(reference) = &slots[slot] {
            check::scaling(layout, name, reference.upscaled_width, reference.height)?;
        }
        *target = slot as u8;
    }
    Ok(references)
}
