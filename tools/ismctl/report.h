/* SPDX-License-Identifier: MIT */
/*
 * The parts of ismctl report that are in files of their own
 */
#ifndef REPORT_H
#define REPORT_H

#include "output.h"

struct json_object *report_modules(const char *release);
struct json_object *report_log(void);

#endif /* REPORT_H */
