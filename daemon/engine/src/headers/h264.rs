// SPDX-License-Identifier: BSD-2-Clause
//! H.264 controls to SPS and PPS NAL units.
