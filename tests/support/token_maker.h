/* token_maker: an issuer for tests: keys, their JWKs, and tokens with any header and any claims, signed as the header says or not at all. Aborts the test
 * when libcrypto fails. Texts are heap, owned by the caller, NUL-terminated. */
#ifndef TESTS_SUPPORT_TOKEN_MAKER_H
#define TESTS_SUPPORT_TOKEN_MAKER_H
#include <stdbool.h>
#include <stddef.h>

enum token_key_kind { TOKEN_KEY_RSA, TOKEN_KEY_EC };
struct token_key;
struct token_key *token_key_new(enum token_key_kind kind, unsigned bits); /* bits: of RSA; a P-256 key has its own */
struct token_key *token_key_curve(const char *name);                      /* an EC key on another curve */
void token_key_free(struct token_key *key);
/* {"kty":...,<members>}; `members` are more of them, such as "\"kid\":\"a\"", or "". */
char *token_key_jwk(const struct token_key *key, const char *members);
/* {"keys":[{...,"kid":"<kid>"}]} */
char *token_key_set(const struct token_key *key, const char *kid);
/* Signed with SHA-256 by the key's kind; `pss` for PS256. */
char *token_make(const struct token_key *key, bool pss, const char *header, const char *claims);
/* With these bytes as signature. */
char *token_make_signed(const char *header, const char *claims, const void *signature, size_t bytes);
/* HMAC-SHA-256 with any bytes as key. */
char *token_make_hmac(const char *secret, const char *header, const char *claims);

#endif
