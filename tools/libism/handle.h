/* SPDX-License-Identifier: MIT */
/*
 * libism: the top floor, which knows all below
 */
#ifndef LIBISM_HANDLE_H
#define LIBISM_HANDLE_H

#include "dmb.h"
#include "error.h"
#include "event.h"
#include "memory.h"
#include "transport.h"

int ism_attach(struct ism *ism, const struct ism_transport *transport,
	       void *priv);

#endif /* LIBISM_HANDLE_H */
