# ebpfauditd: build, try, test, measure, install. `make help` lists the targets.

DESTDIR ?=
PREFIX  ?= /usr
CARGO   ?= cargo
TARGET  := $(or $(CARGO_TARGET_DIR),target)
RELEASE := $(TARGET)/release

# What a build and the comparisons with the original need, as Debian 12 and later name it.
PACKAGES := clang-19 clang-format-19 gcc libc6-dev libaudit-dev make auditd man-db
# What the virtual machines need besides; their kernels are fetched, not installed.
VM_PACKAGES := qemu-system-x86 busybox-static binutils xz-utils debian-archive-keyring
# Which kernels (`KERNEL=6.1,6.12`; all when empty), and more options (`VM='--only comparison'`, see `vm --help`).
KERNEL ?=
VM     ?=

# How long `make fuzz` gives each target, in seconds.
FUZZ   ?= 600

.PHONY: help deps deps-vm build demo run test test-vm fuzz check bench bench-write bench-vm bench-vm-write install clean

help:
	@printf '%s\n' \
	  'make demo     show the product on this kernel: probe, plan, a dozen kinds of events (root)' \
	  'make test     every test, beside the original auditd (root)' \
	  'make test-vm  the tests that need a kernel, in stock kernels in QEMU [KERNEL=6.12] (root)' \
	  'make fuzz     each fuzz target for a while [FUZZ=600 seconds], with cargo-fuzz and a nightly toolchain' \
	  'make deps     install what is missing, with apt-get (root)' \
	  'make build    release binaries under $(RELEASE)' \
	  'make run      the daemon in the foreground, with /etc/audit (root)' \
	  'make check    layout and lints, warnings are errors' \
	  'make bench    measure nothing, the original and ours in one run (root)' \
	  'make bench-vm the same in a stock kernel in QEMU [KERNEL=6.12] (root)' \
	  'make install  into DESTDIR=$(DESTDIR) PREFIX=$(PREFIX)' \
	  'make clean    remove what was built'

deps-vm: PACKAGES += $(VM_PACKAGES)

# A policy-rc.d that refuses keeps apt-get from starting the original daemon.
deps deps-vm:
	@missing=; for package in $(PACKAGES); do \
	  dpkg-query -W -f='$${Status}' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; \
	done; \
	if [ -z "$$missing" ]; then echo '$@: all there'; exit 0; fi; \
	echo "$@: installing$$missing"; \
	policy=/usr/sbin/policy-rc.d; mine=; \
	if [ ! -e $$policy ]; then printf '#!/bin/sh\nexit 101\n' >$$policy && chmod 755 $$policy && mine=yes; fi; \
	{ apt-get install -qq -y --no-install-recommends $$missing >/dev/null 2>&1 || \
	  { apt-get update -qq && apt-get install -qq -y --no-install-recommends $$missing; }; } >/dev/null; \
	status=$$?; if [ -n "$$mine" ]; then rm -f $$policy; fi; \
	if [ $$status -ne 0 ]; then echo "$@: apt-get could not install$$missing" >&2; fi; exit $$status

build: deps
	$(CARGO) build --release --locked --workspace

demo: build
	$(RELEASE)/demo

run: build
	$(RELEASE)/ebpfauditd -f

# The tests start the programs that lie beside them, so those are built first.
test: deps
	$(CARGO) build --locked --workspace
	$(CARGO) test --locked --workspace --no-fail-fast

test-vm: deps-vm
	$(CARGO) run --locked --quiet -p tests --bin vm -- $(addprefix --kernel ,$(KERNEL)) $(VM)

fuzz:
	cd tests && for target in $$($(CARGO) +nightly fuzz list); do \
	  $(CARGO) +nightly fuzz run $$target -- -max_total_time=$(FUZZ) || exit 1; done

check: deps
	$(CARGO) fmt --all --check
	clang-format-19 --dry-run --Werror kern/bpf/*.h kern/bpf/abi/*.h kern/bpf/*.c
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	for page in packaging/man/*.[78]; do man --warnings -l $$page 2>&1 >/dev/null | grep . && exit 1; done; true

bench: build
	$(RELEASE)/bench

bench-write: build
	$(RELEASE)/bench --write docs/performance.md

# The kernel to measure is 6.12 unless KERNEL says otherwise; `VM='-- --quick'` hands an option to the benchmark.
bench-vm bench-vm-write: deps-vm
	$(CARGO) run --locked --quiet --release -p tests --bin vm -- --bench --kernel $(or $(KERNEL),6.12) \
	  $(if $(filter %-write,$@),--write docs/performance.md) $(VM)

install:
	DESTDIR='$(DESTDIR)' PREFIX='$(PREFIX)' BINDIR='$(RELEASE)' sh packaging/install.sh

clean:
	$(CARGO) clean
