// SPDX-License-Identifier: BSD-2-Clause
//! `make demo`: all three codecs through the driver under stock players, compared with software decoding.
#![allow(missing_docs)]

use anyhow::{Context, Result, bail, ensure};
use harness::{
    client::{ffmpeg, ffmpeg::Decode, mpv, same_frames},
    coded,
    manifest::Codec,
    process, setting,
    setting::Setting,
    stats::Stats,
    verdict::Abilities,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

const LIMIT: Duration = Duration::from_secs(300);
/// Zooming, turning and noisy, so that every block has to move.
const SCENE: &str = "mandelbrot=s=1280x720:r=25:start_scale=0.6:end_scale=0.05:end_pts=90:maxiter=300,rotate=0.02*n:c=gray,noise=alls=4:allf=t:all_seed=1";
const FRAMES: &str = "75";

/// What is encoded where no clip is given: name, pixel format, FFmpeg's encoder and its options.
const CLIPS: [(&str, &str, &str); 6] = [
    (
        "h264-8bit.mp4",
        "yuv420p",
        "-c:v libx264 -preset fast -bf 3 -crf 25",
    ),
    (
        "vp9-8bit.webm",
        "yuv420p",
        "-c:v libvpx-vp9 -deadline good -cpu-used 5 -row-mt 1 -crf 36 -b:v 0",
    ),
    (
        "av1-8bit.mp4",
        "yuv420p",
        "-c:v libsvtav1 -preset 10 -crf 40",
    ),
    (
        "h264-10bit.mp4",
        "yuv420p10le",
        "-c:v libx264 -preset fast -bf 3 -crf 25",
    ),
    (
        "vp9-10bit.webm",
        "yuv420p10le",
        "-c:v libvpx-vp9 -deadline good -cpu-used 5 -row-mt 1 -crf 36 -b:v 0",
    ),
    (
        "av1-10bit.mp4",
        "yuv420p10le",
        "-c:v libsvtav1 -preset 10 -crf 40",
    ),
];

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool> {
    let dir = setting::target().join("demo");
    fs::create_dir_all(&dir)?;
    let setting = Setting::new()?;
    let vainfo = process::text(
        "vainfo",
        ["--display", "x11"],
        &setting.environment(None),
        Duration::from_secs(30),
    )
    .context("vainfo on the driver")?;
    println!("{}", vainfo.trim());
    let abilities = Abilities::parse(&vainfo);

    let clips = match std::env::args_os().nth(1) {
        Some(clip) => from_clip(&dir, Path::new(&clip))?,
        None => encoded(
            &dir,
            &["-f", "lavfi", "-i", SCENE, "-frames:v", FRAMES],
            "demo",
            &CLIPS,
        )?,
    };
    println!(
        "\n{:16} {:>9} {:>7}  ffmpeg -hwaccel vaapi   mpv --hwdec=vaapi-copy",
        "clip", "size", "frames"
    );
    let (mut good, mut bad) = (0, 0);
    for clip in &clips {
        for right in compare(&setting, &abilities, &dir, clip)? {
            if right { good += 1 } else { bad += 1 }
        }
    }
    println!(
        "\n{good} comparisons bit-exact, {bad} wrong. Driver: {}",
        setting.driver().display()
    );
    Ok(bad == 0 && good > 0)
}

/// Decodes a clip by both players and prints what came of it; one answer per player that can take the clip.
fn compare(setting: &Setting, abilities: &Abilities, dir: &Path, clip: &Path) -> Result<Vec<bool>> {
    let probe = ffmpeg::probe(clip)?;
    let name = clip.file_name().unwrap_or_default().to_string_lossy();
    let codec = probe.codec.context("no codec of ours")?;
    let high10 = codec == Codec::H264 && probe.pix_fmt.contains("10");
    if high10
        && !abilities
            .profiles
            .iter()
            .any(|profile| profile == "VAProfileH264High10")
    {
        println!(
            "{name:16} left out: this libva (1.{}) has no VAProfileH264High10",
            abilities.va_minor
        );
        return Ok(Vec::new());
    }
    let expected = ffmpeg::frames(clip, &probe.pix_fmt, Decode::Software(2), &[], LIMIT)?;
    let repeats = coded::repeated_frames(codec, clip)?;
    let answers = [
        check(setting, dir, &expected, repeats, |env| {
            ffmpeg::frames(clip, &probe.pix_fmt, Decode::Vaapi(codec), env, LIMIT)
        }),
        check(setting, dir, &expected, repeats, |env| {
            mpv::frames(clip, &probe.pix_fmt, env, LIMIT)
        }),
    ];
    let word = |answer: &Result<()>| if answer.is_ok() { "bit-exact" } else { "WRONG" };
    let size = format!("{}x{}", probe.size.0, probe.size.1);
    println!(
        "{name:16} {size:>9} {:>7}  {:23}{}",
        expected.len(),
        word(&answers[0]),
        word(&answers[1])
    );
    for (player, answer) in ["ffmpeg", "mpv"].iter().zip(&answers) {
        if let Err(error) = answer {
            println!("    {player}: {error:#}");
        }
    }
    if answers[0].is_ok() {
        let png = picture(
            setting,
            dir,
            clip,
            codec,
            &probe.pix_fmt,
            expected.len() / 2,
        )?;
        println!("    picture: {}", png.display());
    }
    Ok(answers.iter().map(Result::is_ok).collect())
}

/// Frames through the driver: as expected, and every one of them counted by the driver itself.
fn check(
    setting: &Setting,
    dir: &Path,
    expected: &[String],
    repeats: u64,
    frames: impl Fn(&[(String, String)]) -> Result<Vec<String>>,
) -> Result<()> {
    let counts = dir.join("stats");
    let _stale = fs::remove_file(&counts);
    let got = frames(&setting.environment(Some(&counts)))?;
    same_frames(&got, expected).map_err(anyhow::Error::msg)?;
    Stats::read(&counts)
        .account_for(expected.len() as u64, repeats)
        .map_err(anyhow::Error::msg)
}

/// A decoded frame as a PNG file, decoded by the driver.
fn picture(
    setting: &Setting,
    dir: &Path,
    clip: &Path,
    codec: Codec,
    pix_fmt: &str,
    at: usize,
) -> Result<PathBuf> {
    let png = dir
        .join(clip.file_name().unwrap_or_default())
        .with_extension("png");
    let input = clip.to_string_lossy();
    let filter = format!(
        "hwdownload,format={},select=gte(n\\,{at})",
        ffmpeg::surface_format(pix_fmt)?
    );
    let out = png.to_string_lossy();
    let options = ffmpeg::vaapi_input(codec);
    let mut args = vec!["-v", "error", "-nostdin", "-y"];
    args.extend(options.iter().map(String::as_str));
    args.extend([
        "-i",
        &input,
        "-map",
        "0:v:0",
        "-vf",
        &filter,
        "-frames:v",
        "1",
        "-update",
        "1",
        &out,
    ]);
    process::text("ffmpeg", args, &setting.environment(None), LIMIT)?;
    ensure!(png.is_file(), "no picture at {}", png.display());
    Ok(png)
}

/// The clip itself if it is of one of our codecs, and its first seconds in the other codecs.
fn from_clip(dir: &Path, clip: &Path) -> Result<Vec<PathBuf>> {
    let probe = ffmpeg::probe(clip)?;
    println!(
        "\n{}: {:?}, {}, {}x{}",
        clip.display(),
        probe.codec,
        probe.pix_fmt,
        probe.size.0,
        probe.size.1
    );
    let decodable = probe.codec.is_some() && ffmpeg::surface_format(&probe.pix_fmt).is_ok();
    let own = if decodable { probe.codec } else { None };
    let others: Vec<_> = CLIPS
        .into_iter()
        .filter(|(name, pix_fmt, _)| {
            (*pix_fmt == "yuv420p10le") == probe.pix_fmt.contains("10")
                && own.is_none_or(|codec| !name.starts_with(codec.name()))
        })
        .collect();
    let path = clip.canonicalize()?;
    let input = path.to_string_lossy();
    // Odd sizes: the encoders want even ones.
    let mut clips = encoded(
        dir,
        &[
            "-i",
            &input,
            "-map",
            "0:v:0",
            "-t",
            "5",
            "-vf",
            "crop=trunc(iw/2)*2:trunc(ih/2)*2",
        ],
        "clip",
        &others,
    )?;
    if own.is_some() {
        clips.insert(0, path);
    }
    Ok(clips)
}

/// Encodes what is not yet there from the same input and options.
fn encoded(
    dir: &Path,
    input: &[&str],
    prefix: &str,
    list: &[(&str, &str, &str)],
) -> Result<Vec<PathBuf>> {
    let mut clips = Vec::new();
    for (name, pix_fmt, options) in list {
        let path = dir.join(if prefix == "demo" {
            (*name).to_owned()
        } else {
            format!("{prefix}-{name}")
        });
        let stamp = path.with_extension("stamp");
        let key = format!("{input:?} {pix_fmt} {options}");
        if !(path.is_file() && fs::read_to_string(&stamp).is_ok_and(|old| old == key)) {
            println!("encoding {}", path.display());
            let mut args: Vec<&str> = vec!["-v", "error", "-nostdin", "-y"];
            args.extend(input);
            args.extend(["-an", "-sn", "-pix_fmt", pix_fmt]);
            args.extend(options.split(' '));
            let out = path.to_string_lossy();
            args.push(&out);
            // The encoders of some libraries print banners on standard output.
            process::text("ffmpeg", args, &[("SVT_LOG".into(), "1".into())], LIMIT)?;
            fs::write(&stamp, key)?;
        }
        clips.push(path);
    }
    if clips.is_empty() {
        bail!("nothing to decode");
    }
    Ok(clips)
}
