// SPDX-License-Identifier: BSD-2-Clause
//! Where things are, and the environment in which a client finds the driver and a display.

use anyhow::{Context, Result, ensure};
use std::{
    env,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// Root of the project's tree.
pub fn root() -> PathBuf {
    let tests = PathBuf::from(
        env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into()),
    );
    tests.parent().map(Path::to_path_buf).unwrap_or(tests)
}

/// Where build products and caches go.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// The sample of conformance streams: `DAEDALUS_VECTORS`, or `../shared/vectors` beside the project; `None` if it is not there.
///
/// # Errors
/// `DAEDALUS_VECTORS` is set and names no such sample.
pub fn vectors() -> Result<Option<PathBuf>> {
    if let Some(dir) = env::var_os("DAEDALUS_VECTORS") {
        let dir = PathBuf::from(dir);
        ensure!(
            dir.join("manifest.tsv").is_file(),
            "DAEDALUS_VECTORS={} holds no manifest.tsv",
            dir.display()
        );
        return Ok(Some(dir));
    }
    let beside = root().join("../shared/vectors");
    Ok(if beside.join("manifest.tsv").is_file() {
        Some(beside.canonicalize()?)
    } else {
        None
    })
}

/// A display of our own for libva, where the caller has none; ends with this value.
struct Xvfb(Child);

impl Drop for Xvfb {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The driver under test and a display.
pub struct Setting {
    driver_dir: PathBuf,
    display: String,
    _server: Option<Xvfb>,
}

impl Setting {
    /// Finds the driver (`DAEDALUS_DRIVER_DIR`, or `target/dri`) and starts an X server if there is no `DISPLAY`.
    ///
    /// # Errors
    /// There is no driver, or no X server.
    pub fn new() -> Result<Self> {
        let driver_dir =
            env::var_os("DAEDALUS_DRIVER_DIR").map_or_else(|| target().join("dri"), PathBuf::from);
        let driver = driver_dir.join("daedalus_drv_video.so");
        ensure!(
            driver.is_file(),
            "no driver at {}: run make",
            driver.display()
        );
        let driver_dir = driver_dir.canonicalize()?;
        if let Some(display) = env::var("DISPLAY")
            .ok()
            .filter(|display| !display.is_empty())
        {
            return Ok(Self {
                driver_dir,
                display,
                _server: None,
            });
        }
        let mut server = Command::new("Xvfb")
            // Without -noreset the server starts anew, and refuses clients meanwhile, whenever its last client leaves.
            .args([
                "-noreset",
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1280x800x24",
                "-nolisten",
                "tcp",
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start Xvfb: package xvfb")?;
        let answer = server
            .stdout
            .take()
            .context("Xvfb has no standard output")?;
        let server = Xvfb(server);
        let mut number = String::new();
        BufReader::new(answer).read_line(&mut number)?;
        ensure!(!number.trim().is_empty(), "Xvfb did not start");
        Ok(Self {
            driver_dir,
            display: format!(":{}", number.trim()),
            _server: Some(server),
        })
    }

    /// Path of the driver.
    pub fn driver(&self) -> PathBuf {
        self.driver_dir.join("daedalus_drv_video.so")
    }

    /// Lets GStreamer make its registry of plugins, which several processes at once cannot do.
    ///
    /// # Errors
    /// GStreamer is missing, or its VA-API plugin does not accept the driver.
    pub fn prepare_gstreamer(&self) -> Result<()> {
        let limit = std::time::Duration::from_secs(60);
        let plugin =
            crate::process::text("gst-inspect-1.0", ["vaapi"], &self.environment(None), limit)?;
        ensure!(
            plugin.contains("vaapih264dec"),
            "gstreamer-vaapi offers no decoder on this driver:\n{plugin}"
        );
        Ok(())
    }

    /// What a client's environment must hold to meet the driver; `stats` is where the driver writes its counts.
    pub fn environment(&self, stats: Option<&Path>) -> Vec<(String, String)> {
        let mut list = vec![
            ("DISPLAY".into(), self.display.clone()),
            (
                "LIBVA_DRIVERS_PATH".into(),
                self.driver_dir.to_string_lossy().into_owned(),
            ),
            ("LIBVA_DRIVER_NAME".into(), "daedalus".into()),
            ("LIBVA_MESSAGING_LEVEL".into(), "0".into()),
            // GStreamer offers only drivers that it knows, unless told.
            ("GST_VAAPI_ALL_DRIVERS".into(), "1".into()),
            ("GST_VA_ALL_DRIVERS".into(), "1".into()),
            (
                "GST_REGISTRY".into(),
                target()
                    .join("gst-registry.bin")
                    .to_string_lossy()
                    .into_owned(),
            ),
        ];
        if env::var_os("XDG_RUNTIME_DIR").is_none() {
            list.push((
                "XDG_RUNTIME_DIR".into(),
                target().to_string_lossy().into_owned(),
            ));
        }
        if let Some(path) = stats {
            list.push(("DAEDALUS_STATS".into(), path.to_string_lossy().into_owned()));
        }
        list
    }
}
