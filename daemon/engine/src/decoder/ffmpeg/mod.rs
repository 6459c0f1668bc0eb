// SPDX-License-Identifier: BSD-2-Clause
//! H.264 and VP9 through libavcodec, several pictures at once.
//!
//! libavcodec's frame threads form a ring: packet `n` is handed to thread `n mod depth`, and feeding packet `n` waits for
//! packet `n - depth + 1`, in both FFmpeg 5.1 and 7.1 (`pthread_frame.c`). So a picture is final, and its error known,
//! once `depth - 1` more packets have been fed. Later pictures push it out by themselves; where none is at hand, packets
//! that decode nothing do, and the pictures in between go on decoding.
//!
//! The fields of an H.264 frame share one buffer, and the second one writes to it while the first one is complete. A
//! first field is therefore held back until the next picture tells whether it is one of a pair: the frame comes with the
//! second field, and the first one completes without. This also keeps no-op packets from between the fields, where
//! libavcodec would run the first field's reference marking once more.

mod av;
mod bands;
mod h264;
mod plane;
mod vp9;

use super::{Decoded, Decoder};
use crate::error::EngineError;
use crate::frame::Frame;
use av::{Context, Fed};
use h264::{FieldId, H264Stream};
use plane::PlanarFrame;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use v4l2_common::picture::{Codec, Controls, Picture};
use vp9::Vp9Stream;

enum Stream {
    H264(H264Stream),
    Vp9(Vp9Stream),
}

enum Check {
    H264(h264::Check),
    Vp9(vp9::Check),
}

/// A picture's part in its frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// A frame, or a field that stays alone.
    Whole,
    /// The first field of a frame; the frame comes with the second.
    First,
    /// The second field of the frame that the packet with this number began.
    Second(i64),
}

/// Something in the ring, or in line with it.
struct Slot {
    /// The number of the packet; `None`: nothing was fed.
    packet: Option<i64>,
    role: Role,
    check: Option<Check>,
    /// The picture that completes with it; `None` for no-op packets, and for what is completed already.
    sequence: Option<u64>,
    error: Option<EngineError>,
}

/// A first field whose successor is not known yet.
struct Waiting {
    sequence: u64,
    picture: Picture,
    id: FieldId,
}

/// libavcodec, decoding one stream.
pub(super) struct Ffmpeg {
    context: Context,
    stream: Stream,
    ring: VecDeque<Slot>,
    /// Slots of `ring` that hold a packet.
    fed: usize,
    waiting: Option<Waiting>,
    /// The first field fed last, while its second one may come.
    open_field: Option<(i64, FieldId)>,
    /// The frame of a first field that is out of the ring.
    first_frame: Option<(i64, Arc<PlanarFrame>)>,
    /// Packets whose frames were output with decode errors.
    damaged: Vec<i64>,
    /// The next packet's number; also its `pts`.
    next_packet: i64,
}

/// The `pts` of no-op packets.
const NO_PACKET: i64 = -1;

impl Ffmpeg {
    /// Opens a decoder with `threads` threads.
    pub(super) fn new(codec: Codec, threads: usize) -> Result<Self, EngineError> {
        let stream = match codec {
            Codec::H264 => Stream::H264(H264Stream::default()),
            Codec::Vp9 => Stream::Vp9(Vp9Stream::default()),
            Codec::Av1 => {
                return Err(EngineError::Unavailable(
                    "AV1 is not decoded by libavcodec".into(),
                ));
            }
        };
        Ok(Self {
            context: Context::open(codec, threads)?,
            stream,
            ring: VecDeque::new(),
            fed: 0,
            waiting: None,
            open_field: None,
            first_frame: None,
            damaged: Vec::new(),
            next_packet: 0,
        })
    }

