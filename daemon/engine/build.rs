// SPDX-License-Identifier: BSD-2-Clause
//! Tells the sources which libavcodec they are built against.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(avcodec_thread_safe_callbacks)");
    println!("cargo::rerun-if-changed=build.rs");
    // `AVCodecContext::thread_safe_callbacks` went with FFmpeg 6.0, where callbacks are always called from any thread.
    let since_6_0 = std::env::var("DEP_FFMPEG_FFMPEG_6_0").is_ok_and(|value| value == "true");
    if !since_6_0 {
        println!("cargo::rustc-cfg=avcodec_thread_safe_callbacks");
    }
}
