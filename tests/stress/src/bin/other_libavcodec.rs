// SPDX-License-Identifier: BSD-2-Clause
//! An application that has another libavcodec loaded is not disturbed by the driver, nor the driver by it.
//!
//! The other libavcodec is one that this test builds: major version 58, with every function of the
//! real ones, each of which ends the process with a message. It stands first in the process's global scope (`LD_PRELOAD`), and
//! a user of it asks it for its version at the start and at the end. Unmodified clients then decode through the driver.
#![allow(clippy::print_stdout)]

use anyhow::{Context, Result, ensure};
use harness::{
    client::{
        ffmpeg::{self, Decode, Form},
        frame_md5s, gstreamer,
    },
    manifest::{Codec, Stream},
    process,
    setting::Setting,
    stats::Stats,
};
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use stress::clips::{self, Clip, Wish};
use v4l2_common::picture;

const LIMIT: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    let setting = Setting::new()?;
    let dir = clips::directory()?.join("other-libavcodec");
    fs::create_dir_all(&dir)?;
    let names = taken()?;
    ensure!(
        names.iter().any(|name| name == "avcodec_send_packet"),
        "the system's libavcodec has no functions: {names:?}"
    );
    let user = build(&dir, &names)?;
    println!(
        "another libavcodec with {} functions that must never be called",
        names.len()
    );
    let clips = clips::all(Wish {
        size: (320, 180),
        frames: 24,
        gop: 12,
        low_delay: false,
    })?;
    for clip in &clips {
        for client in [Client::Ffmpeg, Client::GStreamer] {
            check(client, clip, &dir, &user, &setting)
                .with_context(|| format!("{client:?}, {}", clip.name))?;
        }
    }
    Ok(())
}

#[derive(Clone, Copy, Debug)]
enum Client {
    Ffmpeg,
    GStreamer,
}

