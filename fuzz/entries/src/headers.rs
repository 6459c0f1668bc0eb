// SPDX-License-Identifier: BSD-2-Clause
//! Controls to headers, for whatever controls a V4L2 client sends.

use crate::pictures;
use engine::headers::{av1::Av1Headers, h264};
use v4l2_common::picture::{Codec, Controls, Picture};

/// Pictures of one input at most.
const MOST: usize = 64;

/// H.264 parameter sets.
pub fn h264(data: &[u8]) {
    stream(Codec::H264, &pictures::decode(Codec::H264, data));
}

/// AV1 temporal units, with the state that goes from picture to picture.
pub fn av1(data: &[u8]) {
    stream(Codec::Av1, &pictures::decode(Codec::Av1, data));
}

/// Writes the headers of a whole stream.
pub(crate) fn stream(codec: Codec, pictures: &[Picture]) {
    let mut units = Av1Headers::new();
    for picture in pictures
        .iter()
        .take(MOST)
        .filter(|picture| picture.codec() == codec)
    {
        match &picture.controls {
            Controls::H264(controls) => {
                h264::first_slice(&picture.bitstream);
                if let Ok(written) = h264::parameter_sets_for(controls, &picture.bitstream) {
                    assert!(written.starts_with(&[0, 0, 0, 1]));
                    assert!(
                        written.len() < 1 << 20,
                        "{} bytes of parameter sets",
                        written.len()
                    );
                }
            }
            Controls::Av1(controls) => {
                match units.unit(controls, &picture.bitstream, picture.timestamp) {
                    Ok(unit) => {
                        let most = picture.bitstream.len() * 2 + (1 << 16);
                        assert!(
                            unit.data.len() < most,
                            "a temporal unit of {} bytes",
                            unit.data.len()
                        );
                    }
                    Err(_) if picture.timestamp % 3 == 0 => units.reset(),
                    Err(_) => units.lost(picture.timestamp),
                }
            }
            Controls::Vp9(_) => {}
        }
    }
}
