#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Prints the driver's trace of every PCISTB of a run that has all kinds of them,
# and which GID is which function

trace=/sys/kernel/tracing

ism-vfio bind 0011:00:00.0 0012:00:00.0 >&2 || exit
echo 32768 >$trace/buffer_size_kb
echo 1 >$trace/events/ism_vfio/ism_vfio_store_block/enable

for function in 0011:00:00.0 0012:00:00.0; do
	gid=$(ismctl info $function | sed -n 's/^gid: *//p')
	fid=$(cat /sys/bus/pci/devices/$function/function_id)
	echo "GID $gid $(printf %x "$fid")"
done

head -c 3000000 /dev/urandom >file
./contract >&2 || exit
ismctl recv 0012:00:00.0 --quiet -o got &
ismctl send 0011:00:00.0 --to 0012:00:00.0 --quiet file && wait $! || exit
cmp file got || exit

grep -q 'entries-in-buffer/entries-written: \([0-9]*\)/\1 ' $trace/trace || {
	echo "the trace buffer was too small" >&2
	exit 1
}
cat $trace/trace
