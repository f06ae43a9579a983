/* assets: the stylesheet and the scripts of the pages. Their names carry a hash of their content, so browsers may keep them for ever. */
#ifndef GATEWAY_PAGES_ASSETS_H
#define GATEWAY_PAGES_ASSETS_H
#include "gateway/http/router.h"

enum asset { ASSET_STYLE, ASSET_SCRIPT, ASSET_POST_SCRIPT, ASSET_WEBAUTHN_SCRIPT, ASSETS };
/* "style.0123456789abcdef.css" */
struct span asset_name(enum asset which, struct arena *a);
/* GET /assets/{file}; 404 for another name, an older hash included. */
enum route_result asset_get(struct http_request *r, struct http_response *res);
#endif
