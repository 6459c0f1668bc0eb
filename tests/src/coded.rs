// SPDX-License-Identifier: BSD-2-Clause
//! Counts what VP9 and AV1 streams show again without decoding it (`show_existing_frame`).

use crate::{manifest::Codec, process};
use anyhow::{Context, Result, ensure};
use std::{path::Path, time::Duration};

/// How many shown frames of the stream are earlier frames shown (again); 0 for H.264, which has no such thing.
///
/// # Errors
/// FFmpeg cannot demultiplex the stream.
pub fn repeated_frames(codec: Codec, path: &Path) -> Result<u64> {
    let split = match codec {
        Codec::H264 => return Ok(0),
        Codec::Vp9 => "vp9_superframe_split",
        Codec::Av1 => "null",
    };
    let path = path.to_string_lossy();
    let args = [
        "-v", "error", "-nostdin", "-i", &path, "-map", "0:v:0", "-c", "copy", "-bsf:v", split,
        "-f", "ivf", "-",
    ];
    let mut ivf = Vec::new();
    let done = process::run("ffmpeg", args, &[], Duration::from_secs(60), &mut ivf)?;
    ensure!(done.ok(), "ffmpeg -c copy: {}", done.reason());
    let mut count = 0;
    let mut rest = ivf.get(32..).context("no IVF header")?;
    while let Some((header, body)) = rest.split_first_chunk::<12>() {
        let size = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let frame = body.get(..size).context("short IVF frame")?;
        count += match codec {
            Codec::Vp9 => u64::from(vp9_shows_existing(frame)),
            _ => av1_shows_existing(frame)?,
        };
        rest = &body[size..];
    }
    Ok(count)
}

/// VP9 specification 6.2: frame_marker (2 bits), profile (2 bits; profile 3 has another), show_existing_frame.
fn vp9_shows_existing(frame: &[u8]) -> bool {
    frame
        .first()
        .is_some_and(|byte| byte >> 6 == 2 && byte & 0x30 != 0x30 && byte & 8 != 0)
}

/// AV1 specification 5.3: OBUs with sizes, as IVF has them; a frame header OBU begins with show_existing_frame unless the
/// sequence has a reduced header, which no stream with more than one frame has.
fn av1_shows_existing(mut unit: &[u8]) -> Result<u64> {
    const FRAME_HEADER: u8 = 3;
    let mut count = 0;
    while let Some(&header) = unit.first() {
        ensure!(header & 2 != 0, "an OBU without a size");
        let mut at = 1 + usize::from(header & 4 != 0);
        let (mut size, mut shift) = (0usize, 0);
        loop {
            let byte = *unit.get(at).context("short OBU")?;
            at += 1;
            size |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
            ensure!(shift < 32, "OBU size");
        }
        let payload = unit.get(at..at.saturating_add(size)).context("short OBU")?;
        if header >> 3 & 15 == FRAME_HEADER && payload.first().is_some_and(|byte| byte & 0x80 != 0)
        {
            count += 1;
        }
        unit = &unit[at + size..];
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_tell_repetition() {
        assert!(vp9_shows_existing(&[0x88]) && vp9_shows_existing(&[0x98]));
        assert!(!vp9_shows_existing(&[0x82]) && !vp9_shows_existing(&[]));
        // Temporal delimiter, frame header that shows slot 0, frame (header and tiles).
        let unit = [0x12, 0, 0x1a, 1, 0x80, 0x32, 2, 0x80, 0];
        assert_eq!(av1_shows_existing(&unit).unwrap(), 1);
        assert!(av1_shows_existing(&[0x1a, 9, 0]).is_err());
    }
}
