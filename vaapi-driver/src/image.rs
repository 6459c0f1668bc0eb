// SPDX-License-Identifier: BSD-2-Clause
//! Images: a client's window on pixels, its own or a surface's.

use crate::error::{Error, Result};
use crate::pixels::{Layout, Pixels, Pool, format_of, fourcc};
use engine::pack::Format;
use std::sync::Arc;
use va_sys::*;

/// A client's image.
pub struct Image {
    /// The buffer that the client maps.
    pub buffer: VABufferID,
    /// The image's own pixels, or a surface's.
    pub pixels: Arc<Pixels>,
}

/// What `vaQueryImageFormats` lists: exactly the formats that surfaces can have, as clients try each on a surface.
pub const FORMATS: [Format; 2] = [Format::Nv12, Format::P010];

/// libva's description of a format.
pub fn description(format: Format) -> VAImageFormat {
    VAImageFormat {
        fourcc: fourcc(format),
        byte_order: VA_LSB_FIRST,
        bits_per_pixel: match format {
            Format::Nv12 => 12,
            Format::P010 => 24,
        },
        ..Default::default()
    }
}

impl Image {
    /// Pixels for `vaCreateImage`.
    ///
    /// # Errors
    /// [`Error::InvalidImageFormat`], [`Error::Resolution`], [`Error::Allocation`]
    pub fn allocate(
        format: &VAImageFormat,
        width: i32,
        height: i32,
        pool: &Arc<Pool>,
    ) -> Result<Arc<Pixels>> {
        let format = format_of(format.fourcc).ok_or(Error::InvalidImageFormat(format.fourcc))?;
        let size = (u32::try_from(width), u32::try_from(height));
        let (Ok(width), Ok(height)) = size else {
            return Err(Error::Resolution(width.into(), height.into()));
        };
        Ok(Arc::new(Pixels::pooled(
            Layout::new(format, width, height)?,
            pool,
        )?))
    }

    /// What the client gets to know.
    ///
    /// # Errors
    /// [`Error::Resolution`] if a number does not fit; not for layouts within their limits.
    pub fn describe(layout: &Layout, id: VAImageID, buffer: VABufferID) -> Result<VAImage> {
        let too_large = || Error::Resolution(layout.width.into(), layout.height.into());
        let number = |value: usize| u32::try_from(value).map_err(|_| too_large());
        let [luma, chroma] = layout.planes;
        Ok(VAImage {
            image_id: id,
            format: description(layout.format),
            buf: buffer,
            width: u16::try_from(layout.width).map_err(|_| too_large())?,
            height: u16::try_from(layout.height).map_err(|_| too_large())?,
            data_size: number(layout.size)?,
            num_planes: 2,
            pitches: [number(luma.pitch)?, number(chroma.pitch)?, 0],
            offsets: [number(luma.offset)?, number(chroma.offset)?, 0],
            ..Default::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixels::MAX_SIZE;

    #[test]
    fn the_largest_image_can_be_described() {
        let layout = Layout::new(Format::P010, MAX_SIZE, MAX_SIZE).unwrap();
        let image = Image::describe(&layout, 1, 2).unwrap();
        assert_eq!((image.width, image.height), (16384, 16384));
        assert_eq!(image.data_size as usize, layout.size);
    }

    #[test]
    fn bad_sizes_and_formats_are_refused() {
        let (nv12, pool) = (description(Format::Nv12), Arc::default());
        for (width, height) in [(0, 1), (1, 0), (-1, 1), (1, i32::MIN), (i32::MAX, 1)] {
            assert!(matches!(
                Image::allocate(&nv12, width, height, &pool),
                Err(Error::Resolution(..))
            ));
        }
        let rgb = VAImageFormat {
            fourcc: VA_FOURCC_BGRA,
            ..Default::default()
        };
        assert!(matches!(
            Image::allocate(&rgb, 16, 16, &pool),
            Err(Error::InvalidImageFormat(VA_FOURCC_BGRA))
        ));
    }
}
