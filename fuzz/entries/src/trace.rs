// SPDX-License-Identifier: BSD-2-Clause
//! Trace files from anybody.

use v4l2_common::trace::{Record, TraceReader};

/// Reads all records; what is read stays in proportion to the file.
pub fn run(data: &[u8]) {
    let Ok(reader) = TraceReader::new(data) else {
        return;
    };
    let mut errors = 0;
    let mut records = 0;
    for record in reader {
        assert_eq!(errors, 0, "a record after an error");
        match record {
            Ok(Record::Picture { picture, .. }) => {
                assert!(
                    picture.bitstream.len() <= data.len(),
                    "a bitstream longer than the file"
                );
                records += 1;
            }
            Ok(Record::Result { .. }) => records += 1,
            Err(_) => errors += 1,
        }
        assert!(
            records <= data.len() / 8,
            "more records than the file has room for"
        );
    }
}
