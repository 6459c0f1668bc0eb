// SPDX-License-Identifier: BSD-2-Clause
//! Runs the encoder that a recipe names.

use super::{LIMIT, Recipe};
use crate::process;
use anyhow::{Context, Result, bail, ensure};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Words that a recipe may use in its encoder column.
#[cfg(test)]
pub(super) const KNOWN: [&str; 10] = [
    "x264",
    "ffmpeg",
    "joined",
    "ivf-joined",
    "vpxenc",
    "vpxenc-rt",
    "aomenc",
    "aomenc-obu",
    "svt",
    "rav1e",
];

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// What x264 reconstructed while it encoded; kept until the stream is witnessed.
pub(super) fn reconstruction(path: &Path) -> PathBuf {
    path.with_extension("recon.yuv")
}

/// Makes `path`.
pub(super) fn encode(dir: &Path, recipe: &Recipe, path: &Path) -> Result<()> {
    let sources: Vec<PathBuf> = recipe
        .sources
        .iter()
        .map(|name| dir.join(format!("src/{name}.y4m")))
        .collect();
    let first = sources
        .first()
        .context("no source")?
        .to_string_lossy()
        .into_owned();
    let out = path.to_string_lossy().into_owned();
    let options: Vec<String> = recipe.args.iter().map(|arg| (*arg).to_owned()).collect();
    let (program, mut args) = match recipe.encoder {
        "x264" => (
            "x264",
            words("--threads 1 --quiet --no-progress --dump-yuv"),
        ),
        "ffmpeg" => ("ffmpeg", words("-v error -nostdin -y -bitexact -i")),
        "vpxenc" => (
            "vpxenc",
            words("--codec=vp9 --threads=1 --ivf -q --cpu-used=3 --passes=2 --end-usage=vbr"),
        ),
        "vpxenc-rt" => (
            "vpxenc",
            words(
                "--codec=vp9 --threads=1 --ivf -q --rt --cpu-used=8 --passes=1 --end-usage=cbr --lag-in-frames=0 --buf-sz=600 --buf-initial-sz=400 --buf-optimal-sz=500",
            ),
        ),
        "aomenc" => (
            "aomenc",
            words(
                "--codec=av1 --threads=1 --ivf -q --cpu-used=5 --passes=1 --end-usage=q --cq-level=34",
            ),
        ),
        "aomenc-obu" => (
            "aomenc",
            words(
                "--codec=av1 --threads=1 --obu -q --cpu-used=6 --passes=1 --end-usage=q --cq-level=40",
            ),
        ),
        "svt" => (
            "SvtAv1EncApp",
            words("--preset 9 --lp 1 --crf 38 --progress 0"),
        ),
        "rav1e" => ("rav1e", words("-y --speed 9 --threads 1 --quantizer 110")),
        "joined" | "ivf-joined" => return joined(recipe, &sources, path),
        other => bail!("unknown encoder {other}"),
    };
    // aomenc estimates further ahead than these short clips go.
    if program == "aomenc"
        && !options
            .iter()
            .any(|option| option.starts_with("--lag-in-frames"))
    {
        args.push("--lag-in-frames=12".into());
    }
    match recipe.encoder {
        "x264" => {
            args.push(reconstruction(path).to_string_lossy().into_owned());
            args.extend(options);
            args.extend(["-o".into(), out, first]);
        }
        "ffmpeg" => {
            args.push(first);
            args.extend(options);
            args.push(out);
        }
        "svt" => {
            args.extend(["-i".into(), first, "-b".into(), out]);
            args.extend(options);
        }
        "rav1e" => {
            args.extend([first, "-o".into(), out]);
            args.extend(options);
        }
        _ => {
            args.extend(options);
            args.extend(["-o".into(), out, first]);
        }
    }
    process::text(program, &args, &[], LIMIT)?;
    ensure!(
        fs::metadata(path).is_ok_and(|file| file.len() > 0),
        "{program} wrote nothing"
    );
    Ok(())
}

/// Encodes each source by itself and puts the coded streams one behind the other.
fn joined(recipe: &Recipe, sources: &[PathBuf], path: &Path) -> Result<()> {
    let mut whole = Vec::new();
    for (at, source) in sources.iter().enumerate() {
        let part = path.with_extension(format!(
            "part{at}.{}",
            path.extension().and_then(|e| e.to_str()).unwrap_or("bin")
        ));
        let mut args = words("-v error -nostdin -y -bitexact -i");
        args.push(source.to_string_lossy().into_owned());
        args.extend(recipe.args.iter().map(|arg| (*arg).to_owned()));
        args.push(part.to_string_lossy().into_owned());
        process::text("ffmpeg", &args, &[], LIMIT)?;
        let coded = fs::read(&part)?;
        fs::remove_file(&part)?;
        match recipe.encoder {
            "ivf-joined" if at > 0 => append_ivf(&mut whole, &coded)?,
            _ => whole.extend(coded),
        }
    }
    fs::write(path, whole)?;
    Ok(())
}

const IVF_HEADER: usize = 32;

/// Appends the frames of an IVF file; time stamps go on counting.
fn append_ivf(whole: &mut Vec<u8>, coded: &[u8]) -> Result<()> {
    let mut time = 0;
    for (at, _) in ivf_frames(whole)? {
        time = le(whole, at + 4, 8)? + 1;
    }
    for (at, size) in ivf_frames(coded)? {
        let frame = coded.get(at..at + 12 + size).context("short IVF file")?;
        whole.extend_from_slice(&frame[..4]);
        whole.extend_from_slice(&time.to_le_bytes());
        whole.extend_from_slice(&frame[12..]);
        time += 1;
    }
    Ok(())
}

/// Offset of each frame header and size of its payload.
pub(super) fn ivf_frames(file: &[u8]) -> Result<Vec<(usize, usize)>> {
    ensure!(file.starts_with(b"DKIF"), "no IVF file");
    let mut frames = Vec::new();
    let mut at = IVF_HEADER;
    while at + 12 <= file.len() {
        let size = usize::try_from(le(file, at, 4)?)?;
        frames.push((at, size));
        at += 12 + size;
    }
    Ok(frames)
}

fn le(data: &[u8], at: usize, bytes: usize) -> Result<u64> {
    let field = data.get(at..at + bytes).context("short IVF file")?;
    Ok(field
        .iter()
        .rev()
        .fold(0, |value, byte| value << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ivf(frames: &[(u64, &[u8])]) -> Vec<u8> {
        let mut file = b"DKIF".to_vec();
        file.resize(IVF_HEADER, 0);
        for (time, data) in frames {
            file.extend((data.len() as u32).to_le_bytes());
            file.extend(time.to_le_bytes());
            file.extend(*data);
        }
        file
    }

    #[test]
    fn joined_ivf_files_keep_counting() {
        let mut whole = ivf(&[(0, b"ab"), (4, b"c")]);
        append_ivf(&mut whole, &ivf(&[(0, b"xyz"), (9, b"")])).unwrap();
        assert_eq!(whole, ivf(&[(0, b"ab"), (4, b"c"), (5, b"xyz"), (6, b"")]));
        assert!(append_ivf(&mut whole, b"RIFF").is_err());
    }
}
