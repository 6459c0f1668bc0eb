// SPDX-License-Identifier: BSD-2-Clause
//! The uncompressed header of a VP9 frame (VP9 specification, clause 6.2), as far as it decides whether the decoder will
//! take the frame, and which slots the frame uses and refreshes (pure).

use crate::error::EngineError;
use v4l2_common::bits::{BitError, BitReader};

/// Slots of the reference frame buffer (clause 3: NUM_REF_FRAMES).
pub(super) const SLOTS: usize = 8;
/// Largest width and height that the engine decodes.
const MAX_SIZE: u32 = 8192;
const FRAME_SYNC_CODE: u32 = 0x49_8342;

/// The format of a frame in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub width: u32,
    pub height: u32,
    /// 8 or 10.
    pub bit_depth: u8,
}

/// What the engine needs to know of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub profile: u8,
    pub format: Format,
    refresh_frame_flags: u32,
    /// Slots of LAST, GOLDEN and ALTREF; `None` for intra frames.
    pub references: Option<[usize; 3]>,
}

impl From<BitError> for Refusal {
    fn from(_: BitError) -> Self {
        Self::Damaged("it ends too early")
    }
}

#[derive(Debug)]
enum Refusal {
    Damaged(&'static str),
    Unsupported(&'static str),
    EmptySlot(usize),
}

fn demand(holds: bool, otherwise: &'static str) -> Result<(), Refusal> {
    if holds {
        Ok(())
    } else {
        Err(Refusal::Damaged(otherwise))
    }
}

impl Header {
    /// Reads the header of `frame`. `slots` are the frames that it may refer to, `bit_depth` is that of the last frame.
    ///
    /// # Errors
    /// The decoder would refuse the frame: damaged, of a format that the engine does not decode, or referring to an
    /// empty slot.
    pub(super) fn parse(
        frame: &[u8],
        slots: &[Option<Format>; SLOTS],
        bit_depth: u8,
    ) -> Result<Self, EngineError> {
        Self::read(frame, slots, bit_depth).map_err(|refusal| match refusal {
            Refusal::Damaged(why) => EngineError::Damaged(format!("VP9 frame header: {why}")),
            Refusal::Unsupported(what) => EngineError::Invalid(format!("VP9 with {what}")),
            Refusal::EmptySlot(slot) => {
                EngineError::MissingReference(format!("slot {slot} is empty"))
            }
        })
    }

    /// Does the frame go into `slot`?
    pub(super) fn refreshes(&self, slot: usize) -> bool {
        self.refresh_frame_flags >> slot & 1 == 1
    }

    fn read(frame: &[u8], slots: &[Option<Format>; SLOTS], bit_depth: u8) -> Result<Self, Refusal> {
        let mut r = BitReader::new(frame);
        demand(r.bits(2)? == 2, "no frame marker")?;
        let profile = u8::from(r.bit()?) | u8::from(r.bit()?) << 1;
        if profile & 1 == 1 {
            return Err(Refusal::Unsupported("other than 4:2:0 subsampling"));
        }
        demand(!r.bit()?, "it only shows an existing frame")?;
        let key_frame = !r.bit()?;
        let show_frame = r.bit()?;
        let error_resilient_mode = r.bit()?;
        let intra_only = !key_frame && !show_frame && r.bit()?;
        if !key_frame && !error_resilient_mode {
            r.skip(2)?; // reset_frame_context
        }
        let header = if key_frame || intra_only {
            demand(r.bits(24)? == FRAME_SYNC_CODE, "no sync code")?;
            // An intra-only frame of profile 0 has no color_config(): it is 8 bit.
            let bit_depth = if key_frame || profile > 0 {
                color_config(&mut r, profile)?
            } else {
                8
            };
            let refresh_frame_flags = if key_frame { 0xff } else { r.bits(8)? };
            let (width, height) = frame_size(&mut r)?;
            let format = Format {
                width,
                height,
                bit_depth,
            };
            Self {
                profile,
                format,
                refresh_frame_flags,
                references: None,
            }
        } else {
            let refresh_frame_flags = r.bits(8)?;
            let mut references = [0; 3];
            for reference in &mut references {
                *reference = r.bits(3)? as usize;
                r.skip(1)?; // ref_frame_sign_bias
            }
            let (width, height) = frame_size_with_refs(&mut r, &references, slots)?;
            let format = Format {
                width,
                height,
                bit_depth,
            };
            check_references(format, &references, slots)?;
            Self {
                profile,
                format,
                refresh_frame_flags,
                references: Some(references),
            }
        };
        demand(
            header.format.width <= MAX_SIZE && header.format.height <= MAX_SIZE,
            "larger than 8192x8192",
        )?;
        if r.bit()? {
            r.skip(32)?; // render_size()
        }
        if header.references.is_some() {
            r.skip(1)?; // allow_high_precision_mv
            if !r.bit()? {
                r.skip(2)?; // raw_interpolation_filter
            }
        }
        if !error_resilient_mode {
            r.skip(2)?; // refresh_frame_context, frame_parallel_decoding_mode
        }
        r.skip(2)?; // frame_context_idx
        loop_filter_params(&mut r)?;
        quantization_params(&mut r)?;
        segmentation_params(&mut r)?;
        tile_info(&mut r, header.format.width)?;
        let compressed = r.bits(16)? as usize;
        demand(compressed > 0, "no compressed header")?;
        r.byte_align();
        let data = frame.get(r.position() / 8..).unwrap_or_default();
        demand(data.len() >= compressed, "the compressed header is cut off")?;
        // init_bool() (clause 9.2.1): the first symbol is a marker that must be 0.
        demand(
            data.first().is_some_and(|first| first & 0x80 == 0),
            "marker bit in the compressed header",
        )?;
        Ok(header)
    }
}

/// `color_config()` of profiles 0 and 2; gives the bit depth.
fn color_config(r: &mut BitReader<'_>, profile: u8) -> Result<u8, Refusal> {
    let mut bit_depth = 8;
    if profile >= 2 {
        bit_depth = 10;
        if r.bit()? {
            return Err(Refusal::Unsupported("12 bits"));
        }
    }
    demand(r.bits(3)? != 7, "RGB in a 4:2:0 profile")?; // color_space
    r.skip(1)?; // color_range
    Ok(bit_depth)
}

fn frame_size(r: &mut BitReader<'_>) -> Result<(u32, u32), Refusal> {
    Ok((r.bits(16)? + 1, r.bits(16)? + 1))
}

fn frame_size_with_refs(
    r: &mut BitReader<'_>,
    references: &[usize; 3],
    slots: &[Option<Format>; SLOTS],
) -> Result<(u32, u32), Refusal> {
    for &slot in references {
        let Some(format) = slots.get(slot).copied().flatten() else {
            return Err(Refusal::EmptySlot(slot));
        };
        if r.bit()? {
            return Ok((format.width, format.height));
        }
    }
    frame_size(r)
}

/// All three slots must hold frames of this bit depth, and one at least must be within the limits of scaling.
fn check_references(
    format: Format,
    references: &[usize; 3],
    slots: &[Option<Format>; SLOTS],
) -> Result<(), Refusal> {
    let mut usable = false;
    for &slot in references {
        let Some(reference) = slots.get(slot).copied().flatten() else {
            return Err(Refusal::EmptySlot(slot));
        };
        demand(
            reference.bit_depth == format.bit_depth,
            "a reference of another bit depth",
        )?;
        usable |= 2 * format.width >= reference.width
            && 2 * format.height >= reference.height
            && format.width <= 16 * reference.width
            && format.height <= 16 * reference.height;
    }
    demand(usable, "no reference can be scaled to its size")
}

/// `flag` values of `bits` bits and a sign, each behind a flag.
fn flagged(r: &mut BitReader<'_>, count: usize, bits: usize) -> Result<(), BitError> {
    for _ in 0..count {
        if r.bit()? {
            r.skip(bits)?;
        }
    }
    Ok(())
}

fn loop_filter_params(r: &mut BitReader<'_>) -> Result<(), BitError> {
    r.skip(6 + 3)?; // loop_filter_level, loop_filter_sharpness
    if r.bit()? && r.bit()? {
        flagged(r, 4 + 2, 6 + 1)?; // ref and mode deltas
    }
    Ok(())
}

fn quantization_params(r: &mut BitReader<'_>) -> Result<(), BitError> {
    r.skip(8)?; // base_q_idx
    flagged(r, 3, 4 + 1)
}

fn segmentation_params(r: &mut BitReader<'_>) -> Result<(), BitError> {
    if !r.bit()? {
        return Ok(());
    }
    if r.bit()? {
        flagged(r, 7, 8)?; // tree_probs
        if r.bit()? {
            flagged(r, 3, 8)?; // pred_probs
        }
    }
    if r.bit()? {
        r.skip(1)?; // segmentation_abs_or_delta_update
        for _ in 0..8 {
            for bits in [8 + 1, 6 + 1, 2, 0] {
                flagged(r, 1, bits)?;
            }
        }
    }
    Ok(())
}

fn tile_info(r: &mut BitReader<'_>, width: u32) -> Result<(), BitError> {
    let superblocks = width.div_ceil(64);
    let mut log2 = 0;
    while 64 << log2 < superblocks {
        log2 += 1;
    }
    let mut max = 1;
    while superblocks >> max >= 4 {
        max += 1;
    }
    while log2 < max - 1 && r.bit()? {
        log2 += 1;
    }
    if r.bit()? {
        r.skip(1)?; // tile_rows_log2
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::{inter, key};
    use super::*;

    #[test]
    fn headers_are_read() {
        let format = Format {
            width: 352,
            height: 288,
            bit_depth: 10,
        };
        let header = Header::parse(&key(2, 352, 288), &[None; SLOTS], 8).unwrap();
        assert_eq!(
            (header.profile, header.format, header.references),
            (2, format, None)
        );
        assert!((0..SLOTS).all(|slot| header.refreshes(slot)));
        let header = Header::parse(&inter(0x24, [5, 0, 7]), &[Some(format); SLOTS], 10).unwrap();
        assert_eq!(
            (header.format, header.references),
            (format, Some([5, 0, 7]))
        );
        assert_eq!(
            (0..SLOTS)
                .filter(|&slot| header.refreshes(slot))
                .collect::<Vec<_>>(),
            [2, 5]
        );
    }

    #[test]
    fn what_the_decoder_would_refuse_is_refused() {
        let small = Some(Format {
            width: 16,
            height: 16,
            bit_depth: 8,
        });
        let slots = [small; SLOTS];
        let damaged = |frame: &[u8], slots: &[Option<Format>; SLOTS], bit_depth| {
            matches!(
                Header::parse(frame, slots, bit_depth),
                Err(EngineError::Damaged(_))
            )
        };
        let whole = key(0, 64, 64);
        assert!(Header::parse(&whole, &slots, 8).is_ok());
        for length in 0..whole.len() {
            assert!(damaged(&whole[..length], &slots, 8), "cut to {length}");
        }
        assert!(damaged(&[0x88], &slots, 8), "show_existing_frame");
        let mut unsynchronised = whole.clone();
        unsynchronised[2] ^= 1;
        assert!(damaged(&unsynchronised, &slots, 8));
        assert!(damaged(&key(0, 8200, 64), &slots, 8));
        assert!(
            damaged(&inter(1, [0, 1, 2]), &slots, 10),
            "another bit depth"
        );
        let mut empty = slots;
        empty[1] = None;
        let missing = Header::parse(&inter(1, [0, 1, 2]), &empty, 8);
        assert!(matches!(missing, Err(EngineError::MissingReference(_))));
        assert!(matches!(
            Header::parse(&key(1, 64, 64), &slots, 8),
            Err(EngineError::Invalid(_))
        ));
    }
}
