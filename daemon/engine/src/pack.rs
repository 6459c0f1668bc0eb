// SPDX-License-Identifier: BSD-2-Clause
//! Planar 4:2:0 (or monochrome) to NV12 and P010.