    /// Feeds one picture, or puts its refusal in line.
    fn submit(&mut self, sequence: u64, picture: &Picture, role: Role, done: &mut Vec<Decoded>) {
        let mut slot = Slot {
            packet: None,
            role,
            check: None,
            sequence: Some(sequence),
            error: None,
        };
        let mut parameter_sets = None;
        let mut data = Cow::Borrowed(&*picture.bitstream);
        let mut tail: &[u8] = &[];
        match (&mut self.stream, &picture.controls) {
            (Stream::H264(stream), Controls::H264(controls)) => {
                data = h264::slices(&picture.bitstream);
                match stream.admit(controls, &data, picture.timestamp) {
                    Ok(admitted) => {
                        parameter_sets = admitted.parameter_sets;
                        slot.check = Some(Check::H264(admitted.check));
                        if admitted.flush {
                            self.restart(done);
                        }
                    }
                    Err(error) => slot.error = Some(error),
                }
            }
            (Stream::Vp9(stream), Controls::Vp9(controls)) => {
                tail = vp9::guard(&picture.bitstream);
                match stream.admit(controls, &picture.bitstream, picture.timestamp) {
                    Ok(check) => slot.check = Some(Check::Vp9(check)),
                    Err(error) => slot.error = Some(error),
                }
            }
            _ => {
                slot.error = Some(EngineError::Invalid(format!(
                    "{} in another codec's session",
                    picture.codec().name()
                )))
            }
        }
        if slot.error.is_some() {
            self.ring.push_back(slot);
            self.settle(Fed::default(), done);
            return;
        }
        let packet = self.next_packet;
        self.next_packet += 1;
        if role == Role::First {
            if let Some(id) = h264_field(picture) {
                self.open_field = Some((packet, id));
            }
        }
        let parts = [parameter_sets.as_deref().unwrap_or_default(), &data, tail];
        match self.context.feed(&parts, packet) {
            Ok(fed) => {
                slot.packet = Some(packet);
                self.ring.push_back(slot);
                self.fed += 1;
                self.settle(fed, done);
            }
            Err(error) => {
                slot.error = Some(error);
                self.ring.push_back(slot);
                self.settle(Fed::default(), done);
            }
        }
    }

    /// Feeds a packet that decodes nothing.
    fn feed_no_op(&mut self, done: &mut Vec<Decoded>) {
        let bytes = match &self.stream {
            Stream::H264(_) => h264::NO_OP,
            Stream::Vp9(stream) => stream.no_op(),
        };
        match self.context.feed(&[bytes], NO_PACKET) {
            Ok(fed) => {
                self.ring.push_back(Slot {
                    packet: Some(NO_PACKET),
                    role: Role::Whole,
                    check: None,
                    sequence: None,
                    error: None,
                });
                self.fed += 1;
                self.settle(fed, done);
            }
            Err(error) => self.abandon(&error, done),
        }
    }

    /// Takes out what is final after a packet.
    fn settle(&mut self, mut fed: Fed, done: &mut Vec<Decoded>) {
        self.damaged.append(&mut fed.damaged);
        if fed.error == Some(ffmpeg_sys_next::AVERROR(libc::ENOMEM)) {
            // The packet may not have gone in, and the count of what is in the ring would be wrong from here on.
            self.abandon(&EngineError::Unavailable("out of memory".into()), done);
            return;
        }
        while self.fed >= self.context.depth()
            || self.ring.front().is_some_and(|slot| slot.packet.is_none())
        {
            let Some(mut slot) = self.ring.pop_front() else {
                break;
            };
            if slot.packet.is_some() {
                self.fed -= 1;
                if let Some(code) = fed.error.take() {
                    slot.error
                        .get_or_insert_with(|| EngineError::Damaged(av::describe(code)));
                }
            }
            self.finish(slot, done);
        }
    }

    /// Completes a slot whose packet is final.
    fn finish(&mut self, slot: Slot, done: &mut Vec<Decoded>) {
        let Some(packet) = slot.packet else {
            if let Some(sequence) = slot.sequence {
                done.push(Decoded {
                    sequence,
                    frame: None,
                    grained: None,
                    error: slot.error,
                });
            }
            return;
        };
        if packet == NO_PACKET {
            return;
        }
        let mut frame = self.context.take(packet);
        // The frame whose rows are this picture's: its own, or the one that the first field began.
        let mut number = packet;
        if let (Role::Second(first), None) = (slot.role, &frame) {
            number = first;
            frame = self
                .first_frame
                .take()
                .filter(|(other, _)| *other == first)
                .map(|(_, buffer)| buffer);
        }
        let concealed = self.concealed(&slot, packet, number);
        let missing = match (&mut self.stream, &slot.check) {
            (Stream::H264(stream), Some(Check::H264(check))) => {
                stream.complete(check, frame.is_some())
            }
            (Stream::Vp9(stream), Some(Check::Vp9(check))) => {
                stream.complete(check, frame.is_some())
            }
            _ => None,
        };
        let nothing = frame.is_none().then(|| "no frame was decoded".to_owned());
        let error = missing
            .or(slot.error)
            .or(nothing.or(concealed).map(EngineError::Damaged));
        if slot.role == Role::First {
            self.first_frame = frame.take().map(|frame| (packet, frame));
        }
        if let Some(sequence) = slot.sequence {
            done.push(Decoded {
                sequence,
                frame: frame.map(final_frame),
                grained: None,
                error,
            });
        }
    }

