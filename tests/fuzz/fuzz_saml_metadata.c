/* Any bytes as an SP's metadata: read or refused, within the bounds. */
#include "connectors/identity/saml_metadata.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const char begin[] = "<EntityDescriptor xmlns=\"urn:oasis:names:tc:SAML:2.0:metadata\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" entityID=\"x\">"
                            "<SPSSODescriptor protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">";
static const char end[] = "<AssertionConsumerService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" Location=\"https://sp.example/acs\" index=\"1\"/></SPSSODescriptor></EntityDescriptor>";

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct saml_metadata m;
    struct arena arena;
    struct buf file;
    struct err err;
    bool inside = bytes > 0 && data[0] % 2 == 1;
    arena_init(&arena, 16 * 1024, 4 * 1024 * 1024);
    buf_init(&file, 2 * SAML_METADATA_BYTES);
    buf_append_text(&file, inside ? begin : "");
    buf_append(&file, span_make(data + (bytes > 0), bytes - (bytes > 0)));
    buf_append_text(&file, inside ? end : "");
    if (saml_metadata_read(buf_span(&file), &arena, &m, &err) == OK) {
        require(!span_empty(m.entity_id) && m.acs_count > 0 && m.acs_count <= SAML_METADATA_ACS && m.certificate_count <= SAML_METADATA_CERTIFICATES);
        for (size_t i = 0; i < m.acs_count; i++)
            require(!span_empty(m.acs[i]) && span_is_utf8(m.acs[i]));
    }
    buf_done(&file);
    arena_done(&arena);
    return 0;
}
