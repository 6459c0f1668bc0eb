// SPDX-License-Identifier: BSD-2-Clause
//! One client on one stream: right, wrong, or not to be had from this client.

use crate::{
    client::{Answer, ffmpeg, gstreamer},
    coded,
    manifest::{Codec, Stream},
    setting::Setting,
    stats::Stats,
};
use anyhow::Result;
use std::{
    fmt, fs,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// An unmodified application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Client {
    /// `ffmpeg -hwaccel vaapi`
    Ffmpeg,
    /// gstreamer-vaapi
    Gstreamer,
}

impl Client {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Ffmpeg, Self::Gstreamer];

    /// As on the command line and in the list of known failures.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ffmpeg => "ffmpeg",
            Self::Gstreamer => "gstreamer",
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every frame is right and came from the driver. A note names a right answer other than the expected one.
    Pass(String),
    /// Wrong, with the reason.
    Fail(String),
    /// Says nothing of the driver: the client itself cannot take the stream.
    Skip(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass(note) if note.is_empty() => f.write_str("pass"),
            Self::Pass(note) => write!(f, "pass ({note})"),
            Self::Fail(reason) => write!(f, "FAIL {reason}"),
            Self::Skip(reason) => write!(f, "skip {reason}"),
        }
    }
}

/// What this machine's libva and clients can do at all.
#[derive(Clone, Debug, Default)]
pub struct Abilities {
    /// Profiles as `vainfo` lists them.
    pub profiles: Vec<String>,
    /// Minor version of libva's API.
    pub va_minor: u32,
}

impl Abilities {
    /// Reads `vainfo`'s output.
    pub fn parse(vainfo: &str) -> Self {
        let first_words = vainfo
            .lines()
            .filter_map(|line| line.split_whitespace().next());
        let profiles = first_words
            .filter(|word| word.starts_with("VAProfile"))
            .map(|word| word.trim_end_matches(':').to_owned())
            .collect();
        let version = vainfo
            .lines()
            .find_map(|line| line.split_once("VA-API version: ").map(|(_, rest)| rest));
        let va_minor = version
            .and_then(|rest| rest.split(['.', ' ']).nth(1)?.parse().ok())
            .unwrap_or(0);
        Self { profiles, va_minor }
    }

    /// Why no client on this machine can hand the stream to a driver.
    pub fn cannot_take(&self, client: Client, stream: &Stream) -> Option<String> {
        if stream.depth() > 10 {
            return Some("12 bit: outside what Daedalus decodes".into());
        }
        if stream.codec == Codec::H264 && stream.depth() == 10 {
            if self.va_minor < 18 {
                return Some(format!(
                    "VAProfileH264High10 needs VA-API 1.18, this is 1.{}",
                    self.va_minor
                ));
            }
            if client == Client::Gstreamer {
                return Some("gstreamer-vaapi has no High 10".into());
            }
        }
        if client == Client::Gstreamer && stream.pix_fmt.starts_with("gray") {
            return Some("GStreamer's test sink takes no monochrome".into());
        }
        None
    }
}

/// Part of what FFmpeg says where its AV1 decoder has no hwaccel to offer for a pixel format.
const NO_MONOCHROME: &str = "hardware accelerated AV1 decoding";

static RUNS: AtomicU64 = AtomicU64::new(0);

/// Runs `client` on `stream` and judges.
///
/// # Errors
/// The client is not installed, or a file of ours cannot be written.
pub fn judge(
    setting: &Setting,
    abilities: &Abilities,
    client: Client,
    stream: &Stream,
    limit: Duration,
) -> Result<Verdict> {
    if let Some(reason) = abilities.cannot_take(client, stream) {
        return Ok(Verdict::Skip(reason));
    }
    let counts = crate::setting::target().join(format!(
        "stats-{}-{}",
        std::process::id(),
        RUNS.fetch_add(1, Ordering::Relaxed)
    ));
    let env = setting.environment(Some(&counts));
    let answer = match client {
        Client::Ffmpeg => ffmpeg::decode(stream, ffmpeg::Decode::Vaapi(stream.codec), &env, limit),
        Client::Gstreamer => gstreamer::decode(stream, gstreamer::Decode::Vaapi, &env, limit),
    };
    let stats = Stats::read(&counts);
    let _none = fs::remove_file(&counts);
    let answer = answer?;
    let wrong = match stream.accepts(&answer.md5) {
        // The surface a client shows has the grain on it.
        Some(other) if !other.starts_with("nograin") => {
            return Ok(match account(stream, &stats) {
                Ok(()) => Verdict::Pass(other.split(':').next().unwrap_or("").into()),
                Err(reason) => Verdict::Fail(reason),
            });
        }
        Some(_) => "film grain is missing".to_owned(),
        None => why(&answer, &stats),
    };
    if client == Client::Ffmpeg
        && stream.pix_fmt.starts_with("gray")
        && answer.finished.stderr.contains(NO_MONOCHROME)
    {
        return Ok(Verdict::Skip(
            "FFmpeg's AV1 decoder of this version offers no hwaccel for monochrome".into(),
        ));
    }
    // What the client makes of the stream without the driver tells whose fault it is.
    let own = match client {
        Client::Ffmpeg => ffmpeg::decode(stream, ffmpeg::Decode::Software(1), &env, limit),
        Client::Gstreamer => gstreamer::decode(stream, gstreamer::Decode::Software, &env, limit),
    }?;
    if !own.md5.is_empty() && own.md5 == answer.md5 && own.finished.bytes > 0 {
        return Ok(match account(stream, &stats) {
            Ok(()) => Verdict::Pass(
                "as this client's software decoder, which differs from the reference".into(),
            ),
            Err(_) => Verdict::Skip(
                "software decoding of this client differs from the reference, too".into(),
            ),
        });
    }
    // A client that decodes nothing at all says nothing: that would excuse every failure.
    let decodes = own.finished.ok() && (client == Client::Gstreamer || own.finished.bytes > 0);
    if stream.accepts(&own.md5).is_none()
        && (decodes || !stream.software_agrees || client == Client::Gstreamer)
    {
        return Ok(Verdict::Skip(format!(
            "this client's software decoder differs from the reference, too ({wrong})"
        )));
    }
    Ok(Verdict::Fail(if client == Client::Ffmpeg {
        first_difference(setting, stream, limit).unwrap_or(wrong)
    } else {
        wrong
    }))
}

