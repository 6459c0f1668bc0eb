// SPDX-License-Identifier: BSD-2-Clause
//! The `ffmpeg` program: software decoding as the reference, and its VA-API hwaccel.

use super::Answer;
use crate::{
    manifest::{Codec, Stream},
    process::{self, Finished, Md5Sink},
};
use anyhow::{Context, Result, bail};
use std::{fs::File, io::Read, io::Write, path::Path, time::Duration};

/// Who decodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decode {
    /// FFmpeg itself, with so many threads.
    Software(usize),
    /// VA-API, for a stream of this codec. Frames that are no VA surfaces make the command fail: no unseen fallback.
    Vaapi(Codec),
}

/// What to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// All frames as raw bytes.
    Raw,
    /// One line per frame (see [`super::frame_md5s`]).
    FrameMd5,
}

/// The surface format whose download holds a stream's samples.
///
/// # Errors
/// There is none for this format.
pub fn surface_format(pix_fmt: &str) -> Result<&'static str> {
    Ok(match pix_fmt {
        "yuv420p" | "yuvj420p" | "gray" => "nv12",
        "yuv420p10le" | "gray10le" => "p010le",
        other => bail!("no VA surface format holds {other}"),
    })
}

/// Options that make `ffmpeg` decode on the driver; to be put before `-i`.
pub fn vaapi_input(codec: Codec) -> Vec<String> {
    let mut args: Vec<String> = [
        "-init_hw_device",
        "vaapi=va:,connection_type=x11",
        "-hwaccel",
        "vaapi",
    ]
    .map(String::from)
    .into();
    args.extend(["-hwaccel_device", "va", "-hwaccel_output_format", "vaapi"].map(String::from));
    // FFmpeg has no VA profile for H.264 Baseline beyond the constrained subset.
    args.extend(["-hwaccel_flags", "+allow_profile_mismatch"].map(String::from));
    if codec == Codec::Av1 {
        // libdav1d comes first in FFmpeg's list, but only its own decoder can use a hwaccel.
        args.extend(["-c:v", "av1"].map(String::from));
    }
    args
}

/// Arguments that decode `path` to standard output in `pix_fmt`.
///
/// # Errors
/// The file cannot be read, or no surface format holds `pix_fmt`.
pub fn arguments(path: &Path, pix_fmt: &str, decode: Decode, form: Form) -> Result<Vec<String>> {
    let mut args: Vec<String> = ["-v", "error", "-nostdin", "-noautorotate"]
        .map(String::from)
        .into();
    match decode {
        Decode::Software(threads) => args.extend(["-threads".into(), threads.to_string()]),
        Decode::Vaapi(codec) => {
            args.extend(vaapi_input(codec));
            if lost_start(path) {
                args.extend(["-threads".into(), "1".into()]);
            }
        }
    }
    let name = path.to_string_lossy().into_owned();
    if left_cropped(path) {
        // The crop is no multiple of the alignment that FFmpeg keeps by default.
        args.extend(["-flags".into(), "+unaligned".into()]);
    }
    if magic(path)? == *b"DKIF" {
        args.extend(["-f".into(), "ivf".into()]);
    }
    args.extend(["-i".into(), name]);
    args.extend(["-map", "0:v:0", "-fps_mode", "passthrough", "-noautoscale"].map(String::from));
    let mut out = pix_fmt;
    if matches!(decode, Decode::Vaapi(_)) {
        // All samples as they are: FFmpeg would squeeze those of full range on their way out of NV12.
        let mut filter = format!(
            "hwdownload,format={},setparams=range=limited",
            surface_format(pix_fmt)?
        );
        if left_cropped(path) {
            // Of a hardware frame FFmpeg crops the right and the bottom, and leaves the rest to the application.
            filter.push_str(",crop=300:168:26:60:exact=1");
        }
        if pix_fmt.starts_with("gray") {
            filter.push_str(",extractplanes=y");
        } else if pix_fmt == "yuvj420p" {
            out = "yuv420p";
        }
        args.extend(["-vf".into(), filter]);
    }
    let muxer = match form {
        Form::Raw => "rawvideo",
        Form::FrameMd5 => "framemd5",
    };
    args.extend(["-pix_fmt", out, "-f", muxer, "-"].map(String::from));
    Ok(args)
}

/// The stream whose first pictures have no parameter sets. What FFmpeg makes of the next ones, in software as well as on a
/// driver, depends on its number of threads; the reference is that of one.
fn lost_start(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name == "h264_intra_first-small.mp4")
}

