#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# libva opens drivers with RTLD_GLOBAL: whatever a driver exports beside its one entry may take another library's place.
# usage: tests/check-symbols.sh DRIVER.so
set -euo pipefail
found=$(nm -D --defined-only "${1:?usage: check-symbols.sh DRIVER.so}" | awk '{print $NF}')
if [ "$found" != "__vaDriverInit_1_0" ]; then
    printf 'the driver must export __vaDriverInit_1_0 alone, but exports:\n%s\n' "$found" >&2
    exit 1
fi
echo "exports: $found"
