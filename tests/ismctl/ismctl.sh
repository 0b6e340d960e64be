#!/bin/sh
# SPDX-License-Identifier: MIT
#
# What ismctl shows and does besides moving files, and the examples of libism

# shellcheck source=tests/tap.sh
. ./tap.sh

a=0011:00:00.0
b=0012:00:00.0

# has GREP-ARGUMENT... FILE: FILE has it, or is shown
has() {
	grep "$@" >/dev/null && return
	shift $(($# - 1))
	cat "$1"
	return 1
}

gid_of() {
	ismctl info "$1" | sed -n 's/^gid: //p'
}

# json FILE: each line of it is JSON; there is no parser here but busybox's awk,
# so this looks at quotes and brackets alone
json() {
	awk '
		{
			gsub(/\\./, "")
			gsub(/"[^"]*"/, "s")
			while (gsub(/\{[^][{}"]*\}|\[[^][{}"]*\]/, "v"))
				;
			if (!/^v$/) {
				print "not JSON: " $0
				bad = 1
			}
		}
		END { exit bad || !NR }' "$1"
}

lists() {
	ismctl list >out || return
	gid=$(gid_of $a)
	has -Ex "$a +ism[-_]vfio[-_]pci +[0-9]+ +4096 +$gid" out || return
	equal 3 "$(wc -l <out)"
}

lists_json() {
	ismctl list --json >out && json out && grep -q "\"gid\": \"$(gid_of $b)\"" out
}

lists_one_in_use() {
	gid=$(gid_of $b)
	ismctl watch $b >/dev/null &
	watcher=$!
	sleep 1
	ismctl list >out
	kill $watcher
	wait $watcher
	has "$b.*$gid" out
}

lists_one_that_is_not_bound() {
	ism-vfio unbind $b || return
	ismctl list >out
	ism-vfio bind $b || return
	has -E "^$b .* -\$" out
}

shows_info() {
	ismctl info $a >out || return
	grep -x 'bar0: 0x1000000000000 bytes at offset 0' out &&
		grep -x 'maxstbl: 4096' out && grep '^iova: 0x' out && grep '^version: ' out
}

shows_info_json() {
	ismctl info $a --json >out && json out
}

# the window has the answer to READ_GID: command 3, 0, 16 bytes, the GID
shows_registers() {
	ismctl regs $a >out || return
	gid=$(gid_of $a)
	grep -x 'config 00  vendor            1014' out &&
		grep -x 'config 02  device            04ed' out &&
		grep 'capability        05  (MSI)' out &&
		has -x "bar2 0000  0000000300000010 ${gid#0x}" out
}

shows_registers_json() {
	ismctl regs $a --json >out && json out
}

# watch [OPTION...]: b, in the background
watch() {
	rm -f watched
	ismctl watch $b "$@" >watched 2>&1 &
	watcher=$!
	while [ ! -s watched ] && kill -0 $watcher 2>/dev/null; do
		sleep 0.1
	done
}

# watched PATTERN: comes, among others: a function that is opened is reset, and
# its peers are told. Then the watching ends, on Ctrl-C.
watched() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		! grep -q "$1" watched || break
		sleep 0.5
	done
	kill -INT "$watcher" && wait "$watcher" && has "$1" watched
}

watches_events() {
	watch
	ismctl signal $a --to $b --code 7 --info 0x2a || return
	watched "software  gid $(gid_of $a)  code 0x7  info 0x2a"
}

watches_signals() {
	watch --from "$(gid_of $a)"
	token=$(sed -n 's/.*token //p' watched)
	ismctl signal $a --to $b --token "$token" --signal 11 || return
	watched "^signal  token $token  signals 11"
}

watches_in_json() {
	watch --json
	ismctl signal $a --to $b --code 1 || return
	watched '"event": "ieq", "type": 2, "code": 1,' && json watched
}

ends_after_events() {
	watch --count 1
	ismctl signal $a --to $b || return
	wait $watcher && equal 2 "$(wc -l <watched)"
}

# with_receiver COMMAND...: an ismctl recv on b, which has to end well too
with_receiver() {
	ismctl recv $b -o /dev/null --quiet &
	receiver=$!
	"$@" && wait $receiver
}

pings() {
	with_receiver ismctl ping $a --to $b --count 200 --size 100 --json >out &&
		json out || return
	# minimum, median and 99th percentile ascend, and none is 0
	tr -d '",}' <out | awk '{
		for (i = 1; i < NF; i++)
			v[$i] = $(i + 1)
		exit !(v["count:"] == 200 && v["minimum_ns:"] > 0 &&
		       v["median_ns:"] >= v["minimum_ns:"] &&
		       v["p99_ns:"] >= v["median_ns:"]) }' || { cat out; return 1; }
}

