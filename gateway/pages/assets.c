#include "gateway/pages/assets.h"

/* Made from gateway/pages/assets/ by the build. */
extern const unsigned char page_style_css[], page_script_js[], post_script_js[], webauthn_script_js[];
extern const size_t page_style_css_bytes, page_script_js_bytes, post_script_js_bytes, webauthn_script_js_bytes;

static const struct { const char *name, *ending, *content_type; const unsigned char *at; const size_t *bytes; } assets[ASSETS] = {
    [ASSET_STYLE] = { "style", "css", "text/css; charset=utf-8", page_style_css, &page_style_css_bytes },
    [ASSET_SCRIPT] = { "page", "js", "text/javascript; charset=utf-8", page_script_js, &page_script_js_bytes },
    [ASSET_POST_SCRIPT] = { "post", "js", "text/javascript; charset=utf-8", post_script_js, &post_script_js_bytes },
    [ASSET_WEBAUTHN_SCRIPT] = { "webauthn", "js", "text/javascript; charset=utf-8", webauthn_script_js, &webauthn_script_js_bytes },
};

static struct span content(enum asset which) { return span_make(assets[which].at, *assets[which].bytes); }

struct span asset_name(enum asset which, struct arena *a)
{
    return arena_format(a, "%s.%016llx.%s", assets[which].name, (unsigned long long)span_hash(content(which), 0), assets[which].ending);
}

enum route_result asset_get(struct http_request *r, struct http_response *res)
{
    for (enum asset i = 0; i < ASSETS; i++) {
        if (!span_equal(r->params[0], asset_name(i, r->arena)))
            continue;
        response_text(res, 200, assets[i].content_type, content(i));
        response_header(res, "Cache-Control", SPAN_LITERAL("public, max-age=31536000, immutable"));
        res->cacheable = true;
        return ROUTE_DONE;
    }
    problem_status_answer(r, res, PROBLEM_PAGE, 404, "no such file");
    return ROUTE_DONE;
}
