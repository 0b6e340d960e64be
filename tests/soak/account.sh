# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# What the parts of the soak have in common in the guest: their account, and what
# the kernel holds

: >/tmp/did

# did WHAT NUMBER: sums up, for the account; also from within a tap
did() { echo "$1 $2" >>/tmp/did; }

# The account, for the host
account() {
	awk '{ n[$1] += $2 } END { for (what in n) print "# did: " what " " n[what] }' \
		/tmp/did
}

# Seconds since the guest was booted
seconds() {
	read -r up _ </proc/uptime
	echo "${up%.*}"
}

# The ISM functions that there are. Like the following, without a process for
# each of them: 64 are too many for that in a guest.
functions() {
	for function in /sys/bus/pci/devices/*; do
		read -r vendor <"$function/vendor"
		read -r device <"$function/device"
		[ "$vendor $device" != '0x1014 0x04ed' ] || echo "${function##*/}"
	done
}

# override FUNCTION: the module is the driver for it
override() {
	echo ism_vfio_pci >"/sys/bus/pci/devices/$1/driver_override"
}

# no_override FUNCTION: any driver is
no_override() {
	echo >"/sys/bus/pci/devices/$1/driver_override"
}

# bind FUNCTION...: to the module, as "ism-vfio bind" does
bind() {
	modprobe ism-vfio-pci || return
	for function; do
		override "$function" &&
			echo "$function" >/sys/bus/pci/drivers/ism_vfio_pci/bind || return
	done
}

# unbind FUNCTION...: nothing waits for a user here
unbind() {
	for function; do
		echo "$function" >/sys/bus/pci/drivers/ism_vfio_pci/unbind &&
			no_override "$function" || return
	done
}

# No store-block cache of a function is there
caches_are_gone() {
	! ls -d /sys/kernel/slab/ism_sb_fid_* 2>/dev/null &&
		! grep ism_sb_fid /proc/slabinfo
}

# wrong NAME: a driver that is wrong in place of the module
wrong() { cp "wrong/$1/ism-vfio-pci.ko" "/lib/modules/$(uname -r)/updates/"; }

has_kmemleak() { [ -e /sys/kernel/debug/kmemleak ]; }

# Nothing that was allocated has been forgotten. An object is reported when two
# scans saw the same, five seconds after it was made.
nothing_is_forgotten() {
	sleep 5
	echo scan >/sys/kernel/debug/kmemleak
	echo scan >/sys/kernel/debug/kmemleak
	cat /sys/kernel/debug/kmemleak
	[ -z "$(cat /sys/kernel/debug/kmemleak)" ]
}