refuses_a_ping_without_room() {
	ismctl recv $b -o /dev/null --quiet --dmb 4096 2>/dev/null &
	says 'no room' ismctl ping $a --to $b --size 5000
	code=$?
	wait
	return $code
}

benches() {
	with_receiver ismctl bench $a --to $b --json --svg plot.svg >out && json out || return
	equal 11 "$(grep -o '"size"' out | wc -l)" &&
		equal 11 "$(grep -c '<circle' plot.svg)" && tail -n 1 plot.svg | grep -x '</svg>'
}

selftests() { # [OPTION...]
	ismctl selftest $a "$@" >out || { cat out; return 1; }
	has -x '13 passed, 0 failed, 0 skipped' out
}

selftest_sees() {
	./fault $a 1000000 5000 || return
	status 1 ismctl selftest $a >out
	./fault $a 0 0 && has '^FAILED .*Input/output error' out
}

selftests_json() {
	ismctl selftest $a --json >out && json out
}


completes_help() {
	for command in list info regs watch signal send recv ping bench selftest; do
		ismctl $command --help | grep -q "Usage: ismctl $command" || return
		ismctl --help | grep -q "^  $command" || { echo "no help on $command"; return 1; }
	done
}

one_message() {
	equal 'signal 3: Hello, shared memory!' "$(./hello $a $b)"
}

who_is_it() {
	./identify $a >out && grep "^$a: GID $(gid_of $a), version" out
}

by_vfio_alone() {
	group=/dev/vfio/$(basename "$(readlink /sys/bus/pci/devices/$a/iommu_group)")
	equal "GID $(gid_of $a)" "$(./gid "$group" $a)"
}

round_the_ring() {
	equal '20000 messages through 512 slots' "$(./ring $a $b 20000)"
}

hands_over() { # INTERFACE
	./handover $a "$1"
}

# A transfer that was stopped for a while goes on
goes_on_after_a_stop() { # sender|receiver
	head -c 30000000 /dev/urandom >file
	ismctl recv $b -o got --quiet &
	receiver=$!
	ismctl send $a --to $b --quiet file &
	sender=$!
	sleep 1
	[ "$1" = sender ] && stopped=$sender || stopped=$receiver
	kill -STOP "$stopped" && sleep 3 && kill -CONT "$stopped" || return
	wait $sender && wait $receiver && cmp file got
}

ism-vfio bind $a $b >/dev/null || exit 1
tap 'list shows both functions with driver, group, maxstbl and GID' lists
tap 'list --json is JSON' lists_json
tap 'list shows the GID of a function that another ismctl uses' lists_one_in_use
tap 'list shows a function that is not bound' lists_one_that_is_not_bound
tap 'info shows regions, limits and IOVA ranges' shows_info
tap 'info --json is JSON' shows_info_json
tap 'regs shows PCI registers, capabilities and the last answer' shows_registers
tap 'regs --json is JSON' shows_registers_json
tap 'watch shows an event that signal sent, and ends well on Ctrl-C' watches_events
tap 'watch --from makes a DMB and shows its signals by number' watches_signals
tap 'watch --json is JSON, one line for each event' watches_in_json
tap 'watch --count ends after as many events' ends_after_events
tap 'ping measures round trips through two DMBs' pings
tap 'ping refuses a size that the peer has no room for' refuses_a_ping_without_room
tap 'bench measures eleven sizes and plots them' benches
tap 'selftest passes on a function that stores into itself' selftests
tap 'selftest passes from one function into another' selftests --to $b
tap 'selftest --json is JSON' selftests_json
tap 'selftest fails on a function that refuses stores' selftest_sees
tap 'each command has its help' completes_help
tap 'identify tells the GID' who_is_it
tap 'gid tells it too, by vfio alone' by_vfio_alone
tap 'hello brings one message with its signal' one_message
tap 'ring brings 20000 messages in order, with credits' round_the_ring
tap 'a process without rights drives a function whose group it was given' \
	hands_over group
if [ -e /dev/iommu ]; then
	tap 'a process without rights drives a function whose device node it was given' \
		hands_over iommufd
fi
for side in sender receiver; do
	tap "a transfer goes on after its $side was stopped" goes_on_after_a_stop $side
done
tap_end
