# SPDX-License-Identifier: BSD-2-Clause
# make demo [CLIP=file]   decode all three codecs through the driver and compare with software decoding
# make test               everything that CI runs
# make conformance        only the streams; make bench: speed against plain FFmpeg
.DEFAULT_GOAL := build
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
export PATH := $(PATH):$(HOME)/.cargo/bin
CARGO ?= cargo
TARGET := $(abspath $(or $(CARGO_TARGET_DIR),target))
export CARGO_TARGET_DIR := $(TARGET)
DRIVER := $(TARGET)/dri/daedalus_drv_video.so
DESTDIR ?=
ARGS ?=

.PHONY: build driver tools deps-build deps-test deps-bench demo test conformance trixie bench install uninstall fuzz sanitizers fmt lint check-symbols clean

build: deps-build driver

# Cargo decides what is out of date; the driver gets the name that libva looks for.
driver:
	$(CARGO) build --release --locked -p daedalus-vaapi-driver
	mkdir -p $(TARGET)/dri
	cp -u $(TARGET)/release/libdaedalus_drv_video.so $(DRIVER)

tools:
	$(CARGO) build --release --locked -p daedalus-tests

deps-build deps-test deps-bench:
	@packaging/install-deps.sh $(@:deps-%=%)

demo: deps-test driver tools
	@$(TARGET)/release/demo $(if $(CLIP),"$(CLIP)")

# The streams of the shared sample (DAEDALUS_VECTORS) where it is at hand, and the ones that are made here.
conformance: deps-test driver tools
	$(TARGET)/release/conformance $(ARGS)

# The same on Debian 13, in a root that is made under target/.
trixie: deps-bench
	tests/trixie/run.sh $(ARGS)

test: deps-test
	tests/run-all.sh

bench: deps-bench driver tools
	$(TARGET)/release/bench $(ARGS)

check-symbols: driver
	tests/check-symbols.sh $(DRIVER)

install: build
	@dir=$$(pkg-config --variable=driverdir libva); test -n "$$dir"; \
	install -D -m 644 $(DRIVER) "$(DESTDIR)$$dir/daedalus_drv_video.so"; \
	echo "installed $(DESTDIR)$$dir/daedalus_drv_video.so; choose it with LIBVA_DRIVER_NAME=daedalus"

uninstall:
	rm -f "$(DESTDIR)$$(pkg-config --variable=driverdir libva)/daedalus_drv_video.so"

fmt:
	$(CARGO) fmt --all

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

# Each target for FUZZ_SECONDS; needs cargo-fuzz and a nightly toolchain.
FUZZ_SECONDS ?= 600
fuzz: deps-test
	fuzz/run.sh $(FUZZ_SECONDS)

# AddressSanitizer with LeakSanitizer, and ThreadSanitizer; need a nightly toolchain with rust-src.
sanitizers: deps-test
	tests/stress/asan.sh
	tests/stress/tsan.sh

clean:
	$(CARGO) clean
