// SPDX-License-Identifier: BSD-2-Clause
//! h264.
