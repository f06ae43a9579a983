/* version_order: which of two version texts is newer: field by field, or by the rules of Debian policy 5.6.12. */
#ifndef AGENT_VERSION_ORDER_H
#define AGENT_VERSION_ORDER_H

/* Below, equal to or above zero. Fields of digits compare as numbers, others as text; separators only separate. */
int version_order(const char *a, const char *b);
/* Epoch, upstream version, revision; "~" sorts before the end. */
int version_order_debian(const char *a, const char *b);

#endif
