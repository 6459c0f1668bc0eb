// SPDX-License-Identifier: BSD-2-Clause
//! Recovers `refresh_frame_flags`, which VA does not carry, with private reference slots.
//!
//! The numbers of the client's slots mean nothing to a decoder; what counts is that every picture finds the state of its
//! references. So we number slots ourselves. At each picture the client's `ref_frame_map` is the set of live pictures:
//! slots of ours that hold anything else are free, and the new picture is stored in a free one, whatever its real
//! flags are. If it was not to be stored, no later map names it, and its slot is soon free again.
//!
//! That is exact while a slot is free. With eight distinct live references the new picture either replaces one of
//! them, and the next map will not name that one, or is not stored at all. Such a picture is *held* until the next one
//! brings the map that tells, and is then submitted with the right flags. If somebody waits for it before
//! ([`Slots::release`]), it is submitted with `refresh_frame_flags` 0 for its samples, and once more, without output, if
//! the next map shows that it was stored. Nothing is ever guessed; the price is the second decode, which a stream pays for
//! pictures that are shown at once and stored while eight others live (a tenth of the pictures of typical SVT-AV1 streams,
//! up to half of libaom's). Hidden pictures are rarely waited for.
//!
//! Shown key frames and switch frames replace all slots by definition. FFmpeg names no reference at a key frame; where the key
//! frame is hidden, others stay alive unseen, and the slots are kept as they are.

use crate::codec::{CodecError, Submission, Surfaces};
use v4l2_common::av1::{NUM_REF_FRAMES, REFS_PER_FRAME};
use v4l2_common::picture::{Av1Controls, Controls, Picture};
use v4l2_common::uapi::av1::*;
use va_sys::{VA_INVALID_SURFACE, VADecPictureParameterBufferAV1, VASurfaceID};

/// Pictures that may await a map. More than one does only if hidden key frames follow each other.
const MAX_PENDING: usize = NUM_REF_FRAMES;

/// What later pictures need to know of a picture (section 7.20, as far as VA leaves it out).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Saved {
    pub timestamp: u64,
    pub order_hint: u32,
    pub segmentation: v4l2_av1_segmentation,
    pub ref_deltas: [i8; 8],
    pub mode_deltas: [i8; 2],
}

type SlotArray = [Option<Saved>; NUM_REF_FRAMES];

/// A picture whose `refresh_frame_flags` the next map will tell.
#[derive(Clone, Debug)]
struct Pending {
    controls: Av1Controls,
    bitstream: Vec<u8>,
    saved: Saved,
    /// Already submitted for its samples.
    submitted: bool,
}

impl Pending {
    fn submission(mut self, refresh_frame_flags: u8) -> Submission {
        self.controls.frame.refresh_frame_flags = refresh_frame_flags;
        if self.submitted {
            self.controls.film_grain = None;
        }
        let timestamp = self.saved.timestamp;
        Submission {
            picture: Picture {
                controls: Controls::Av1(Box::new(self.controls)),
                bitstream: self.bitstream,
                timestamp,
            },
            output: !self.submitted,
        }
    }
}

/// The client's slots at a picture.
pub(super) struct ClientMap {
    /// Timestamps of the surfaces named.
    timestamps: [Option<u64>; NUM_REF_FRAMES],
    /// Whether the map says what is live.
    known: bool,
}

impl ClientMap {
    pub fn new(surfaces: &[VASurfaceID; 8], frame_type: u32, timestamps: &dyn Surfaces) -> Self {
        let named = |&id: &VASurfaceID| id != VA_INVALID_SURFACE;
        Self {
            timestamps: std::array::from_fn(|i| {
                Some(surfaces[i])
                    .filter(named)
                    .and_then(|id| timestamps.timestamp(id))
                    .filter(|&ts| ts != 0)
            }),
            known: frame_type != V4L2_AV1_KEY_FRAME || surfaces.iter().any(named),
        }
    }

    fn names(&self, timestamp: u64) -> bool {
        self.timestamps.contains(&Some(timestamp))
    }
}

/// What becomes of the slots at a picture, before it is decoded.
pub(super) struct Plan {
    slots: SlotArray,
    /// For each pending picture, in order.
    pending: Vec<Fate>,
    /// The picture replaces all slots.
    refresh_all: bool,
}

enum Fate {
    /// Submit it with these flags, unless there is nothing to refresh and its samples are out already.
    Settled(u8),
    /// Submit it for its samples, if that is still to be done; the next map may tell.
    Open,
}

/// The references of a picture in our slots.
pub(super) struct References {
    pub timestamps: [u64; NUM_REF_FRAMES],
    pub indices: [i8; REFS_PER_FRAME],
    /// What is known of each; `None` where the client names nothing that this stream has decoded.
    pub saved: [Option<Saved>; REFS_PER_FRAME],
}

