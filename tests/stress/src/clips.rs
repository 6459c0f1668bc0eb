// SPDX-License-Identifier: BSD-2-Clause
//! Clips that the installed encoders make: small, moving, each codec in 8 and 10 bit; kept between runs.

use crate::{av, packets::Packets};
use anyhow::{Result, ensure};
use harness::{process, setting};
use std::{fs, path::PathBuf, time::Duration};

/// How a clip is encoded.
#[derive(Clone, Debug)]
pub struct Clip {
    /// Name for messages and of the file.
    pub name: String,
    /// The file: Annex B for H.264, else IVF.
    pub path: PathBuf,
    /// Its packets.
    pub stream: Packets,
}

/// What to encode.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    /// Width and height.
    pub size: (u32, u32),
    /// Frames.
    pub frames: u32,
    /// Frames from key frame to key frame.
    pub gop: u32,
    /// Whether frames are shown in the order of decoding, none hidden.
    pub low_delay: bool,
}

/// Codec and bits per sample.
const KINDS: [(&str, u32); 6] = [
    ("h264", 8),
    ("h264", 10),
    ("vp9", 8),
    ("vp9", 10),
    ("av1", 8),
    ("av1", 10),
];

/// One clip of each codec and depth that this machine's libavcodec can hand to a VA-API driver.
///
/// # Errors
/// FFmpeg or one of its encoders is not installed.
pub fn all(wish: Wish) -> Result<Vec<Clip>> {
    let possible = |kind: &&(&str, u32)| **kind != ("h264", 10) || av::has_high10();
    KINDS
        .iter()
        .filter(possible)
        .map(|&(codec, depth)| clip(codec, depth, wish))
        .collect()
}

fn clip(codec: &str, depth: u32, wish: Wish) -> Result<Clip> {
    let Wish {
        size: (width, height),
        frames,
        gop,
        low_delay,
    } = wish;
    let order = if low_delay { "low" } else { "any" };
    let name = format!("{codec}_{depth}bit_{width}x{height}_{frames}f_gop{gop}_{order}");
    let path = directory()?.join(format!(
        "{name}.{}",
        if codec == "h264" { "264" } else { "ivf" }
    ));
    if !path.is_file() {
        let source =
            format!("testsrc2=size={width}x{height}:rate=25,rotate=t/5,noise=alls=6:allf=t");
        let format = if depth == 10 {
            "yuv420p10le"
        } else {
            "yuv420p"
        };
        let (frames, gop) = (frames.to_string(), gop.to_string());
        let mut args = vec![
            "-v",
            "error",
            "-nostdin",
            "-y",
            "-f",
            "lavfi",
            "-i",
            &source,
            "-frames:v",
            &frames,
            "-pix_fmt",
            format,
            "-g",
            &gop,
        ];
        args.extend(encoder(codec, low_delay));
        if codec == "h264" {
            args.extend(["-keyint_min", &gop]);
        }
        // Written under another name first: a run that is cut short leaves no half clip.
        let temporary = path.with_extension(format!("tmp{}", std::process::id()));
        let (muxer, target) = (
            if codec == "h264" { "h264" } else { "ivf" },
            temporary.to_string_lossy().into_owned(),
        );
        args.extend(["-f", muxer, &target]);
        let done = process::run(
            "ffmpeg",
            &args,
            &[],
            Duration::from_secs(300),
            &mut std::io::sink(),
        )?;
        ensure!(done.ok(), "{name}: {}", done.reason());
        fs::rename(&temporary, &path)?;
    }
    let stream = Packets::read(&path)?;
    Ok(Clip { name, path, stream })
}

fn encoder(codec: &str, low_delay: bool) -> Vec<&'static str> {
    match (codec, low_delay) {
        ("h264", false) => vec![
            "-c:v",
            "libx264",
            "-crf",
            "30",
            "-x264-params",
            "aud=1:scenecut=0:bframes=3:b-pyramid=normal:b-adapt=0:slices=2:open-gop=0",
        ],
        ("h264", true) => vec![
            "-c:v",
            "libx264",
            "-crf",
            "30",
            "-x264-params",
            "aud=1:scenecut=0:bframes=0:open-gop=0",
        ],
        ("vp9", false) => vec![
            "-c:v",
            "libvpx-vp9",
            "-cpu-used",
            "8",
            "-deadline",
            "realtime",
            "-b:v",
            "300k",
            "-auto-alt-ref",
            "1",
            "-lag-in-frames",
            "12",
        ],
        ("vp9", true) => vec![
            "-c:v",
            "libvpx-vp9",
            "-cpu-used",
            "8",
            "-deadline",
            "realtime",
            "-b:v",
            "300k",
            "-auto-alt-ref",
            "0",
            "-lag-in-frames",
            "0",
        ],
        (_, false) => vec!["-c:v", "libsvtav1", "-preset", "12", "-crf", "45"],
        (_, true) => vec![
            "-c:v",
            "libsvtav1",
            "-preset",
            "12",
            "-crf",
            "45",
            "-svtav1-params",
            "pred-struct=1",
        ],
    }
}

/// Where clips and what is made of them are kept.
///
/// # Errors
/// It cannot be made.
pub fn directory() -> Result<PathBuf> {
    let dir = setting::target().join("stress");
    fs::create_dir_all(&dir)?;
    Ok(dir)
}
