// SPDX-License-Identifier: MIT
/*
 * libism: the sentence about a failure
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

/**
 * ism_fail() - keep a sentence about a failure
 * @ism: the handle
 * @err: positive errno
 * @fmt: the sentence, without the function's name and without a full stop
 *
 * Return: -@err, so that callers can return what this returns.
 */
int ism_fail(struct ism *ism, int err, const char *fmt, ...)
{
	char text[ISM_ERROR_LEN];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pthread_mutex_lock(&ism->err_lock);
	snprintf(ism->error, sizeof(ism->error), "%s: %.*s", ism->name,
		 (int)(sizeof(ism->error) - sizeof(ism->name) - 3), text);
	pthread_mutex_unlock(&ism->err_lock);
	return -err;
}

/**
 * ism_strerror() - a sentence about the last failure of a handle
 * @ism: any handle
 *
 * Where several threads use one handle this is the failure that came last,
 * which may be another thread's.
 *
 * Return: the function's name, what failed and where possible what to do.
 * Never NULL. The calling thread may use it until its fourth call from here,
 * so that one line can have the sentences of several handles.
 */
const char *ism_strerror(struct ism *ism)
{
	static _Thread_local char texts[4][ISM_ERROR_LEN];
	static _Thread_local unsigned int next;
	char *text = texts[next++ % ARRAY_SIZE(texts)];

	pthread_mutex_lock(&ism->err_lock);
	memcpy(text, ism->error, ISM_ERROR_LEN);
	pthread_mutex_unlock(&ism->err_lock);
	return text[0] ? text : "no error";
}
