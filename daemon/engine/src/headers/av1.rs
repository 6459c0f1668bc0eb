// SPDX-License-Identifier: BSD-2-Clause
//! AV1 controls to OBUs.