/// The one conformance stream that crops on the left.
fn left_cropped(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name == "CVFC1_Sony_C.jsv")
}

fn magic(path: &Path) -> Result<[u8; 4]> {
    let mut first = [0; 4];
    let mut file = File::open(path).with_context(|| path.display().to_string())?;
    let _short = file.read(&mut first)?;
    Ok(first)
}

/// Decodes `path` and gives what it wrote to `sink`.
///
/// # Errors
/// As [`arguments`] and [`process::run`].
pub fn run(
    path: &Path,
    pix_fmt: &str,
    decode: Decode,
    form: Form,
    env: &[(String, String)],
    limit: Duration,
    sink: &mut dyn Write,
) -> Result<Finished> {
    process::run(
        "ffmpeg",
        arguments(path, pix_fmt, decode, form)?,
        env,
        limit,
        sink,
    )
}

/// Decodes a stream and digests all frames.
///
/// # Errors
/// As [`run`].
pub fn decode(
    stream: &Stream,
    decode: Decode,
    env: &[(String, String)],
    limit: Duration,
) -> Result<Answer> {
    let mut sink = Md5Sink::default();
    let finished = run(
        &stream.path,
        &stream.pix_fmt,
        decode,
        Form::Raw,
        env,
        limit,
        &mut sink,
    )?;
    Ok(Answer {
        md5: sink.hex(),
        finished,
    })
}

/// MD5 of each frame.
///
/// # Errors
/// As [`run`]; the decoder failed.
pub fn frames(
    path: &Path,
    pix_fmt: &str,
    decode: Decode,
    env: &[(String, String)],
    limit: Duration,
) -> Result<Vec<String>> {
    let mut text = Vec::new();
    let done = run(path, pix_fmt, decode, Form::FrameMd5, env, limit, &mut text)?;
    let frames = super::frame_md5s(&String::from_utf8_lossy(&text));
    anyhow::ensure!(
        done.ok(),
        "ffmpeg after {} frames: {}",
        frames.len(),
        done.reason()
    );
    Ok(frames)
}

/// What `ffprobe` says of the first video stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Coded format, if it is one of ours.
    pub codec: Option<Codec>,
    /// FFmpeg's name of the decoded pixel format.
    pub pix_fmt: String,
    /// Profile as `ffprobe` names it.
    pub profile: String,
    /// Width and height of a shown frame.
    pub size: (u32, u32),
}

/// Asks `ffprobe`.
///
/// # Errors
/// It fails, or the file has no video.
pub fn probe(path: &Path) -> Result<Probe> {
    let mut args: Vec<String> = [
        "-v",
        "error",
        "-select_streams",
        "v:0",
        "-of",
        "default=noprint_wrappers=1",
    ]
    .map(String::from)
    .into();
    args.extend([
        "-show_entries".into(),
        "stream=codec_name,profile,pix_fmt,width,height".into(),
    ]);
    if magic(path)? == *b"DKIF" {
        args.extend(["-f".into(), "ivf".into()]);
    }
    args.push(path.to_string_lossy().into_owned());
    let text = process::text("ffprobe", args, &[], Duration::from_secs(60))?;
    let get = |key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .unwrap_or("")
            .trim()
            .to_owned()
    };
    let size = (
        get("width").parse().unwrap_or(0),
        get("height").parse().unwrap_or(0),
    );
    anyhow::ensure!(
        !get("codec_name").is_empty(),
        "{}: no video stream",
        path.display()
    );
    Ok(Probe {
        codec: Codec::from_name(&get("codec_name")),
        pix_fmt: get("pix_fmt"),
        profile: get("profile"),
        size,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vaapi_command_cannot_fall_back() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let args = arguments(&here, "gray10le", Decode::Vaapi(Codec::Av1), Form::Raw)
            .unwrap()
            .join(" ");
        assert!(
            args.contains("-hwaccel_output_format vaapi") && args.contains("-c:v av1"),
            "{args}"
        );
        assert!(
            args.contains(
                "-vf hwdownload,format=p010le,setparams=range=limited,extractplanes=y -pix_fmt gray10le -f rawvideo -"
            ),
            "{args}"
        );
        assert!(arguments(&here, "yuv444p", Decode::Vaapi(Codec::H264), Form::Raw).is_err());
        let args = arguments(&here, "yuvj420p", Decode::Software(2), Form::FrameMd5)
            .unwrap()
            .join(" ");
        assert!(
            args.contains("-threads 2") && args.ends_with("-pix_fmt yuvj420p -f framemd5 -"),
            "{args}"
        );
    }
}