/// Functions of the system's libavcodec and libavutil, which the driver opens at run time.
fn taken() -> Result<Vec<String>> {
    let program = process::text("sh", ["-c", "command -v ffmpeg"], &[], LIMIT)?;
    let libraries = process::text("ldd", [program.trim()], &[], LIMIT)?;
    let mut names = Vec::new();
    for word in libraries.split_whitespace().filter(|word| {
        word.starts_with('/') && (word.contains("/libavcodec.so") || word.contains("/libavutil.so"))
    }) {
        let text = process::text(
            "nm",
            ["-D", "--defined-only", "--format=posix", word],
            &[],
            LIMIT,
        )?;
        names.extend(text.lines().filter_map(|line| {
            let mut fields = line.split(' ');
            let name = fields.next()?.split('@').next()?;
            (fields.next() == Some("T") && name.starts_with("av")).then(|| name.to_owned())
        }));
    }
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Builds the other libavcodec and its user; gives the user's path.
fn build(dir: &Path, names: &[String]) -> Result<PathBuf> {
    let mut source = String::from(
        "#include <stdio.h>\n#include <stdlib.h>\nunsigned avcodec_version(void) { return 58u << 16 | 134 << 8 | 100; }\n",
    );
    for name in names.iter().filter(|name| *name != "avcodec_version") {
        writeln!(
            source,
            "void {name}(void) {{ fputs(\"OTHER LIBAVCODEC: {name} called\\n\", stderr); abort(); }}"
        )?;
    }
    fs::write(dir.join("other.c"), source)?;
    fs::write(dir.join("other.map"), "LIBAVCODEC_58 { global: *; };\n")?;
    fs::write(dir.join("user.c"), USER)?;
    let library = dir.join("libavcodec.so.58");
    let user = dir.join("libuser.so");
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let map = format!("-Wl,--version-script={}", path(&dir.join("other.map")));
    let common = ["-shared", "-fPIC", "-O1", "-o"].map(String::from);
    let other = [
        path(&library),
        path(&dir.join("other.c")),
        map,
        "-Wl,-soname,libavcodec.so.58".into(),
    ];
    process::text("cc", common.iter().cloned().chain(other), &[], LIMIT)?;
    let rpath = format!("-Wl,-rpath,{}", path(dir));
    let own = [
        path(&user),
        path(&dir.join("user.c")),
        path(&library),
        rpath,
    ];
    process::text("cc", common.into_iter().chain(own), &[], LIMIT)?;
    Ok(user)
}

const USER: &str = r#"#include <stdio.h>
#include <stdlib.h>
#include <string.h>
unsigned avcodec_version(void);
static void ask(const char *when)
{
	char line[512] = "";
	FILE *maps;
	int drivers = 0;

	if (avcodec_version() >> 16 != 58) {
		fprintf(stderr, "OTHER LIBAVCODEC: its user meets major %u %s\n", avcodec_version() >> 16, when);
		abort();
	}
	maps = fopen("/proc/self/maps", "r");
	while (maps && fgets(line, sizeof(line), maps))
		drivers |= strstr(line, "daedalus_drv_video") != NULL;
	if (maps)
		fclose(maps);
	if (drivers)
		fprintf(stderr, "OTHER LIBAVCODEC: undisturbed beside the driver\n");
}
__attribute__((constructor)) static void start(void) { ask("at the start"); }
__attribute__((destructor)) static void end(void) { ask("at the end"); }
"#;

fn check(client: Client, clip: &Clip, dir: &Path, user: &Path, setting: &Setting) -> Result<()> {
    let path = dir.join(format!("{}.ivf", clip.name));
    clip.stream.write(&path)?;
    let stats = dir.join(format!("{}.{client:?}.stats", clip.name));
    if stats.exists() {
        fs::remove_file(&stats)?;
    }
    let ten = clip.name.contains("10bit");
    let format = if ten { "yuv420p10le" } else { "yuv420p" };
    let codec = match clip.stream.codec {
        picture::Codec::H264 => Codec::H264,
        picture::Codec::Vp9 => Codec::Vp9,
        picture::Codec::Av1 => Codec::Av1,
    };
    let plain = setting.environment(None);
    let mut env = setting.environment(Some(&stats));
    env.push(("LD_PRELOAD".into(), user.to_string_lossy().into_owned()));
    let stderr = match client {
        Client::Ffmpeg => {
            let mut lists = Vec::new();
            let mut stderr = String::new();
            for (who, env) in [(Decode::Software(1), &plain), (Decode::Vaapi(codec), &env)] {
                let mut text = Vec::new();
                let done = ffmpeg::run(&path, format, who, Form::FrameMd5, env, LIMIT, &mut text)?;
                ensure!(done.ok(), "{who:?}: {}", done.reason());
                lists.push(frame_md5s(&String::from_utf8_lossy(&text)));
                stderr = done.stderr;
            }
            ensure!(
                lists[0].len() == 24 && lists[0] == lists[1],
                "frames differ"
            );
            stderr
        }
        Client::GStreamer => {
            let file = clip.stream.codec == picture::Codec::H264;
            let path = if file { clip.path.clone() } else { path };
            let stream = Stream {
                codec,
                name: clip.name.clone(),
                path: path.clone(),
                md5: String::new(),
                alternatives: Vec::new(),
                pix_fmt: format.into(),
                software_agrees: true,
                frames: Some(24),
                features: String::new(),
            };
            let software = ffmpeg::decode(&stream, Decode::Software(1), &plain, LIMIT)?;
            let hardware = gstreamer::decode(&stream, gstreamer::Decode::Vaapi, &env, LIMIT)?;
            ensure!(hardware.finished.ok(), "{}", hardware.finished.reason());
            ensure!(software.md5 == hardware.md5, "frames differ");
            hardware.finished.stderr
        }
    };
    ensure!(
        stderr.contains("undisturbed beside the driver"),
        "the other libavcodec and the driver did not meet: {stderr}"
    );
    ensure!(
        !stderr.contains(" called") && !stderr.contains("its user meets"),
        "{stderr}"
    );
    let counts = Stats::read(&stats);
    ensure!(
        counts.decoded >= 24 && counts.bad + counts.refused == 0,
        "{counts}"
    );
    println!(
        "{:9} {}: bit-exact; {counts}",
        format!("{client:?}"),
        clip.name
    );
    Ok(())
}
