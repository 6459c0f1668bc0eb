// SPDX-License-Identifier: BSD-2-Clause
//! Frames of all layouts as one digest: 4:2:0 samples plane by plane, 16 bits each, whatever lay between the rows.

use md5::{Digest, Md5};

/// MD5 of a frame.
pub type FrameMd5 = [u8; 16];

/// Where a frame's samples are.
pub struct Layout<'a> {
    /// Width and height of the luma plane.
    pub size: (usize, usize),
    /// Luma; chroma, or U and V.
    pub planes: Vec<(&'a [u8], usize)>,
    /// Bytes of a sample.
    pub bytes: usize,
    /// Unused low bits of a sample.
    pub shift: u32,
}

impl Layout<'_> {
    /// Digests the visible samples; `None` if a plane is too short for the size.
    pub fn md5(&self) -> Option<FrameMd5> {
        let mut md5 = Md5::new();
        let (width, height) = self.size;
        let (cw, ch) = (width.div_ceil(2), height.div_ceil(2));
        let mut row = Vec::new();
        let interleaved = self.planes.len() == 2;
        let mut plane =
            |index: usize, columns: usize, rows: usize, step: usize, first: usize| -> Option<()> {
                let &(data, stride) = self.planes.get(index)?;
                for y in 0..rows {
                    let line = data.get(y * stride..)?;
                    row.clear();
                    for x in 0..columns {
                        let at = (x * step + first) * self.bytes;
                        let sample = match self.bytes {
                            1 => u16::from(*line.get(at)?),
                            _ => {
                                u16::from_le_bytes([*line.get(at)?, *line.get(at + 1)?])
                                    >> self.shift
                            }
                        };
                        row.extend(sample.to_le_bytes());
                    }
                    md5.update(&row);
                }
                Some(())
            };
        plane(0, width, height, 1, 0)?;
        if interleaved {
            plane(1, cw, ch, 2, 0)?;
            plane(1, cw, ch, 2, 1)?;
        } else {
            plane(1, cw, ch, 1, 0)?;
            plane(2, cw, ch, 1, 0)?;
        }
        Some(md5.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_of_the_same_samples_have_one_digest() {
        let y: Vec<u8> = (0..15).collect();
        let planar = Layout {
            size: (3, 3),
            planes: vec![(&y[..9], 3), (&[1, 2, 3, 4], 2), (&[5, 6, 7, 8], 2)],
            bytes: 1,
            shift: 0,
        };
        let rows = [0, 1, 2, 99, 3, 4, 5, 99, 6, 7, 8];
        let nv12 = Layout {
            size: (3, 3),
            planes: vec![(&rows, 4), (&[1, 5, 2, 6, 3, 7, 4, 8], 4)],
            bytes: 1,
            shift: 0,
        };
        assert_eq!(planar.md5(), nv12.md5());
        let wide: Vec<u8> = y[..9]
            .iter()
            .flat_map(|&s| (u16::from(s) << 6).to_le_bytes())
            .collect();
        let chroma: Vec<u8> = [1u16, 5, 2, 6, 3, 7, 4, 8]
            .iter()
            .flat_map(|s| (s << 6).to_le_bytes())
            .collect();
        let p010 = Layout {
            size: (3, 3),
            planes: vec![(&wide, 6), (&chroma, 8)],
            bytes: 2,
            shift: 6,
        };
        assert_eq!(planar.md5(), p010.md5());
        assert_eq!(
            Layout {
                size: (3, 4),
                ..p010
            }
            .md5(),
            None
        );
    }
}
