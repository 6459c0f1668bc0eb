// SPDX-License-Identifier: BSD-2-Clause
//! The `mpv` player with `--hwdec=vaapi-copy`; its encoding mode passes every frame on, none dropped or repeated.

use super::frame_md5s;
use crate::process;
use anyhow::{Result, ensure};
use std::{path::Path, time::Duration};

/// MD5 of each frame in `pix_fmt`, decoded by VA-API.
///
/// # Errors
/// mpv fails, or did not decode by VA-API.
pub fn frames(
    path: &Path,
    pix_fmt: &str,
    env: &[(String, String)],
    limit: Duration,
) -> Result<Vec<String>> {
    let mut args: Vec<String> = [
        "--no-config",
        "--hwdec=vaapi-copy",
        "--hwdec-codecs=all",
        "--vd-lavc-software-fallback=no",
    ]
    .map(String::from)
    .into();
    args.extend(
        [
            "--no-audio",
            "--no-sub",
            "--msg-level=all=warn,vd=v,vo=fatal",
            "--of=framemd5",
            "--ovc=rawvideo",
        ]
        .map(String::from),
    );
    args.extend([format!("--vf=format=fmt={pix_fmt}"), "--o=-".into()]);
    args.push(path.to_string_lossy().into_owned());
    let mut output = Vec::new();
    let done = process::run("mpv", args, env, limit, &mut output)?;
    let output = String::from_utf8_lossy(&output);
    ensure!(
        done.ok(),
        "mpv: {} {}",
        done.reason(),
        last_message(&output)
    );
    // Messages go to standard error while the frames go to standard output.
    let said = format!("{}{output}", done.stderr);
    ensure!(
        said.contains("Using hardware decoding (vaapi-copy)"),
        "mpv did not use vaapi-copy: {}",
        last_message(&said)
    );
    ensure!(
        !said.contains("Using software decoding"),
        "mpv fell back to software decoding"
    );
    Ok(frame_md5s(&output))
}

fn last_message(text: &str) -> &str {
    text.lines()
        .rev()
        .find(|line| line.starts_with('[') || line.contains("rror"))
        .unwrap_or("")
        .trim()
}
