#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Linux's own selftests of vfio (tools/testing/selftests/vfio), on one function
# with vfio-pci and with ism_vfio_pci: a case must not come out worse with ours.
# Some fail with both: they are not made for a big-endian machine, or for this
# IOMMU. Runs in a guest with an NVMe controller, 0077:00:00.0, beside the ISM
# function.

# shellcheck source=tools/tests/tap.sh
. ./tap.sh

ism=0011:00:00.0
nvme=0077:00:00.0
mmio=vfio_dma_mapping_mmio_test
selftests="$mmio vfio_dma_mapping_test vfio_iommufd_setup_test
	vfio_pci_device_test vfio_pci_driver_test vfio_pci_sriov_uapi_test
	vfio_pci_device_init_perf_test"

bind() { # FUNCTION DRIVER
	device=/sys/bus/pci/devices/$1
	[ ! -e "$device/driver" ] || echo "$1" >"$device/driver/unbind"
	echo "$2" >"$device/driver_override"
	echo "$1" >/sys/bus/pci/drivers_probe
	equal "$2" "$(basename "$(readlink "$device/driver")")"
}

# "CASE RESULT" for each; a selftest that runs none of its cases is one itself
cases() { # SELFTEST STATUS
	awk -v selftest="$1" -v status="$2" '
		function result(name, what) { print name, what; any = 1 }
		/^1\.\.0 # SKIP/	{ result(selftest, "skip") }
		/^(not )?ok [0-9]/	{
			what = /^not/ ? "fail" : / # SKIP/ ? "skip" : "pass"
			sub(/^(not )?ok [0-9]+ /, "")
			sub(/ # SKIP.*/, "")
			result($1, what)
		}
		END {
			if (!any)
				result(selftest, status == 4 ? "skip" : "fail")
		}' "$1.log"
}

# results FUNCTION DRIVER SELFTEST...
results() {
	function=$1 driver=$2
	shift 2
	bind "$function" "$driver" || return
	for selftest; do
		timeout 120 "./$selftest" "$function" >"$selftest.log" 2>&1
		cases "$selftest" $? >"$selftest.$driver.$function"
	done
}

# Worse: passed there and not here, skipped there and failed here, or not run
worse() { # SELFTEST FUNCTION
	awk 'FNR == NR { ours[$1] = $2; next }
		$2 != "fail" && ours[$1] != "pass" && ours[$1] != $2 {
			print $1 ": " $2 " with vfio-pci, " \
				(ours[$1] ? ours[$1] : "not run") " with ism_vfio_pci"
		}' "$1.ism_vfio_pci.$2" "$1.vfio-pci.$2"
}

not_worse() {
	! worse "$1" $ism | grep .
}

all_worse() { # SELFTEST FUNCTION
	passed=$(grep -c ' pass$' "$1.vfio-pci.$2")
	[ "$passed" -gt 0 ] && equal "$passed" "$(worse "$1" "$2" | wc -l)"
}

some_pass() {
	for driver in vfio-pci ism_vfio_pci; do
		[ "$(cat ./*_test.$driver.$ism | grep -c ' pass$')" -ge 20 ] || return
	done
}

count() { # SELFTEST DRIVER
	for what in pass fail skip; do
		printf ' %4d' "$(grep -c " $what\$" "$1.$2.$ism")"
	done
}

table() {
	echo "# pass, fail, skip                 with vfio-pci    with ism_vfio_pci"
	for selftest in $selftests; do
		printf '# %-31s%s  %s\n' "$selftest" "$(count "$selftest" vfio-pci)" \
			"$(count "$selftest" ism_vfio_pci)"
	done
}

modprobe -a vfio_pci ism_vfio_pci iommufd vfio_iommu_type1
for driver in vfio-pci ism_vfio_pci; do
	# shellcheck disable=SC2086 # a list of words
	tap "the selftests run with $driver" results $ism $driver $selftests
done
tap 'cases pass with both drivers' some_pass
for selftest in $selftests; do
	tap "$selftest: nothing comes out worse than with vfio-pci" \
		not_worse "$selftest"
done
# What the comparison is to see where there is a difference: BARs are not mapped
for driver in vfio-pci ism_vfio_pci; do
	tap "$mmio runs with $driver on an NVMe controller" \
		results $nvme $driver $mmio
done
tap 'there all of its cases come out worse' all_worse $mmio $nvme
table
tap_end
