// SPDX-License-Identifier: BSD-2-Clause
//! A second opinion on what a self-made stream decodes to.

use super::{LIMIT, Recipe, encode};
use crate::{
    client::ffmpeg,
    manifest::Codec,
    process::{self, md5_hex},
};
use anyhow::{Context, Result};
use std::{fs, path::Path};

/// MD5 of all frames by another decoder; `None` where Debian has none for this stream.
pub(super) fn second(
    _dir: &Path,
    recipe: &Recipe,
    codec: Codec,
    path: &Path,
    pix_fmt: &str,
) -> Result<Option<String>> {
    let file = path.to_string_lossy();
    match codec {
        Codec::H264 => {
            let recon = encode::reconstruction(path);
            if recipe.encoder != "x264" || pix_fmt.starts_with("gray") {
                let _none = fs::remove_file(recon);
                return Ok(None);
            }
            let mut frames = fs::read(&recon).context("x264's reconstruction")?;
            fs::remove_file(recon)?;
            if recipe.args.contains(&"i400") {
                frames = with_grey_chroma(&frames, path)?;
            }
            let md5 = md5_hex(&frames);
            Ok(Some(md5))
        }
        Codec::Vp9 => tool("vpxdec", &["--codec=vp9", "--rawvideo", "--md5", &file]),
        Codec::Av1 => {
            let mut args = vec!["--rawvideo", "--md5", &*file];
            if recipe.args.contains(&"--annexb=1") {
                args.insert(0, "--annexb");
            }
            tool("aomdec", &args)
        }
    }
}

/// x264 writes luma alone; decoders fill the chroma of 4:2:0 output with its middle value.
fn with_grey_chroma(luma: &[u8], path: &Path) -> Result<Vec<u8>> {
    let probe = ffmpeg::probe(path)?;
    let (middle, width): (&[u8], usize) = if probe.pix_fmt.contains("10") {
        (&[0, 2], 2)
    } else {
        (&[128], 1)
    };
    let samples = usize::try_from(probe.size.0 * probe.size.1)?;
    let mut whole = Vec::with_capacity(luma.len() * 3 / 2);
    for frame in luma.chunks(samples * width) {
        whole.extend_from_slice(frame);
        whole.extend(middle.iter().cycle().take(samples / 2 * width));
    }
    Ok(whole)
}

fn tool(program: &str, args: &[&str]) -> Result<Option<String>> {
    let text = process::text(program, args, &[], LIMIT)?;
    let md5 = text
        .split_whitespace()
        .next()
        .with_context(|| format!("{program} printed nothing"))?;
    Ok(Some(md5.to_owned()))
}
