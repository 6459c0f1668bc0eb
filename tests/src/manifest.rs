// SPDX-License-Identifier: BSD-2-Clause
//! The list of streams: tab-separated, with a header line; the same form for found and for self-made streams.

use anyhow::{Context, Result};
use std::{
    collections::HashMap,
    fmt, fs,
    path::{Path, PathBuf},
};

/// Coded format of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Codec {
    /// H.264
    H264,
    /// VP9
    Vp9,
    /// AV1
    Av1,
}

impl Codec {
    /// As in the manifest's first column.
    pub fn name(self) -> &'static str {
        match self {
            Codec::H264 => "h264",
            Codec::Vp9 => "vp9",
            Codec::Av1 => "av1",
        }
    }

    /// The reverse of [`Codec::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        [Codec::H264, Codec::Vp9, Codec::Av1]
            .into_iter()
            .find(|codec| codec.name() == name)
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One stream and what is known of it.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Coded format.
    pub codec: Codec,
    /// Path beside the manifest, with a `/`; its first two parts name the suite.
    pub name: String,
    /// Where the file is.
    pub path: PathBuf,
    /// MD5 of all frames in `pix_fmt`, each in its own size, one after the other.
    pub md5: String,
    /// Other right answers: another operating point, `nograin:` (film grain off).
    pub alternatives: Vec<String>,
    /// FFmpeg's name of the pixel format that the MD5 is of.
    pub pix_fmt: String,
    /// Whether FFmpeg's software decoder gives the MD5.
    pub software_agrees: bool,
    /// Frames shown, if known.
    pub frames: Option<u64>,
    /// Words that name the coding tools in use.
    pub features: String,
}

impl Stream {
    /// First part of the path and the second, if that is a directory.
    pub fn suite(&self) -> &str {
        let mut slashes = self.name.match_indices('/').map(|(at, _)| at);
        match (slashes.next(), slashes.next()) {
            (_, Some(at)) | (Some(at), None) => &self.name[..at],
            _ => &self.name,
        }
    }

    /// Bits per sample of the decoded frames.
    pub fn depth(&self) -> u32 {
        match self.pix_fmt.as_str() {
            f if f.contains("12") => 12,
            f if f.contains("10") => 10,
            _ => 8,
        }
    }

    /// Whether `md5` is a right answer, and which: empty for the expected one.
    pub fn accepts(&self, md5: &str) -> Option<&str> {
        if md5 == self.md5 {
            return Some("");
        }
        self.alternatives
            .iter()
            .find(|other| other.rsplit(':').next() == Some(md5))
            .map(String::as_str)
    }
}

/// Reads `manifest.tsv` in `dir`.
///
/// # Errors
/// The file cannot be read or a row lacks a column.
pub fn read(dir: &Path) -> Result<Vec<Stream>> {
    let path = dir.join("manifest.tsv");
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    parse(&text, dir).with_context(|| path.display().to_string())
}

fn parse(text: &str, dir: &Path) -> Result<Vec<Stream>> {
    let mut lines = text.lines();
    let columns: HashMap<&str, usize> = lines
        .next()
        .context("empty")?
        .split('\t')
        .enumerate()
        .map(|(i, name)| (name, i))
        .collect();
    let mut streams = Vec::new();
    for (number, line) in lines.enumerate().filter(|(_, line)| !line.is_empty()) {
        let fields: Vec<&str> = line.split('\t').collect();
        let get = |name: &str| -> Result<&str> {
            let column = columns
                .get(name)
                .with_context(|| format!("no column {name}"))?;
            fields
                .get(*column)
                .copied()
                .with_context(|| format!("line {}: no {name}", number + 2))
        };
        let name = get("path")?;
        streams.push(Stream {
            codec: Codec::from_name(get("codec")?)
                .with_context(|| format!("line {}: codec", number + 2))?,
            name: name.to_owned(),
            path: dir.join(name),
            md5: get("expected_md5")?.to_owned(),
            alternatives: get("alt_md5")?
                .split([',', ';', ' '])
                .filter(|alt| !alt.is_empty())
                .map(str::to_owned)
                .collect(),
            pix_fmt: get("pix_fmt")?.to_owned(),
            software_agrees: get("ffmpeg_sw")?.starts_with("ok"),
            frames: get("frames")?.parse().ok(),
            features: get("features")?.to_owned(),
        });
    }
    Ok(streams)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "codec\tpath\texpected_md5\tpix_fmt\tffmpeg_sw\talt_md5\tframes\tsize\tfeatures\n\
        av1\tav1/dav1d/8-bit/a.ivf\taa\tyuv420p10le\tok\tnograin:bb; op1:cc\t10\t8x8\tx\n\
        h264\treal/b.264\tdd\tyuv420p\tDIFF\t\t\t8x8\t\n";

    #[test]
    fn rows_become_streams() {
        let rows = parse(TEXT, Path::new("/v")).unwrap();
        assert_eq!(rows[0].suite(), "av1/dav1d");
        assert_eq!(rows[1].suite(), "real");
        assert_eq!((rows[0].depth(), rows[1].depth()), (10, 8));
        assert_eq!((rows[0].frames, rows[1].frames), (Some(10), None));
        assert_eq!(rows[0].accepts("aa"), Some(""));
        assert_eq!(rows[0].accepts("cc"), Some("op1:cc"));
        assert_eq!(rows[0].accepts("dd"), None);
        assert!(rows[0].software_agrees && !rows[1].software_agrees);
        assert_eq!(rows[0].path, Path::new("/v/av1/dav1d/8-bit/a.ivf"));
    }

    #[test]
    fn missing_columns_are_named() {
        let error = parse("codec\tpath\nvp9\tx\n", Path::new(".")).unwrap_err();
        assert!(error.to_string().contains("expected_md5"), "{error}");
    }
}
