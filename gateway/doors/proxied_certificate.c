#include "gateway/doors/proxied_certificate.h"

#include "gateway/doors/device_certificates.h"
#include "gateway/node.h"

/* Two of one name are two answers to one question: the first that wins here may be the last that wins in the proxy. */
static bool is_doubled(const struct http_request *r, const char *name)
{
    size_t count = 0;
    for (size_t i = 0; i < r->header_count; i++)
        count += span_equal_fold(r->headers[i].name, span_of(name));
    return count > 1;
}

static void spoil(struct proxied_certificate *out, const char *reason, struct span detail)
{
    if (out->spoiled != NULL)
        return;
    out->spoiled = reason;
    out->detail = detail;
}

static bool is_same_certificate(const struct presented_certificate *a, const struct presented_certificate *b)
{
    char digest[SECRET_HEX_BYTES + 1];
    const struct presented_certificate *whole = a->form == FORM_CERTIFICATE ? a : b, *other = whole == a ? b : a;
    if (a->form == b->form)
        return span_equal(a->leaf, b->leaf) && span_equal(a->sha256, b->sha256) && span_equal(a->serial_hex, b->serial_hex);
    if (whole->form != FORM_CERTIFICATE || other->form != FORM_SHA256)
        return false;
    secret_sha256_hex(whole->leaf, digest);
    return span_equal_text(other->sha256, digest);
}

static void take_presented(struct proxied_certificate *out, enum certificate_header h, const struct presented_certificate *p)
{
    if (!out->any) {
        out->any = true;
        out->found = *p;
    } else if (!is_same_certificate(&out->found, p)) {
        spoil(out, "conflicting_headers", span_of(certificate_header_name(h)));
    } else if (p->form == FORM_CERTIFICATE) {
        out->found = *p;
    }
}

/* False: this one says that the client showed none. */
static bool read_header(const struct http_request *r, enum certificate_header h, struct proxied_certificate *out)
{
    const char *name = certificate_header_name(h), *about = certificate_header_about(h);
    const struct device_certificate_rules *rules = device_certificates_rules(r->node->device_certificates);
    struct presented_certificate p;
    struct err err;
    if (is_doubled(r, name) || (about != NULL && is_doubled(r, about))) {
        spoil(out, "doubled_header", span_of(name));
        return true;
    }
    enum err_code code = certificate_header_read(h, request_header(r, name), about != NULL ? request_header(r, about) : SPAN_NONE, rules->element, r->arena, &p, &err);
    if (code != OK)
        spoil(out, code == ERR_DENIED ? "refused_by_proxy" : "malformed_header", arena_copy_text(r->arena, err.text));
    else if (p.form != FORM_NONE)
        take_presented(out, h, &p);
    return code != OK || p.form != FORM_NONE || !p.none_said;
}

/* Nearly all requests carry none of these headers. */
static bool has_any_header(const struct http_request *r)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (certificate_header_is_one(r->headers[i].name))
            return true;
    return false;
}

void proxied_certificate_read(const struct http_request *r, struct proxied_certificate *out)
{
    unsigned set = r->trusted_proxy ? device_certificates_rules(r->node->device_certificates)->headers : 0;
    bool none_said = false;
    *out = (struct proxied_certificate){ .any = false };
    if (!has_any_header(r))
        return;
    for (int h = 0; h < CERTIFICATE_HEADERS; h++) {
        bool is_other_spelling = h == HEADER_SERIAL_HEX || h == HEADER_SERIAL_DECIMAL; /* one name in two meanings */
        if ((set & 1u << h) != 0)
            none_said = !read_header(r, (enum certificate_header)h, out) || none_said;
        else if ((!is_other_spelling || !r->trusted_proxy) && request_has_header(r, certificate_header_name((enum certificate_header)h)))
            out->forged |= 1u << h;
    }
    if (out->any && none_said)
        spoil(out, "conflicting_headers", SPAN_LITERAL("one header holds a certificate, another says that there is none"));
}
