// SPDX-License-Identifier: BSD-2-Clause
//! What the driver offers: profiles, their attributes, and the configs made of them.

use crate::error::{Error, Result};
use crate::pixels::fourcc;
use engine::pack::Format;
use v4l2_common::picture::Codec;
use va_sys::*;

/// Largest picture width and height that can be decoded.
pub const MAX_PICTURE: u32 = 8192;

/// A profile that the driver offers, always with `VAEntrypointVLD`.
#[derive(Debug, PartialEq, Eq)]
pub struct Profile {
    /// `VAProfile*`
    pub id: VAProfile,
    /// Its name without the prefix.
    pub name: &'static str,
    /// What decodes it.
    pub codec: Codec,
    /// `VA_RT_FORMAT_*`
    pub rt_formats: u32,
}

const fn profile(id: VAProfile, name: &'static str, codec: Codec, rt_formats: u32) -> Profile {
    Profile {
        id,
        name,
        codec,
        rt_formats,
    }
}

/// All profiles. libva before 2.18 has no name for `VAProfileH264High10`; clients pass over numbers that they do not know.
pub static PROFILES: [Profile; 7] = [
    profile(
        VAProfileH264ConstrainedBaseline,
        "H264ConstrainedBaseline",
        Codec::H264,
        VA_RT_FORMAT_YUV420,
    ),
    profile(
        VAProfileH264Main,
        "H264Main",
        Codec::H264,
        VA_RT_FORMAT_YUV420,
    ),
    profile(
        VAProfileH264High,
        "H264High",
        Codec::H264,
        VA_RT_FORMAT_YUV420 | VA_RT_FORMAT_YUV400,
    ),
    profile(
        VAProfileH264High10,
        "H264High10",
        Codec::H264,
        VA_RT_FORMAT_YUV420 | VA_RT_FORMAT_YUV420_10,
    ),
    profile(
        VAProfileVP9Profile0,
        "VP9Profile0",
        Codec::Vp9,
        VA_RT_FORMAT_YUV420,
    ),
    profile(
        VAProfileVP9Profile2,
        "VP9Profile2",
        Codec::Vp9,
        VA_RT_FORMAT_YUV420_10,
    ),
    profile(
        VAProfileAV1Profile0,
        "AV1Profile0",
        Codec::Av1,
        VA_RT_FORMAT_YUV420 | VA_RT_FORMAT_YUV420_10,
    ),
];

/// Config attributes that have a value for a decoder, in the order of `vaQueryConfigAttributes`.
const ATTRIBUTES: [VAConfigAttribType; 4] = [
    VAConfigAttribRTFormat,
    VAConfigAttribDecSliceMode,
    VAConfigAttribMaxPictureWidth,
    VAConfigAttribMaxPictureHeight,
];

/// A client's config.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// What is decoded.
    pub profile: &'static Profile,
    /// The `VA_RT_FORMAT_*` that the client asked for, or all.
    rt_formats: u32,
}

/// The offered profile with this ID.
///
/// # Errors
/// [`Error::UnsupportedProfile`]
pub fn find(id: VAProfile) -> Result<&'static Profile> {
    PROFILES
        .iter()
        .find(|profile| profile.id == id)
        .ok_or(Error::UnsupportedProfile(id))
}

/// As [`find`], for a pair.
///
/// # Errors
/// [`Error::UnsupportedProfile`] or else [`Error::UnsupportedEntrypoint`]
pub fn find_pair(id: VAProfile, entrypoint: VAEntrypoint) -> Result<&'static Profile> {
    let profile = find(id)?;
    if entrypoint == VAEntrypointVLD {
        Ok(profile)
    } else {
        Err(Error::UnsupportedEntrypoint(entrypoint))
    }
}

/// A config attribute's value, `VA_ATTRIB_NOT_SUPPORTED` for one that a decoder does not have.
pub fn attribute(profile: &Profile, kind: VAConfigAttribType) -> u32 {
    match kind {
        VAConfigAttribRTFormat => profile.rt_formats,
        VAConfigAttribDecSliceMode => VA_DEC_SLICE_MODE_NORMAL,
        VAConfigAttribMaxPictureWidth | VAConfigAttribMaxPictureHeight => MAX_PICTURE,
        _ => VA_ATTRIB_NOT_SUPPORTED,
    }
}

impl Config {
    /// A config with the attributes that the client asked for.
    ///
    /// # Errors
    /// [`Error::UnsupportedProfile`], [`Error::UnsupportedEntrypoint`], [`Error::UnsupportedRtFormat`] for a format that the
    /// profile cannot decode to, [`Error::InvalidValue`] for any other attribute that is not offered.
    pub fn new(
        id: VAProfile,
        entrypoint: VAEntrypoint,
        attributes: &[VAConfigAttrib],
    ) -> Result<Self> {
        let profile = find_pair(id, entrypoint)?;
        let mut config = Self {
            profile,
            rt_formats: profile.rt_formats,
        };
        for &VAConfigAttrib { type_: kind, value } in attributes {
            let offered = attribute(profile, kind);
            match kind {
                VAConfigAttribRTFormat if value & offered == 0 => {
                    return Err(Error::UnsupportedRtFormat(value));
                }
                VAConfigAttribRTFormat => config.rt_formats = value & offered,
                VAConfigAttribDecSliceMode if value & !offered == 0 && value != 0 => {}
                _ if offered != VA_ATTRIB_NOT_SUPPORTED && value == offered => {}
                _ => return Err(Error::InvalidValue { kind, value }),
            }
        }
        Ok(config)
    }

