#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: fuzz.sh SECONDS [SEED]
#
# fuzz on the driver, and on those in wrong/, which it has to tell from it

# shellcheck source=tools/tests/tap.sh
. ./tap.sh

functions="0011:00:00.0 0013:00:00.0 0012:00:00.0"

# shellcheck disable=SC2086 # a list of words
bind() { ism-vfio bind $functions >/dev/null; }

# shellcheck disable=SC2086
as_foretold() {
	./fuzz -t "$1" ${2:+-s "$2"} $functions >/tmp/fuzz
}

# The first difference ends it, and it has to be the driver's, once it was shrunk
# shellcheck disable=SC2086
finds() {
	cp "wrong/$1/ism-vfio-pci.ko" "/lib/modules/$(uname -r)/updates/"
	bind || return
	./fuzz -n 100000 -s 1 $functions >/tmp/fuzz
	equal 1 $? && grep 'suffice:$' /tmp/fuzz
}

# shellcheck disable=SC2086
gives_back() { ism-vfio unbind $functions >/dev/null && modprobe -r ism-vfio-pci; }

tap 'the functions can be bound' bind
tap 'each operation is as foretold' as_foretold "$@"
sed 's/^/# /' /tmp/fuzz
tap 'the module can be unloaded after it' gives_back
for wrong in wrong/*; do
	[ -d "$wrong" ] || continue
	name=${wrong#wrong/}
	tap "a wrong driver is found: $name" finds "$name"
	sed -n '/suffice:$/,$s/^/# /p' /tmp/fuzz
	gives_back
done
tap_end
