/* html: text into a page. The only way foreign text gets there: templates are literals of ours, values are escaped, whatever they are.
 * Sources: WHATWG HTML, 13.1.2.3 attribute values (always double quoted here) and 13.1.3 text; Unicode UAX 9 (marks that turn text around are dropped). */
#ifndef GATEWAY_PAGES_HTML_H
#define GATEWAY_PAGES_HTML_H
#include "posture/base/buf.h"

/* As it is. Literals of ours only. */
void html_raw(struct buf *out, const char *literal);
/* Good inside an element and inside a double-quoted attribute. Invalid UTF-8 becomes U+FFFD, control characters a space. */
void html_text(struct buf *out, struct span text);
/* Inside a double-quoted attribute of a hidden field: what a browser posts is the text itself, control characters and all. */
void html_exact(struct buf *out, struct span text);
/* Each {} of the template takes the next value, escaped. Asserts that their numbers agree. */
void html_fill(struct buf *out, const char *template, const struct span *values, size_t count);
/* HTML(out, "<p>{}</p>", name): the template must be a literal. */
#define HTML(out, template, ...) html_fill((out), "" template, (const struct span[]){ __VA_ARGS__ }, sizeof((const struct span[]){ __VA_ARGS__ }) / sizeof(struct span))
/* An absolute http(s) address without anything that could end an attribute or a header. Others are never linked. */
bool html_is_link(struct span url);
#endif
