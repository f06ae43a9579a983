/* policy_doors: what the readers of doors share. Private to posture/policy_door*.c.
 * Like all of policy_reader.h: mistakes are reported, and reading goes on. */
#ifndef POSTURE_POLICY_DOORS_H
#define POSTURE_POLICY_DOORS_H
#include "posture/policy_reader.h"

/* The sections `saml` and `oidc` of a door whose other keys are read; `n` is the section, `door_at` the door, for what is missing. */
void policy_door_saml_read(struct policy_reader *r, const struct yaml_node *n, const struct yaml_node *door_at, struct door *door);
void policy_door_oidc_read(struct policy_reader *r, const struct yaml_node *n, const struct yaml_node *door_at, struct door *door);

/* https, or http on loopback with a warning; no fragment, wildcard, user. */
bool policy_door_url(struct policy_reader *r, const struct yaml_node *n, struct span url);
/* A list of them, or one, each once. False when `n` is absent or no list. */
bool policy_door_urls(struct policy_reader *r, const struct yaml_node *n, const struct span **out, size_t *count);
/* Of a URL that policy_door_url() took. */
bool policy_door_loopback(struct span url);
/* PEM, or its base64 alone; kept as PEM. */
void policy_door_certificates(struct policy_reader *r, const struct yaml_node *n, const struct span **out, size_t *count);
/* A JWKS (RFC 7517 section 5) of public RSA and EC keys, as JSON text. */
void policy_door_jwks(struct policy_reader *r, const struct yaml_node *n, struct span *out);
/* The node of entry `index` of what policy_reader_texts() read: a list, or one text. */
const struct yaml_node *policy_door_item(const struct yaml_node *n, size_t index);

#endif