    /// The config's attributes.
    pub fn attributes(&self) -> Vec<VAConfigAttrib> {
        let value = |kind| match kind {
            VAConfigAttribRTFormat => self.rt_formats,
            _ => attribute(self.profile, kind),
        };
        ATTRIBUTES
            .iter()
            .map(|&kind| VAConfigAttrib {
                type_: kind,
                value: value(kind),
            })
            .collect()
    }

    /// What surfaces for this config can be.
    pub fn surface_attributes(&self) -> Vec<VASurfaceAttrib> {
        let (get, set) = (VA_SURFACE_ATTRIB_GETTABLE, VA_SURFACE_ATTRIB_SETTABLE);
        let formats = [
            (VA_RT_FORMAT_YUV420, Format::Nv12),
            (VA_RT_FORMAT_YUV420_10, Format::P010),
        ];
        let formats = formats
            .iter()
            .filter(|(rt_format, _)| self.rt_formats & rt_format != 0);
        let formats = formats
            .map(|&(_, format)| integer(VASurfaceAttribPixelFormat, get | set, fourcc(format)));
        let limits = [
            integer(VASurfaceAttribMinWidth, get, 1),
            integer(VASurfaceAttribMaxWidth, get, MAX_PICTURE),
            integer(VASurfaceAttribMinHeight, get, 1),
            integer(VASurfaceAttribMaxHeight, get, MAX_PICTURE),
            integer(
                VASurfaceAttribMemoryType,
                get | set,
                VA_SURFACE_ATTRIB_MEM_TYPE_VA,
            ),
            integer(
                VASurfaceAttribUsageHint,
                get | set,
                VA_SURFACE_ATTRIB_USAGE_HINT_DECODER,
            ),
        ];
        formats.chain(limits).collect()
    }
}

fn integer(kind: VASurfaceAttribType, flags: u32, value: u32) -> VASurfaceAttrib {
    let mut attribute = VASurfaceAttrib {
        type_: kind,
        flags,
        ..Default::default()
    };
    attribute.value.type_ = VAGenericValueTypeInteger;
    // All values here fit: fourccs are ASCII.
    attribute.value.value.i = i32::try_from(value).unwrap_or(i32::MAX);
    attribute
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(kind: VAConfigAttribType, value: u32) -> [VAConfigAttrib; 1] {
        [VAConfigAttrib { type_: kind, value }]
    }

    #[test]
    fn every_reported_attribute_can_be_asked_for() {
        for profile in &PROFILES {
            let config = Config::new(profile.id, VAEntrypointVLD, &[]).unwrap();
            for VAConfigAttrib { type_, value } in config.attributes() {
                assert_eq!(value, attribute(profile, type_));
                assert!(Config::new(profile.id, VAEntrypointVLD, &asked(type_, value)).is_ok());
            }
        }
    }

    #[test]
    fn errors_are_those_that_libva_tests_for() {
        let new = |id, entrypoint, attributes: &[VAConfigAttrib]| {
            Config::new(id, entrypoint, attributes).unwrap_err()
        };
        assert_eq!(
            new(VAProfileHEVCMain, VAEntrypointVLD, &[]),
            Error::UnsupportedProfile(VAProfileHEVCMain)
        );
        assert_eq!(
            new(VAProfileHEVCMain, VAEntrypointEncSlice, &[]),
            Error::UnsupportedProfile(VAProfileHEVCMain)
        );
        let encode = new(VAProfileH264Main, VAEntrypointEncSlice, &[]);
        assert_eq!(encode, Error::UnsupportedEntrypoint(VAEntrypointEncSlice));
        let deep = asked(VAConfigAttribRTFormat, VA_RT_FORMAT_YUV420_10);
        let deep = new(VAProfileH264Main, VAEntrypointVLD, &deep);
        assert_eq!(deep, Error::UnsupportedRtFormat(VA_RT_FORMAT_YUV420_10));
        for value in 0..0xff {
            let packed = new(
                VAProfileH264Main,
                VAEntrypointVLD,
                &asked(VAConfigAttribEncPackedHeaders, value),
            );
            assert_eq!(packed.status() as u32, VA_STATUS_ERROR_INVALID_VALUE);
        }
        let base = new(
            VAProfileH264Main,
            VAEntrypointVLD,
            &asked(VAConfigAttribDecSliceMode, VA_DEC_SLICE_MODE_BASE),
        );
        assert_eq!(base.status() as u32, VA_STATUS_ERROR_INVALID_VALUE);
    }

    #[test]
    fn pixel_formats_follow_the_render_target_format() {
        let formats = |profile, attributes: &[VAConfigAttrib]| {
            let config = Config::new(profile, VAEntrypointVLD, attributes).unwrap();
            let attributes = config.surface_attributes();
            attributes
                .iter()
                .filter(|a| a.type_ == VASurfaceAttribPixelFormat)
                .count()
        };
        assert_eq!(formats(VAProfileAV1Profile0, &[]), 2);
        assert_eq!(
            formats(
                VAProfileAV1Profile0,
                &asked(VAConfigAttribRTFormat, VA_RT_FORMAT_YUV420)
            ),
            1
        );
        assert_eq!(formats(VAProfileVP9Profile0, &[]), 1);
    }
}
