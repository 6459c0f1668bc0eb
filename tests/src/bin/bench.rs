// SPDX-License-Identifier: BSD-2-Clause
//! `make bench`: the driver's speed, CPU time and memory against FFmpeg's own software decoding of the same clips.
#![allow(missing_docs)]

use anyhow::{Context, Result, bail, ensure};
use harness::{
    client::ffmpeg, manifest::Codec, process, process::Finished, setting, setting::Setting,
    stats::Stats, verdict::Abilities,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

const USAGE: &str = "usage: bench [--runs N] [--filter WORD] [--prepare] [--minimum RATIO]
  --runs N         measured runs of each side, alternating, after one unmeasured (default 5)
  --filter WORD    only clips whose name contains WORD
  --prepare        only encode the clips
  --minimum RATIO  exit status 1 if a clip is below (default 0: report only)";

const LIMIT: Duration = Duration::from_secs(900);
const FRAMES: u64 = 300;

/// A still with detail at every scale, panned, zoomed and turned, with a second picture moving across it, and grain.
const SELF_MADE: &str = "mandelbrot=s=2880x1620:r=30:start_scale=0.02:end_scale=0.02:maxiter=400,trim=end_frame=1,loop=loop=-1:size=1,\
    zoompan=z=1.25+0.2*sin(on/37):x=(iw-iw/zoom)*(0.5+0.45*sin(on/53)):y=(ih-ih/zoom)*(0.5+0.45*cos(on/71)):d=1:fps=30:s=1920x1080,\
    rotate=0.05*sin(n/45):c=gray[back];testsrc2=s=480x270:r=30[front];\
    [back][front]overlay=x=700+600*sin(n/29):y=400+350*cos(n/41):shortest=1,noise=alls=3:allf=t:all_seed=4";

/// Name, pixel format, encoder.
const CLIPS: [(&str, &str, &str); 6] = [
    (
        "h264-8bit.mp4",
        "yuv420p",
        "-c:v libx264 -preset medium -bf 3 -b:v 8M -maxrate 12M -bufsize 16M",
    ),
    (
        "h264-10bit.mp4",
        "yuv420p10le",
        "-c:v libx264 -preset fast -bf 3 -b:v 8M -maxrate 12M -bufsize 16M",
    ),
    (
        "vp9-8bit.webm",
        "yuv420p",
        "-c:v libvpx-vp9 -deadline good -cpu-used 5 -row-mt 1 -tile-columns 2 -threads 4 -b:v 5M",
    ),
    (
        "vp9-10bit.webm",
        "yuv420p10le",
        "-c:v libvpx-vp9 -deadline good -cpu-used 5 -row-mt 1 -tile-columns 2 -threads 4 -b:v 5M",
    ),
    (
        "av1-8bit.mp4",
        "yuv420p",
        "-c:v libsvtav1 -preset 9 -b:v 4M",
    ),
    (
        "av1-10bit.mp4",
        "yuv420p10le",
        "-c:v libsvtav1 -preset 9 -b:v 4M",
    ),
];

struct Options {
    runs: usize,
    filter: String,
    prepare: bool,
    minimum: f64,
}

fn options() -> Result<Options> {
    use lexopt::prelude::*;
    let mut options = Options {
        runs: 5,
        filter: String::new(),
        prepare: false,
        minimum: 0.0,
    };
    let mut parser = lexopt::Parser::from_env();
    while let Some(arg) = parser.next()? {
        match arg {
            Long("runs") => options.runs = parser.value()?.parse::<usize>()?.max(1),
            Long("filter") => options.filter = parser.value()?.string()?,
            Long("prepare") => options.prepare = true,
            Long("minimum") => options.minimum = parser.value()?.parse()?,
            _ => bail!("{}\n{USAGE}", arg.unexpected()),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Frames of real film where the sample of streams is at hand, of our own making otherwise.
fn source() -> Result<Vec<String>> {
    let film = setting::vectors()?
        .map(|dir| dir.join("real/bbb_1080p60_h264_2s.mp4"))
        .filter(|path| path.is_file());
    Ok(match film {
        Some(path) => {
            let mut args = vec![
                "-i".into(),
                path.to_string_lossy().into_owned(),
                "-lavfi".into(),
            ];
            // Forth and back, so that the loop has no cut.
            args.push("[0:v]trim=end_frame=100,setpts=N,split[a][b];[b]reverse[r];[a][r]concat,loop=loop=1:size=200,setpts=N/30/TB,fps=30".into());
            args
        }
        None => vec!["-f".into(), "lavfi".into(), "-i".into(), SELF_MADE.into()],
    })
}

fn clip(
    dir: &Path,
    source: &[String],
    (name, pix_fmt, encoder): (&str, &str, &str),
) -> Result<PathBuf> {
    let (path, stamp) = (dir.join(name), dir.join(format!("{name}.stamp")));
    let key = process::md5_hex(format!("{source:?} {pix_fmt} {encoder} {FRAMES}").as_bytes());
    if path.is_file() && fs::read_to_string(&stamp).is_ok_and(|old| old == key) {
        return Ok(path);
    }
    println!("encoding {}", path.display());
    let mut args: Vec<String> = ["-v", "error", "-nostdin", "-y"].map(String::from).into();
    args.extend(source.iter().cloned());
    args.extend(
        [
            "-an",
            "-frames:v",
            &FRAMES.to_string(),
            "-pix_fmt",
            pix_fmt,
            "-g",
            "120",
        ]
        .map(String::from),
    );
    args.extend(encoder.split(' ').map(String::from));
    args.push(path.to_string_lossy().into_owned());
    process::text("ffmpeg", args, &[("SVT_LOG".into(), "1".into())], LIMIT)
        .with_context(|| name.to_owned())?;
    fs::write(stamp, key)?;
    Ok(path)
}

fn decode(
    path: &Path,
    pix_fmt: &str,
    vaapi: Option<Codec>,
    env: &[(String, String)],
) -> Result<Finished> {
    let format = ffmpeg::surface_format(pix_fmt)?;
    let mut args: Vec<String> = ["-v", "error", "-nostdin", "-noautorotate"]
        .map(String::from)
        .into();
    let filter = if let Some(codec) = vaapi {
        args.extend(ffmpeg::vaapi_input(codec));
        format!("hwdownload,format={format}")
    } else {
        args.extend(["-threads".into(), "2".into()]);
        format!("format={format}")
    };
    args.extend([
        "-i".into(),
        path.to_string_lossy().into_owned(),
        "-map".into(),
        "0:v:0".into(),
        "-vf".into(),
        filter,
    ]);
    args.extend(["-fps_mode", "passthrough", "-f", "null", "-"].map(String::from));
    let done = process::run("ffmpeg", args, env, LIMIT, &mut std::io::sink())?;
    ensure!(done.ok(), "{}: {}", path.display(), done.reason());
    Ok(done)
}

/// Medians of wall time, CPU time (seconds) and peak memory (MiB).
struct Cost {
    wall: f64,
    cpu: f64,
    memory: f64,
}

fn medians(runs: &[Finished]) -> Cost {
    let median = |value: &dyn Fn(&Finished) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        if values.len() % 2 == 1 {
            values[middle]
        } else {
            (values[middle - 1] + values[middle]) / 2.0
        }
    };
    Cost {
        wall: median(&|run| run.wall.as_secs_f64()),
        cpu: median(&|run| run.cpu.as_secs_f64()),
        memory: median(&|run| run.peak_rss as f64 / f64::from(1 << 20)),
    }
}

fn run() -> Result<bool> {
    let options = options()?;
    let dir = setting::target().join("bench");
    fs::create_dir_all(&dir)?;
    let source = source()?;
    let mut clips = Vec::new();
    for entry in CLIPS
        .into_iter()
        .filter(|(name, ..)| name.contains(&options.filter))
    {
        clips.push((entry.0, entry.1, clip(&dir, &source, entry)?));
    }
    if options.prepare {
        return Ok(true);
    }
    let setting = Setting::new()?;
    let vainfo = process::text(
        "vainfo",
        ["--display", "x11"],
        &setting.environment(None),
        Duration::from_secs(30),
    )?;
    let abilities = Abilities::parse(&vainfo);
    println!(
        "{FRAMES} frames of 1920x1080, {} runs of each side, alternating; medians",
        options.runs
    );
    println!(
        "{:15} {:>9} {:>9} {:>6}   {:>9} {:>9}   {:>9} {:>9}",
        "clip", "vaapi", "software", "ratio", "vaapi", "software", "vaapi", "software"
    );
    println!(
        "{:15} {:>9} {:>9} {:>6}   {:>9} {:>9}   {:>9} {:>9}",
        "", "fps", "fps", "", "CPU s", "CPU s", "peak MiB", "peak MiB"
    );
    let mut good = true;
    for (name, pix_fmt, path) in clips {
        if name == "h264-10bit.mp4"
            && !abilities
                .profiles
                .iter()
                .any(|profile| profile == "VAProfileH264High10")
        {
            println!(
                "{name:15} left out: this libva (1.{}) has no VAProfileH264High10",
                abilities.va_minor
            );
            continue;
        }
        let codec = name.split('-').next().and_then(Codec::from_name);
        let counts = dir.join("stats");
        let _stale = fs::remove_file(&counts);
        decode(&path, pix_fmt, codec, &setting.environment(Some(&counts)))?;
        Stats::read(&counts)
            .account_for(FRAMES, 0)
            .map_err(anyhow::Error::msg)?;
        decode(&path, pix_fmt, None, &[])?;
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..options.runs {
            ours.push(decode(&path, pix_fmt, codec, &setting.environment(None))?);
            theirs.push(decode(&path, pix_fmt, None, &[])?);
        }
        let (ours, theirs) = (medians(&ours), medians(&theirs));
        let ratio = theirs.wall / ours.wall;
        good &= ratio >= options.minimum;
        let fps = |cost: &Cost| FRAMES as f64 / cost.wall;
        println!(
            "{name:15} {:>9.1} {:>9.1} {ratio:>6.2}   {:>9.2} {:>9.2}   {:>9.0} {:>9.0}",
            fps(&ours),
            fps(&theirs),
            ours.cpu,
            theirs.cpu,
            ours.memory,
            theirs.memory
        );
    }
    if !good {
        println!("below the minimum of {}", options.minimum);
    }
    Ok(good)
}
