#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: memory.sh SECONDS
#
# Each allocation and each copy from bind to unbind fails once

# shellcheck source=tools/tests/tap.sh
. ./tap.sh
# shellcheck source=tools/tests/soak/account.sh
. ./account.sh

deadline=$(($(seconds) + $1))
a=0011:00:00.0
debug=/sys/kernel/debug

# Any allocation may fail, and no failure is worth a line in the log: what is in
# there is then the kernel's own complaint
no_mercy() {
	for what in failslab fail_page_alloc fail_usercopy; do
		echo 0 >$debug/$what/verbose || return
	done
	echo N >$debug/failslab/ignore-gfp-wait &&
		echo N >$debug/fail_page_alloc/ignore-gfp-wait &&
		echo 0 >$debug/fail_page_alloc/min-order
}

# failing prints: step, failures, and how many of them were an error
failing() {
	list=failures-$1
	./failing $a "$1" >"$list"
	result=$?
	did faults "$(awk '{ n += $2 } END { print n }' "$list")"
	did survived "$(awk '{ n += $2 } END { print n }' "$list")"
	did errors "$(awk '{ n += $3 } END { print n }' "$list")"
	did operations "$(awk '{ n += $2 + 1 } END { print n }' "$list")"
	# else there was nothing to survive
	! grep ' 0 0$' "$list" | grep -v close && return $result
}

loads() { modprobe ism-vfio-pci && override $a; }

unloads() { modprobe -r ism-vfio-pci && no_override $a; }

no_mercy || exit 1
tap 'the module can be loaded' loads
while :; do
	for how in iommufd group; do
		tap "each failure from bind to unbind is an error or none, and the next try works, by $how" \
			failing $how
		awk '{ print "# " $1 ": " $2 " failures, " $3 " errors" }' "failures-$how"
	done
	[ "$(seconds)" -lt $deadline ] || break
done
tap 'no slab cache of a function is left' caches_are_gone
! has_kmemleak || tap 'kmemleak finds nothing' nothing_is_forgotten
tap 'the module can be unloaded' unloads
account
tap_end
