/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the soak have in common: their time, chance, their account,
 * a function that must not notice, and binding of functions
 */
#ifndef ISM_TESTS_PART_H
#define ISM_TESTS_PART_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "ism.h"

/* Functions as scripts/vm names them; C is the one that must not notice */
#define FUNCTION_A	"0011:00:00.0"
#define FUNCTION_B	"0012:00:00.0"
#define FUNCTION_C	"0013:00:00.0"
#define DEVICES		"/sys/bus/pci/devices/"

/* Long after the part's time: only what hangs is ended by it */
#define HANGS		7200

/**
 * struct part_time - how long a test goes on
 * @end: by the guest's clock, in milliseconds
 */
struct part_time {
	int64_t end;
};

struct part_time part_time(unsigned int share);
bool part_goes_on(const struct part_time *time);
unsigned int part_chance(unsigned int below);
void part_fill(uint8_t *data, size_t len);
void part_did(const char *what, unsigned long count);
enum ism_iommu part_interface(void);

/**
 * struct bystander - a process that moves data within one function
 * @pid: the process
 * @shared: with it
 */
struct bystander {
	pid_t pid;
	struct {
		bool stop;
		unsigned long moves;
		char why[256];
	} *shared;
};

int bystander_start(struct bystander *b, const char *function);
const char *bystander_stop(struct bystander *b);

int part_write(const char *path, const char *text);
int part_bind(const char *function);
int part_unbind(const char *function);
int part_rescan(const char *function);

#endif /* ISM_TESTS_PART_H */
