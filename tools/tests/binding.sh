#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What ism-vfio and the module do when functions are bound and unbound. Runs in
# a guest with these functions beside the two ISM ones:
#
#   0099:00:00.0   an ISM function with a maxstbl of 0
#   0077:00:00.0   an NVMe controller

# shellcheck source=tools/tests/tap.sh
. ./tap.sh

a=0011:00:00.0
b=0012:00:00.0
none=0099:00:00.0
nvme=0077:00:00.0
devices=/sys/bus/pci/devices

driver() {
	[ -e "$devices/$1/driver" ] && basename "$(readlink "$devices/$1/driver")"
}

override() {
	cat "$devices/$1/driver_override"
}

# bound FUNCTION DRIVER OVERRIDE
bound() {
	equal "$2" "$(driver "$1")" && equal "$3" "$(override "$1")"
}

caches() {
	find /sys/kernel/slab -maxdepth 1 -name 'ism_sb_fid_*' | wc -l
}

modprobe_loads_it() {
	modprobe ism-vfio-pci && [ -d /sys/bus/pci/drivers/ism_vfio_pci ]
}

it_is_ours() {
	modinfo -n ism_vfio_pci | grep /updates/
}

# What make uninstall does, where the kernel has a module of the same name
back_to_the_kernels_own() {
	modules=/lib/modules/$(uname -r)
	mv "$modules/updates" /tmp/ && depmod &&
		modinfo -n ism-vfio-pci | grep "^$modules/kernel/" || return
	ism-vfio bind $a && bound $a ism_vfio_pci ism_vfio_pci &&
		[ ! -e $devices/$a/ism_vfio ] && ism-vfio unbind $a
}

nothing_is_bound_by_loading() {
	bound $a '' '(null)' && equal 0 "$(caches)"
}

alias_of_libvirt() {
	modinfo -F alias ism-vfio-pci |
		grep -x 'vfio_pci:v00001014d000004EDsv\*sd\*bc\*sc\*i\*'
}

bind_two() {
	ism-vfio bind $a $b &&
	bound $a ism_vfio_pci ism_vfio_pci && bound $b ism_vfio_pci ism_vfio_pci &&
	[ -c /dev/vfio/"$(basename "$(readlink $devices/$a/iommu_group)")" ] &&
	equal 2 "$(caches)"
}

bind_again() {
	ism-vfio bind $a $b | grep -c 'bound already' | grep -x 2
}

status_shows_them() {
	ism-vfio status | grep -E "^$a +ism_vfio_pci +ism_vfio_pci +4096 +/dev/vfio"
}

no_user_can_write_sysfs() {
	! (echo 1 >$devices/$a/ism_vfio/maxstbl) 2>/dev/null
}

open_and() {
	group=/dev/vfio/$(basename "$(readlink $devices/$a/iommu_group)")
	# shellcheck disable=SC2217 # sleep has it open, and does not read it
	sleep 60 <"$group" &
	user=$!
	sleep 0.2
	"$@"
	result=$?
	kill $user
	wait $user
	return $result
}

busy() {
	says "$a: is in use by process $user (sleep)" ism-vfio unbind $a &&
	bound $a ism_vfio_pci ism_vfio_pci &&
	says "$user (sleep)" sh -c "ism-vfio status $a; false"
}

unbind_two() {
	ism-vfio unbind $a $b &&
	bound $a '' '(null)' && bound $b '' '(null)' && equal 0 "$(caches)"
}

unbind_again() {
	ism-vfio unbind $a | grep -x "$a: not bound"
}

former_driver() {
	modprobe vfio-pci
	echo vfio-pci >$devices/$a/driver_override
	echo $a >/sys/bus/pci/drivers_probe
	bound $a vfio-pci vfio-pci &&
	ism-vfio bind $a && bound $a ism_vfio_pci ism_vfio_pci &&
	ism-vfio unbind $a && bound $a vfio-pci vfio-pci
}

forget_former_driver() {
	echo $a >/sys/bus/pci/drivers/vfio-pci/unbind
	echo >$devices/$a/driver_override
	bound $a '' '(null)'
}

refused_function() {
	says 'its maximum store block length is 0' ism-vfio bind $none &&
	bound $none '' '(null)'
}

all_or_none() {
	says "$none: ism-vfio-pci does not take it" ism-vfio bind $a $none $b &&
	bound $a '' '(null)' && bound $b '' '(null)' && equal 0 "$(caches)"
}

not_ism() {
	bound $nvme nvme '(null)' &&
	ism-vfio bind $nvme && bound $nvme ism_vfio_pci ism_vfio_pci &&
	equal 1 "$(dmesg | grep -c "$nvme: not an ISM function")" &&
	ism-vfio unbind $nvme && bound $nvme nvme '(null)'
}

unload() {
	modprobe -r ism-vfio-pci && [ ! -d /sys/bus/pci/drivers/ism_vfio_pci ] &&
	equal 0 "$(caches)"
}

# A bind says when the kernel cannot reset a function, and how to mend that
bind_says_what_cannot_be_reset() {
	ism-vfio bind $b 2>err && ism-vfio unbind $b || return
	if [ -e $devices/$b/reset_method ]; then
		equal '' "$(cat err)"
	else
		grep "$b: is bound, but this kernel cannot reset it" err
	fi
}

reset_is_looked_for() {
	bind_says_what_cannot_be_reset || return
	echo 0 >/sys/bus/pci/slots/00000112/power &&
		echo 1 >/sys/bus/pci/slots/00000112/power &&
		bind_says_what_cannot_be_reset || return
	echo 1 >$devices/$b/remove && echo 1 >/sys/bus/pci/rescan &&
		[ -e $devices/$b/reset_method ] && bind_says_what_cannot_be_reset
}

over_and_over() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		ism-vfio bind $a $b && ism-vfio unbind $a $b || return
	done
}

tap 'modprobe loads the module' modprobe_loads_it
tap 'it is the one in updates/' it_is_ours
tap 'loading alone binds no function' nothing_is_bound_by_loading
tap 'libvirt finds the driver by its vfio_pci alias' alias_of_libvirt
tap 'bind binds two functions and waits for their nodes' bind_two
tap 'bind of what is bound is no error' bind_again
tap 'status shows driver, override, maxstbl and node' status_shows_them
tap 'sysfs attributes cannot be written' no_user_can_write_sysfs
tap 'unbind of a function in use is refused, and says by whom' open_and busy
tap 'unbind clears the override, and the caches are gone' unbind_two
tap 'unbind of what is not bound is no error' unbind_again
tap 'bind of a function that the kernel cannot reset says so' reset_is_looked_for
tap 'unbind puts back a former driver and its override' former_driver
tap 'a former override can be cleared by hand' forget_former_driver
tap 'bind and unbind again and again' over_and_over
tap 'a maxstbl of 0 fails the probe with its reason' refused_function
tap 'bind of several functions binds all or none' all_or_none
tap 'a function that is not ISM is bound with one warning' not_ism
tap 'a function that does not exist is named' \
	says '0055:00:00.0: no such function' ism-vfio bind 0055:00:00.0
tap 'the functions that exist are named too' \
	says "ISM functions here: $a $b $none" ism-vfio bind 0055:00:00.0
tap 'a name that is none of PCI is refused' \
	says 'eth0: not the name of a PCI function' ism-vfio bind eth0
tap 'wrong usage is status 2' status 2 ism-vfio frobnicate
tap 'the module unloads' unload
case $(uname -r) in
7.*-built)
	tap "without it the kernel's own of the same name takes a function" \
		back_to_the_kernels_own
	;;
esac
tap_end
