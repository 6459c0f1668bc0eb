// SPDX-License-Identifier: BSD-2-Clause
//! Trace files: recorded [`Picture`]s and the MD5s of what they decoded to, for replay without the client.
//!
//! A file is a header (`DAEDTRCE`, version) and records, each behind its kind and length; all integers are
//! little-endian. A picture record holds what a V4L2 client would hand over: controls by their `V4L2_CID_STATELESS_*`
//! identifiers (runs of zero bytes packed) and the OUTPUT data. Reading trusts nothing: damage is an
//! [`io::ErrorKind::InvalidData`] or [`io::ErrorKind::UnexpectedEof`], and no length allocates before its bytes are read.

mod payload;

use crate::picture::Picture;
use std::{
    fs::File,
    io::{self, BufReader, Read, Write},
    path::Path,
};
use zerocopy::{
    FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned,
    little_endian::{U32, U64},
};

const MAGIC: [u8; 8] = *b"DAEDTRCE";
const VERSION: u32 = 1;
/// Longest record; far above any coded picture of 8192x8192.
const MAX_RECORD: u32 = 256 << 20;

const KIND_PICTURE: u32 = 1;
const KIND_RESULT: u32 = 2;

#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
struct FileHeader {
    magic: [u8; 8],
    version: U32,
    reserved: U32,
}

#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
struct RecordHeader {
    kind: U32,
    length: U32,
}

#[repr(C)]
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
struct ResultRecord {
    timestamp: U64,
    width: U32,
    height: U32,
    fourcc: U32,
    md5: [u8; 16],
}

/// One entry of a trace.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A picture as it was submitted.
    Picture {
        /// The picture.
        picture: Picture,
        /// False: decoded for the decoder's state only, nobody saw its frame.
        output: bool,
    },
    /// What the pictures of `timestamp` showed once all of them (both fields of a pair) were decoded without error.
    ///
    /// Comes anywhere behind the last of these pictures. A timestamp without a result was not checked.
    Result {
        /// `Picture::timestamp`
        timestamp: u64,
        /// Luma samples in a row; fewer than the decoded frame's where the client's surface is smaller (cropping).
        width: u32,
        /// Luma rows, likewise.
        height: u32,
        /// DRM/VA fourcc of the hashed layout: NV12 or P010.
        fourcc: u32,
        /// MD5 of `height` luma rows of `width` samples, then `(height + 1) / 2` rows of `(width + 1) / 2` interleaved
        /// Cb and Cr samples, nothing between the rows. With film grain if the picture's controls ask for grain.
        md5: [u8; 16],
    },
}

/// Writes a trace. Each record is one `write`, so a process that dies leaves whole records.
///
/// Not synchronised: a recorder that several threads use wraps it in a mutex, and keeps the order of submission.
#[derive(Debug)]
pub struct TraceWriter {
    file: File,
}

impl TraceWriter {
    /// Creates the file, or empties it.
    ///
    /// # Errors
    /// Those of the file system; `Unsupported` on a big-endian machine.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        if cfg!(target_endian = "big") {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "traces hold little-endian controls",
            ));
        }
        let mut file = File::create(path)?;
        let header = FileHeader {
            magic: MAGIC,
            version: VERSION.into(),
            reserved: 0.into(),
        };
        file.write_all(header.as_bytes())?;
        Ok(Self { file })
    }

    /// Records a submitted picture, in submission order. `output` is false for a picture that is decoded for the
    /// decoder's state only (`Submission::output` of the driver).
    ///
    /// # Errors
    /// Those of the file system; `InvalidInput` for a picture beyond the format's bounds (256 MiB, 65536 slices, 4096
    /// tiles).
    pub fn picture(&mut self, picture: &Picture, output: bool) -> io::Result<()> {
        let data = payload::encode(picture, output)?;
        self.record(KIND_PICTURE, &data)
    }

    /// Records what the picture or field pair of `timestamp` showed; see [`Record::Result`] for what is hashed.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn result(
        &mut self,
        timestamp: u64,
        width: u32,
        height: u32,
        fourcc: u32,
        md5: [u8; 16],
    ) -> io::Result<()> {
        let record = ResultRecord {
            timestamp: timestamp.into(),
            width: width.into(),
            height: height.into(),
            fourcc: fourcc.into(),
            md5,
        };
        self.record(KIND_RESULT, record.as_bytes())
    }

    fn record(&mut self, kind: u32, data: &[u8]) -> io::Result<()> {
        let length = u32::try_from(data.len())
            .ok()
            .filter(|&length| length <= MAX_RECORD)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "record above 256 MiB"))?;
        let header = RecordHeader {
            kind: kind.into(),
            length: length.into(),
        };
        let mut record = Vec::with_capacity(size_of::<RecordHeader>() + data.len());
        record.extend_from_slice(header.as_bytes());
        record.extend_from_slice(data);
        self.file.write_all(&record)
    }
}

/// Reads a trace: an iterator over its records that ends at the end of the file or behind the first error.
#[derive(Debug)]
pub struct TraceReader<R> {
    source: R,
    done: bool,
}

impl TraceReader<BufReader<File>> {
    /// Opens a trace file.
    ///
    /// # Errors
    /// Those of the file system; `InvalidData` for a file that is no trace or of another version.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::new(BufReader::new(File::open(path)?))
    }
}

impl<R: Read> TraceReader<R> {
    /// Reads a trace from anywhere.
    ///
    /// # Errors
    /// As [`TraceReader::open`]; `Unsupported` on a big-endian machine.
    pub fn new(mut source: R) -> io::Result<Self> {
        if cfg!(target_endian = "big") {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "traces hold little-endian controls",
            ));
        }
        let mut header = FileHeader::new_zeroed();
        source.read_exact(header.as_mut_bytes())?;
        if header.magic != MAGIC {
            return Err(invalid("not a trace"));
        }
        if header.version.get() != VERSION {
            return Err(invalid(format!(
                "trace version {}, expected {VERSION}",
                header.version
            )));
        }
        Ok(Self {
            source,
            done: false,
        })
    }

    /// `None` at the end of the file.
    fn record(&mut self) -> io::Result<Option<Record>> {
        let mut data = Vec::new();
        self.source
            .by_ref()
            .take(size_of::<RecordHeader>() as u64)
            .read_to_end(&mut data)?;
        if data.is_empty() {
            return Ok(None);
        }
        let header = RecordHeader::read_from_bytes(&data).map_err(|_| truncated())?;
        let length = header.length.get();
        if length > MAX_RECORD {
            return Err(invalid(format!("record of {length} bytes")));
        }
        data.clear();
        self.source
            .by_ref()
            .take(length.into())
            .read_to_end(&mut data)?;
        if data.len() != length as usize {
            return Err(truncated());
        }
        match header.kind.get() {
            KIND_PICTURE => payload::decode(&data)
                .map(|(picture, output)| Some(Record::Picture { picture, output })),
            KIND_RESULT => {
                let record = ResultRecord::read_from_bytes(&data)
                    .map_err(|_| invalid("result record's length"))?;
                Ok(Some(Record::Result {
                    timestamp: record.timestamp.get(),
                    width: record.width.get(),
                    height: record.height.get(),
                    fourcc: record.fourcc.get(),
                    md5: record.md5,
                }))
            }
            kind => Err(invalid(format!("record kind {kind}"))),
        }
    }
}

impl<R: Read> Iterator for TraceReader<R> {
    type Item = io::Result<Record>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let record = self.record().transpose();
        self.done = !matches!(record, Some(Ok(_)));
        record
    }
}

fn truncated() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "truncated record")
}

fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}

#[cfg(test)]
mod tests;
