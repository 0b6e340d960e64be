// SPDX-License-Identifier: MIT
/*
 * SHA-256 of what is transferred, by libcrypto, which uses the processor's own
 * instructions for it
 */
#include <openssl/err.h>

#include "digest.h"

static int failed(struct context *ctx)
{
	char why[256];

	ERR_error_string_n(ERR_get_error(), why, sizeof(why));
	return fail(ctx, STATUS_FAILED, "libcrypto computes no SHA-256: %s", why);
}

/**
 * digest_begin() - begin a digest
 * @ctx: context
 *
 * Return: what the others take, to free with EVP_MD_CTX_free(), or NULL after
 * fail().
 */
EVP_MD_CTX *digest_begin(struct context *ctx)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	if (md && EVP_DigestInit_ex(md, EVP_sha256(), NULL))
		return md;
	EVP_MD_CTX_free(md);
	failed(ctx);
	return NULL;
}

/**
 * digest_add() - go on with a digest
 * @ctx: context
 * @md: by digest_begin()
 * @data: next data
 * @len: their length
 *
 * Return: 0 or a status after fail().
 */
int digest_add(struct context *ctx, EVP_MD_CTX *md, const void *data, size_t len)
{
	return EVP_DigestUpdate(md, data, len) ? 0 : failed(ctx);
}

/**
 * digest_end() - finish a digest
 * @ctx: context
 * @md: by digest_begin()
 * @digest: DIGEST_LEN bytes, filled in
 *
 * Return: 0 or a status after fail().
 */
int digest_end(struct context *ctx, EVP_MD_CTX *md, uint8_t *digest)
{
	return EVP_DigestFinal_ex(md, digest, NULL) ? 0 : failed(ctx);
}

/**
 * digest_hex() - print a digest
 * @digest: SHA-256
 * @hex: room for 65 characters
 */
void digest_hex(const uint8_t *digest, char *hex)
{
	for (int i = 0; i < DIGEST_LEN; i++)
		sprintf(hex + 2 * i, "%02x", digest[i]);
}
