/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 of what is transferred
 */
#ifndef DIGEST_H
#define DIGEST_H

#include <openssl/evp.h>

#include "context.h"

#define DIGEST_LEN	32

EVP_MD_CTX *digest_begin(struct context *ctx);
int digest_add(struct context *ctx, EVP_MD_CTX *md, const void *data, size_t len);
int digest_end(struct context *ctx, EVP_MD_CTX *md, uint8_t *digest);
void digest_hex(const uint8_t *digest, char *hex);

#endif /* DIGEST_H */
