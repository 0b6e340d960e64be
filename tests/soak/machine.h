/* SPDX-License-Identifier: MIT */
/*
 * The machine that a test runs in, which the test itself drives: QEMU's QMP is
 * on the virtio port "qmp", see tests/soak/guest.sh
 */
#ifndef ISM_TESTS_MACHINE_H
#define ISM_TESTS_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

int machine_open(void);
void machine_close(void);
int machine_do(const char *command, const char *arguments, ...);
bool machine_has(const char *device);
int machine_get(const char *device, const char *property, uint64_t *value);
int machine_set(const char *device, const char *property, uint64_t value);

#endif /* ISM_TESTS_MACHINE_H */