impl Plan {
    /// Finds the references of a picture. A missing one is mapped to an empty slot (timestamp 0), for the backend to
    /// report.
    pub fn references(
        &self,
        map: &ClientMap,
        params: &VADecPictureParameterBufferAV1,
        frame: &v4l2_ctrl_av1_frame,
    ) -> Result<References, CodecError> {
        let timestamps =
            std::array::from_fn(|i| self.slots[i].as_ref().map_or(0, |saved| saved.timestamp));
        let mut references = References {
            timestamps,
            indices: [0; 7],
            saved: Default::default(),
        };
        if matches!(
            frame.frame_type,
            V4L2_AV1_KEY_FRAME | V4L2_AV1_INTRA_ONLY_FRAME
        ) {
            return Ok(references);
        }
        for (i, &client) in params.ref_frame_idx.iter().enumerate() {
            let named = map
                .timestamps
                .get(usize::from(client))
                .ok_or_else(|| CodecError::Invalid(format!("ref_frame_idx[{i}] is {client}")))?;
            let found = named.and_then(|ts| timestamps.iter().position(|&held| held == ts));
            let slot = found
                .or_else(|| timestamps.iter().position(|&held| held == 0))
                .ok_or_else(|| {
                    CodecError::Invalid(format!("reference {i} was never decoded in this stream"))
                })?;
            references.indices[i] = slot as i8;
            references.saved[i] = self.slots[slot].clone();
        }
        Ok(references)
    }
}

/// The private slots of a stream.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: SlotArray,
    pending: Vec<Pending>,
}

impl Slots {
    /// What the map of a picture says of the slots and of the pending pictures. Changes nothing.
    pub fn plan(&self, map: &ClientMap, frame: &v4l2_ctrl_av1_frame) -> Plan {
        let key = frame.frame_type == V4L2_AV1_KEY_FRAME;
        let shown_key = key && frame.flags & V4L2_AV1_FRAME_FLAG_SHOW_FRAME != 0;
        let refresh_all = shown_key || frame.frame_type == V4L2_AV1_SWITCH_FRAME;
        if shown_key {
            let pending = self.pending.iter().map(|_| Fate::Settled(0)).collect();
            return Plan {
                slots: Default::default(),
                pending,
                refresh_all,
            };
        }
        let mut slots = self.slots.clone();
        // One slot keeps a picture; after a shown key frame all eight hold the same.
        for i in 0..NUM_REF_FRAMES {
            let (before, rest) = slots.split_at_mut(i);
            if let Some(slot) = rest.first_mut() {
                let twin = slot.is_some() && before.contains(slot);
                if twin
                    || slot
                        .as_ref()
                        .is_some_and(|saved| map.known && !map.names(saved.timestamp))
                {
                    *slot = None;
                }
            }
        }
        if !map.known {
            let pending = self.pending.iter().map(|_| Fate::Open).collect();
            return Plan {
                slots,
                pending,
                refresh_all,
            };
        }
        let mut settle = |pending: &Pending| {
            let stored = map.names(pending.saved.timestamp);
            match slots
                .iter_mut()
                .enumerate()
                .find(|(_, slot)| stored && slot.is_none())
            {
                Some((free, slot)) => {
                    *slot = Some(pending.saved.clone());
                    Fate::Settled(1 << free)
                }
                None => Fate::Settled(0),
            }
        };
        let pending = self.pending.iter().map(&mut settle).collect();
        Plan {
            slots,
            pending,
            refresh_all,
        }
    }

    /// Carries out a plan and takes in the picture it was made for: what to submit now.
    pub fn commit(
        &mut self,
        plan: Plan,
        mut controls: Av1Controls,
        bitstream: Vec<u8>,
        timestamp: u64,
        mut saved: Saved,
    ) -> Vec<Submission> {
        let mut submissions = Vec::new();
        let mut open = Vec::new();
        for (mut pending, fate) in std::mem::take(&mut self.pending)
            .into_iter()
            .zip(plan.pending)
        {
            match fate {
                Fate::Settled(0) if pending.submitted => {}
                Fate::Settled(flags) => submissions.push(pending.submission(flags)),
                Fate::Open => {
                    if !pending.submitted {
                        submissions.push(pending.clone().submission(0));
                        pending.submitted = true;
                    }
                    open.push(pending);
                }
            }
        }
        self.slots = plan.slots;
        self.pending = open;

        saved.timestamp = timestamp;
        let free = self.slots.iter().position(Option::is_none);
        controls.frame.refresh_frame_flags = match free {
            _ if plan.refresh_all => 0xff,
            Some(free) => 1 << free,
            None => {
                if self.pending.len() >= MAX_PENDING {
                    self.pending.remove(0);
                }
                self.pending.push(Pending {
                    controls,
                    bitstream,
                    saved,
                    submitted: false,
                });
                return submissions;
            }
        };
        for (i, slot) in self.slots.iter_mut().enumerate() {
            if controls.frame.refresh_frame_flags >> i & 1 == 1 {
                *slot = Some(saved.clone());
            }
        }
        let controls = Controls::Av1(Box::new(controls));
        submissions.push(Submission {
            picture: Picture {
                controls,
                bitstream,
                timestamp,
            },
            output: true,
        });
        submissions
    }

    /// Submits a held picture for its samples alone.
    pub fn release(&mut self) -> Option<Submission> {
        let held = self.pending.iter_mut().find(|pending| !pending.submitted)?;
        let submission = held.clone().submission(0);
        held.submitted = true;
        Some(submission)
    }
}
