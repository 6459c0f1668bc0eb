// SPDX-License-Identifier: BSD-2-Clause
//! Self-made streams: recipes to files, with the MD5 of a software decode that a second witness confirms.
//!
//! The second witness is `vpxdec` for VP9, `aomdec` for AV1, and for H.264 what x264 itself reconstructed.

mod encode;
mod witness;

use crate::{
    client::ffmpeg::{self, Decode},
    manifest::{self, Codec, Stream},
    process,
};
use anyhow::{Context, Result, bail, ensure};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

const LIMIT: Duration = Duration::from_secs(240);
const RECIPES: &str = include_str!("../streams/recipes.tsv");
const SOURCES: &str = include_str!("../streams/sources.tsv");

/// How one stream is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Path below the stream directory; begins with the codec's name.
    pub name: &'static str,
    sources: Vec<&'static str>,
    encoder: &'static str,
    args: Vec<&'static str>,
    line: &'static str,
}

struct Source {
    frames: u32,
    pix_fmt: &'static str,
    graph: &'static str,
}

fn table(text: &'static str) -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| (line, line.split('\t').collect()))
}

/// All recipes.
///
/// # Errors
/// A line of the table is malformed.
pub fn recipes() -> Result<Vec<Recipe>> {
    table(RECIPES)
        .map(|(line, fields)| {
            let [name, sources, encoder, args] = fields[..] else {
                bail!("recipe: {line}")
            };
            Ok(Recipe {
                name,
                sources: sources.split(',').collect(),
                encoder,
                args: args.split(' ').collect(),
                line,
            })
        })
        .collect()
}

fn sources() -> Result<HashMap<&'static str, Source>> {
    table(SOURCES)
        .map(|(line, fields)| {
            let [name, frames, pix_fmt, graph] = fields[..] else {
                bail!("source: {line}")
            };
            Ok((
                name,
                Source {
                    frames: frames.parse()?,
                    pix_fmt,
                    graph,
                },
            ))
        })
        .collect()
}

/// Where the streams are kept between runs.
pub fn directory() -> PathBuf {
    crate::setting::target().join("streams")
}

/// Makes what is missing or was made by another recipe, `jobs` at a time, and gives all streams.
///
/// # Errors
/// One entry per recipe that failed, with its reason.
pub fn prepare(
    jobs: usize,
    wanted: &(dyn Fn(&str) -> bool + Sync),
) -> Result<(Vec<Stream>, Vec<String>)> {
    let dir = directory();
    for sub in ["src", "h264", "vp9", "av1"] {
        fs::create_dir_all(dir.join(sub))?;
    }
    let recipes: Vec<Recipe> = recipes()?
        .into_iter()
        .filter(|recipe| wanted(recipe.name))
        .collect();
    let table = sources()?;
    let needed: Vec<&str> = table
        .keys()
        .copied()
        .filter(|name| recipes.iter().any(|recipe| recipe.sources.contains(name)))
        .collect();
    for name in needed {
        make_source(&dir, name, &table[name])?;
    }
    let recipes: Vec<_> = recipes.into_iter().enumerate().collect();
    let mut made = crate::parallel::map(&recipes, jobs, |(at, recipe)| {
        (
            *at,
            make(&dir, recipe).map_err(|error| format!("{}: {error:#}", recipe.name)),
        )
    })?;
    made.sort_by_key(|(at, _)| *at);
    let (mut streams, mut failed) = (Vec::new(), Vec::new());
    for (_, result) in made {
        match result {
            Ok(stream) => streams.push(stream),
            Err(reason) => failed.push(reason),
        }
    }
    Ok((streams, failed))
}

fn make_source(dir: &Path, name: &str, source: &Source) -> Result<()> {
    let (file, stamp) = (
        dir.join(format!("src/{name}.y4m")),
        dir.join(format!("src/{name}.stamp")),
    );
    let key = format!("{} {} {}", source.frames, source.pix_fmt, source.graph);
    if file.is_file() && fs::read_to_string(&stamp).is_ok_and(|old| old == key) {
        return Ok(());
    }
    let frames = source.frames.to_string();
    let graph = format!("{},format={}", source.graph, source.pix_fmt);
    let path = file.to_string_lossy();
    let args = [
        "-v",
        "error",
        "-nostdin",
        "-y",
        "-f",
        "lavfi",
        "-i",
        &graph,
        "-frames:v",
        &frames,
        "-strict",
        "-1",
        &path,
    ];
    process::text("ffmpeg", args, &[], LIMIT).with_context(|| format!("source {name}"))?;
    fs::write(stamp, key)?;
    Ok(())
}