fn account(stream: &Stream, stats: &Stats) -> Result<(), String> {
    let frames = stream.frames.unwrap_or(1);
    match stats.account_for(frames, 0) {
        Err(_) if stats.submitted > 0 && stats.bad == 0 && stats.decoded < frames => {
            let repeats = coded::repeated_frames(stream.codec, &stream.path)
                .map_err(|error| format!("cannot count repeated frames: {error:#}"))?;
            stats.account_for(frames, repeats)
        }
        other => other,
    }
}

fn why(answer: &Answer, stats: &Stats) -> String {
    let counts = stats.to_string();
    if !answer.finished.ok() {
        format!("{} ({counts})", answer.finished.reason())
    } else if stats.submitted == 0 {
        format!("the driver decoded nothing: {}", answer.finished.reason())
    } else if answer.finished.bytes == 0 {
        format!("no frames: {} ({counts})", answer.finished.reason())
    } else {
        format!("frames differ ({counts})")
    }
}

fn first_difference(setting: &Setting, stream: &Stream, limit: Duration) -> Option<String> {
    let frames = |decode, env: &[(String, String)]| {
        let mut text = Vec::new();
        let done = ffmpeg::run(
            &stream.path,
            &stream.pix_fmt,
            decode,
            ffmpeg::Form::FrameMd5,
            env,
            limit,
            &mut text,
        )
        .ok()?;
        Some((
            crate::client::frame_md5s(&String::from_utf8_lossy(&text)),
            done,
        ))
    };
    let (expected, _) = frames(ffmpeg::Decode::Software(1), &[])?;
    let (got, done) = frames(
        ffmpeg::Decode::Vaapi(stream.codec),
        &setting.environment(None),
    )?;
    match crate::client::same_frames(&got, &expected) {
        Ok(()) => Some("right at the second try: not deterministic".into()),
        Err(difference) if done.ok() && done.stderr.trim().is_empty() => Some(difference),
        Err(difference) => Some(format!("{difference}; {}", done.reason())),
    }
}

/// An entry of the list of known failures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Client's name.
    pub client: String,
    /// Stream's name.
    pub stream: String,
    /// Why the client fails.
    pub reason: String,
}

/// Reads the list, for one Debian release.
///
/// # Errors
/// The file cannot be read or a line lacks a column.
pub fn known_failures(path: &Path, release: &str) -> Result<Vec<Known>> {
    let text = fs::read_to_string(path)?;
    let mut list = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
    {
        let fields: Vec<&str> = line.split('\t').collect();
        let [client, place, stream, reason] = fields[..] else {
            anyhow::bail!("known failures: {line}")
        };
        if place == "*" || place == release {
            list.push(Known {
                client: client.into(),
                stream: stream.into(),
                reason: reason.into(),
            });
        }
    }
    Ok(list)
}

/// `VERSION_ID` of this system, empty if it does not say.
pub fn release() -> String {
    let text = fs::read_to_string("/etc/os-release").unwrap_or_default();
    text.lines()
        .find_map(|line| line.strip_prefix("VERSION_ID="))
        .unwrap_or("")
        .trim_matches('"')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vainfo_is_read() {
        let text = "libva info: VA-API version 1.17.0\nvainfo: VA-API version: 1.17 (libva 2.12.0)\n\
            vainfo: Supported profile and entrypoints\n      VAProfileH264Main               :\tVAEntrypointVLD\n      VAProfileVP9Profile2            :\tVAEntrypointVLD\n";
        let abilities = Abilities::parse(text);
        assert_eq!(
            abilities.profiles,
            ["VAProfileH264Main", "VAProfileVP9Profile2"]
        );
        assert_eq!(abilities.va_minor, 17);
    }
}
