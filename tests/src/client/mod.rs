// SPDX-License-Identifier: BSD-2-Clause
//! Unmodified applications, as they are installed, each asked for the MD5 of every frame it decodes.

pub mod ffmpeg;
pub mod gstreamer;
pub mod mpv;

use crate::process::Finished;

/// What a client made of a stream.
#[derive(Debug)]
pub struct Answer {
    /// MD5 of all frames in the stream's pixel format, one after the other.
    pub md5: String,
    /// How the process ended.
    pub finished: Finished,
}

/// Lines of FFmpeg's `framemd5` muxer, reduced to frame size and MD5 (time stamps depend on the container).
pub fn frame_md5s(text: &str) -> Vec<String> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            Some(format!("{} {}", fields.get(4)?, fields.get(5)?))
        })
        .collect()
}

/// Compares two lists of frames; the error names the first difference.
///
/// # Errors
/// The lists differ or are empty.
pub fn same_frames(got: &[String], expected: &[String]) -> Result<(), String> {
    if expected.is_empty() {
        return Err("no frames to compare".into());
    }
    if let Some(at) = got.iter().zip(expected).position(|(a, b)| a != b) {
        let wrong = got.iter().zip(expected).filter(|(a, b)| a != b).count();
        return Err(format!(
            "frame {at} differs ({wrong} of {} differ)",
            expected.len()
        ));
    }
    if got.len() != expected.len() {
        return Err(format!(
            "{} frames instead of {}",
            got.len(),
            expected.len()
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_compared_by_size_and_md5() {
        let a = frame_md5s(
            "#format: frame checksums\n0, 0, 0, 1, 115200, aa\n0, 1, 1, 1, 115200, bb\n",
        );
        let b = frame_md5s("0, 960, 960, 0, 115200, aa\n0, 2, 2, 0, 115200, cc\n");
        assert_eq!(a, ["115200 aa", "115200 bb"]);
        assert_eq!(same_frames(&a, &a), Ok(()));
        assert_eq!(
            same_frames(&b, &a),
            Err("frame 1 differs (1 of 2 differ)".into())
        );
        assert_eq!(
            same_frames(&a[..1], &a),
            Err("1 frames instead of 2".into())
        );
        assert!(same_frames(&[], &[]).is_err());
    }
}