/// The cached facts of a stream: recipe digest, MD5, pixel format, frames.
fn read_stamp(path: &Path, key: &str) -> Option<(String, String, u64)> {
    let text = fs::read_to_string(path).ok()?;
    let mut fields = text.trim().split('\t');
    (fields.next()? == key).then_some(())?;
    Some((
        fields.next()?.into(),
        fields.next()?.into(),
        fields.next()?.parse().ok()?,
    ))
}

fn make(dir: &Path, recipe: &Recipe) -> Result<Stream> {
    let path = dir.join(recipe.name);
    let stamp = dir.join(format!("{}.stamp", recipe.name));
    let codec = recipe
        .name
        .split('/')
        .next()
        .and_then(Codec::from_name)
        .context("no codec in the name")?;
    let sources: Vec<&str> = table(SOURCES)
        .filter(|(_, f)| recipe.sources.contains(&f[0]))
        .map(|(line, _)| line)
        .collect();
    let key = process::md5_hex(format!("2 {} {sources:?}", recipe.line).as_bytes());
    let (md5, pix_fmt, frames) = match read_stamp(&stamp, &key).filter(|_| path.is_file()) {
        Some(facts) => facts,
        None => {
            let _stale = fs::remove_file(&stamp);
            encode::encode(dir, recipe, &path)?;
            let facts = reference(dir, recipe, codec, &path)?;
            fs::write(
                &stamp,
                format!("{key}\t{}\t{}\t{}\n", facts.0, facts.1, facts.2),
            )?;
            facts
        }
    };
    Ok(Stream {
        codec,
        name: format!("made/{}", recipe.name),
        path,
        md5,
        alternatives: Vec::new(),
        pix_fmt,
        software_agrees: true,
        frames: Some(frames),
        features: recipe.args.join(" "),
    })
}

fn reference(
    dir: &Path,
    recipe: &Recipe,
    codec: Codec,
    path: &Path,
) -> Result<(String, String, u64)> {
    let pix_fmt = ffmpeg::probe(path)?.pix_fmt;
    let frames = ffmpeg::frames(path, &pix_fmt, Decode::Software(1), &[], LIMIT)?;
    ensure!(!frames.is_empty(), "no frames");
    let stream = manifest::Stream {
        codec,
        name: recipe.name.into(),
        path: path.into(),
        md5: String::new(),
        alternatives: Vec::new(),
        pix_fmt: pix_fmt.clone(),
        software_agrees: true,
        frames: None,
        features: String::new(),
    };
    let answer = ffmpeg::decode(&stream, Decode::Software(1), &[], LIMIT)?;
    ensure!(
        answer.finished.ok(),
        "software decoding: {}",
        answer.finished.reason()
    );
    if let Some(second) = witness::second(dir, recipe, codec, path, &pix_fmt)? {
        ensure!(
            second == answer.md5,
            "the witnesses disagree: FFmpeg {}, other {second}",
            answer.md5
        );
    }
    Ok((answer.md5, pix_fmt, frames.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_names_known_sources_and_encoders() {
        let (recipes, sources) = (recipes().unwrap(), sources().unwrap());
        assert!(recipes.len() > 80);
        for recipe in &recipes {
            assert!(
                Codec::from_name(recipe.name.split('/').next().unwrap()).is_some(),
                "{}",
                recipe.name
            );
            assert!(
                recipe.sources.iter().all(|name| sources.contains_key(name)),
                "{}",
                recipe.name
            );
            assert!(encode::KNOWN.contains(&recipe.encoder), "{}", recipe.name);
        }
        let mut names: Vec<_> = recipes.iter().map(|recipe| recipe.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), recipes.len(), "a name is used twice");
    }
}