    /// What libavcodec concealed in the picture of `packet`, in the frame that packet `number` began.
    fn concealed(&mut self, slot: &Slot, packet: i64, number: i64) -> Option<String> {
        let flagged = self.damaged.contains(&packet);
        self.damaged.retain(|&other| other > packet);
        let flagged = flagged.then(|| "errors were concealed".to_owned());
        let Some(Check::H264(check)) = &slot.check else {
            return flagged;
        };
        let rows = check.rows();
        let finished = self
            .context
            .finished_rows(number, rows.structure, rows.height);
        let lost = rows.count.saturating_sub(finished);
        if lost > 0 {
            return Some(format!("{lost} rows of macroblocks are lost"));
        }
        // With frame threads, a flag of a field may be left over from an earlier picture of the same thread (FFmpeg 5.1).
        flagged.filter(|_| rows.structure == h264::FRAME)
    }

    /// Pushes out what is in the ring, and makes libavcodec forget its references.
    fn restart(&mut self, done: &mut Vec<Decoded>) {
        while self.ring.iter().any(|slot| slot.sequence.is_some()) {
            self.feed_no_op(done);
        }
        self.context.flush();
        self.ring.clear();
        self.fed = 0;
        self.first_frame = None;
        self.open_field = None;
    }

    /// Completes everything in the ring with `error`: waiting for the threads is the last way to make it final.
    fn abandon(&mut self, error: &EngineError, done: &mut Vec<Decoded>) {
        self.context.flush();
        self.fed = 0;
        for mut slot in std::mem::take(&mut self.ring) {
            slot.error.get_or_insert_with(|| error.clone());
            self.finish(slot, done);
        }
        match &mut self.stream {
            Stream::H264(stream) => stream.forget(),
            Stream::Vp9(stream) => stream.forget(),
        }
        self.first_frame = None;
        self.open_field = None;
    }

    /// Feeds the field that waits for its successor, knowing whether that is `second`.
    fn release(&mut self, second: Option<&FieldId>, done: &mut Vec<Decoded>) {
        if let Some(waiting) = self.waiting.take() {
            let paired = second.is_some_and(|second| second.completes(&waiting.id));
            let role = if paired { Role::First } else { Role::Whole };
            self.submit(waiting.sequence, &waiting.picture, role, done);
        }
    }
}

/// The field that a picture is, if it is one.
fn h264_field(picture: &Picture) -> Option<FieldId> {
    match &picture.controls {
        Controls::H264(controls) => FieldId::of(controls, picture.timestamp),
        _ => None,
    }
}

#[allow(unsafe_code)]
fn final_frame(frame: Arc<PlanarFrame>) -> Frame {
    // SAFETY: called by `finish` alone, for pictures whose packet has left the ring, and for fields only with the second
    // one: nothing that libavcodec decodes from now on writes to the frame.
    unsafe { frame.frame() }
}

impl Decoder for Ffmpeg {
    fn send(&mut self, sequence: u64, picture: Picture, done: &mut Vec<Decoded>) {
        let field = h264_field(&picture);
        self.release(field.as_ref(), done);
        let role = match (field, self.open_field.take()) {
            (Some(id), Some((packet, first))) if id.completes(&first) => Role::Second(packet),
            (Some(id), _) => {
                self.waiting = Some(Waiting {
                    sequence,
                    picture,
                    id,
                });
                return;
            }
            (None, _) => Role::Whole,
        };
        self.submit(sequence, &picture, role, done);
    }

    fn push(&mut self, done: &mut Vec<Decoded>) {
        let before = done.len();
        while done.len() == before && self.ring.iter().any(|slot| slot.sequence.is_some()) {
            self.feed_no_op(done);
        }
        if done.len() > before {
            return;
        }
        // A first field, and somebody waits for it before its second one has come: it goes in, and completes without a
        // frame. The ring is empty but for no-op packets, so that nothing needs to be pushed out behind this field.
        if let Some(waiting) = self.waiting.take() {
            self.submit(waiting.sequence, &waiting.picture, Role::First, done);
            for slot in &mut self.ring {
                if let Some(sequence) = slot.sequence.take() {
                    done.push(Decoded {
                        sequence,
                        frame: None,
                        grained: None,
                        error: slot.error.clone(),
                    });
                }
            }
        }
    }

    fn push_idle(&mut self, done: &mut Vec<Decoded>) {
        // A first field goes on waiting: it has nothing to show before its second one has come.
        if self.ring.iter().any(|slot| slot.sequence.is_some()) {
            self.push(done);
        }
    }

    fn pending(&self) -> usize {
        self.ring
            .iter()
            .filter(|slot| slot.sequence.is_some())
            .count()
            + usize::from(self.waiting.is_some())
    }
}
