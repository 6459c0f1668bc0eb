// SPDX-License-Identifier: BSD-2-Clause
//! GStreamer's `gst-launch-1.0` with the decoders of gstreamer-vaapi on X11, a client that shares no code with FFmpeg's.

use super::Answer;
use crate::{
    manifest::{Codec, Stream},
    process,
};
use anyhow::{Result, bail};
use std::{fs::File, io::Read, time::Duration};

/// Who decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decode {
    /// GStreamer's software decoders: tells what GStreamer makes of the stream without the driver.
    Software,
    /// gstreamer-vaapi.
    Vaapi,
}

fn pipeline(stream: &Stream, decode: Decode) -> Result<String> {
    let mut magic = [0; 12];
    let _short = File::open(&stream.path)?.read(&mut magic)?;
    let container = match &magic {
        [b'D', b'K', b'I', b'F', ..] => "! ivfparse",
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => "! qtdemux",
        [0x1a, 0x45, 0xdf, 0xa3, ..] => "! matroskademux",
        _ => "",
    };
    let (parser, hardware, software) = match stream.codec {
        Codec::H264 => (
            "h264parse",
            "vaapih264dec",
            "avdec_h264 thread-type=slice max-threads=1",
        ),
        Codec::Vp9 => (
            "vp9parse",
            "vaapivp9dec",
            "avdec_vp9 thread-type=slice max-threads=1",
        ),
        Codec::Av1 => ("av1parse", "vaapiav1dec", "av1dec"),
    };
    let decoder = match decode {
        Decode::Software => software,
        Decode::Vaapi => hardware,
    };
    let format = match stream.pix_fmt.as_str() {
        "yuv420p" | "yuvj420p" => "I420",
        "yuv420p10le" => "I420_10LE",
        other => bail!("GStreamer's test sink does not take {other}"),
    };
    let path = stream.path.to_string_lossy().replace('"', "\\\"");
    Ok(format!(
        "filesrc location=\"{path}\" {container} ! {parser} ! {decoder} ! \
         videoconvert dither=none chroma-mode=none matrix-mode=none primaries-mode=none gamma-mode=none ! \
         video/x-raw,format={format} ! videocodectestsink"
    ))
}

/// Decodes a stream and digests all frames. `DAEDALUS_PRELOAD` names a library to load before all others.
///
/// # Errors
/// GStreamer cannot take the stream's pixel format, or cannot be run.
pub fn decode(
    stream: &Stream,
    decode: Decode,
    env: &[(String, String)],
    limit: Duration,
) -> Result<Answer> {
    let pipeline = pipeline(stream, decode)?;
    let args = ["-m"]
        .into_iter()
        .chain(pipeline.split(' ').filter(|word| !word.is_empty()));
    let mut text = Vec::new();
    let mut env = env.to_vec();
    if let Some(library) = std::env::var("DAEDALUS_PRELOAD")
        .ok()
        .filter(|_| decode == Decode::Vaapi)
    {
        env.push(("LD_PRELOAD".into(), library));
    }
    let finished = process::run("gst-launch-1.0", args, &env, limit, &mut text)?;
    let text = String::from_utf8_lossy(&text);
    Ok(Answer {
        md5: checksum(&text).unwrap_or_default(),
        finished,
    })
}

/// The digest in the message that the sink posts at the end of the stream.
fn checksum(messages: &str) -> Option<String> {
    let (_, rest) = messages.split_once("conformance/checksum")?;
    let (_, rest) = rest.split_once("checksum=(string)")?;
    Some(rest.chars().take_while(char::is_ascii_hexdigit).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sinks_message_is_read() {
        let text = "Got message #19 from element \"s\" (element): conformance/checksum, checksum-type=(string)MD5, checksum=(string)9f63e4514889613296dc655f368b4956;\n";
        assert_eq!(
            checksum(text).as_deref(),
            Some("9f63e4514889613296dc655f368b4956")
        );
        assert_eq!(checksum("nothing"), None);
    }
}
