# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2154
#
# Drivers that are wrong, for tests to find. Whoever reads this has set $top, the
# tree, and $dir, a folder for them.

# wrong KERNEL NAME SED...: the driver with that change, as a module for KERNEL in
# $dir/wrong/NAME
wrong() {
	local copy=$dir/$2 module
	mkdir -p "$copy" "$dir/wrong/$2"
	cp -r "$top"/{VERSION,Kbuild,Kconfig,kunit,scripts} "$top"/*.[ch] "$copy"
	sed -i "${@:3}" "$copy/main.c"
	! cmp -s "$copy/main.c" "$top/main.c" || {
		echo "wrong: $2 changes nothing in the driver" >&2
		return 1
	}
	module=$("$copy/scripts/prepare" module "$1")
	cp "$module/ism-vfio-pci.ko" "$dir/wrong/$2/"
}
