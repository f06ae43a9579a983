/* The upgrade from HTTP. Source: RFC 6455 section 4.1. */
#include "connectors/web_socket_frame.h"

#include "posture/base/secret.h"

#include <openssl/evp.h>
#include <stdio.h>

enum { NONCE_BYTES = 16, SHA1_BYTES = 20, ACCEPT_BYTES = 64, FIELDS_MOST = 64 };

void web_socket_new_key(char key[WEB_SOCKET_KEY_BYTES + 1])
{
    CLEANUP(buf_done) struct buf text;
    unsigned char nonce[NONCE_BYTES];
    buf_init(&text, 2 * WEB_SOCKET_KEY_BYTES);
    secret_random(nonce, sizeof nonce);
    secret_base64(span_make(nonce, sizeof nonce), &text);
    snprintf(key, WEB_SOCKET_KEY_BYTES + 1, "%.*s", SPAN_ARGS(buf_span(&text)));
}

bool web_socket_write_upgrade(struct span host, struct span target, const char *key, struct buf *out)
{
    buf_append_text(out, "GET ");
    buf_append(out, target);
    buf_append_text(out, " HTTP/1.1\r\nHost: ");
    buf_append(out, host);
    buf_append_text(out, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nUser-Agent: postern\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ");
    buf_append_text(out, key);
    return buf_append_text(out, "\r\n\r\n");
}

/* SHA-1 here proves only that the peer has read this very request; nothing rests on its strength. */
static enum err_code write_accept(const char *key, struct buf *out, struct err *err)
{
    char joined[WEB_SOCKET_KEY_BYTES + 64];
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned bytes = 0;
    int length = snprintf(joined, sizeof joined, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    if (EVP_Digest(joined, (size_t)length, hash, &bytes, EVP_sha1(), NULL) != 1 || bytes != SHA1_BYTES)
        return err_set(err, ERR_INTERNAL, "SHA-1, which a WebSocket's upgrade needs, is not there");
    secret_base64(span_make(hash, bytes), out);
    return buf_check(out, "a WebSocket's accept", err);
}

static bool has_token(struct span value, struct span token)
{
    struct span part = SPAN_NONE;
    while (span_cut(&value, ',', &part))
        if (span_equal_fold(span_trim(part), token))
            return true;
    return false;
}

struct answer { bool upgrade, connection, accept; };

/* An accept that comes twice is judged twice: both have to be right. */
static enum err_code read_field(struct span name, struct span value, struct span accept, struct answer *a, struct err *err)
{
    if (span_equal_fold(name, SPAN_LITERAL("Sec-WebSocket-Extensions")) || span_equal_fold(name, SPAN_LITERAL("Sec-WebSocket-Protocol")))
        return err_set(err, ERR_PROTOCOL, "the WebSocket's peer chose an extension or subprotocol that was not offered");
    if (span_equal_fold(name, SPAN_LITERAL("Sec-WebSocket-Accept"))) {
        if (!span_equal(value, accept))
            return err_set(err, ERR_PROTOCOL, "the answer to the upgrade is not to our key");
        a->accept = true;
    }
    a->upgrade = a->upgrade || (span_equal_fold(name, SPAN_LITERAL("Upgrade")) && span_equal_fold(value, SPAN_LITERAL("websocket")));
    a->connection = a->connection || (span_equal_fold(name, SPAN_LITERAL("Connection")) && has_token(value, SPAN_LITERAL("upgrade")));
    return OK;
}

static enum err_code read_fields(struct span rest, struct span accept, struct err *err)
{
    struct answer a = { false, false, false };
    enum err_code code = OK;
    struct span line = SPAN_NONE;
    for (size_t i = 0; code == OK && span_cut(&rest, '\n', &line); i++) {
        struct span name = SPAN_NONE;
        line = span_trim(line);
        if (span_empty(line))
            break;
        if (i == FIELDS_MOST || !span_cut(&line, ':', &name) || line.at == NULL)
            return err_set(err, ERR_PROTOCOL, "the answer to the upgrade has too many header fields, or one that is none");
        code = read_field(name, span_trim(line), accept, &a, err);
    }
    if (code == OK && !(a.upgrade && a.connection && a.accept))
        return err_set(err, ERR_PROTOCOL, "the answer to the upgrade lacks Upgrade, Connection or Sec-WebSocket-Accept");
    return code;
}

/* The words of a refusal are a peer's: only the status goes on, and of it only digits. */
static enum err_code read_status(struct span line, struct err *err)
{
    uint64_t status = 0;
    if (!span_starts(line, SPAN_LITERAL("HTTP/1.1 ")) || !span_to_u64(span_slice(line, 9, 3), &status) || (line.bytes > 12 && line.at[12] != ' '))
        return err_set(err, ERR_PROTOCOL, "the answer to the upgrade is not one of HTTP/1.1");
    return status == 101 ? OK : err_set(err, ERR_PROTOCOL, "the upgrade to a WebSocket was answered with %llu", (unsigned long long)status);
}

enum err_code web_socket_read_upgrade(struct span bytes, const char *key, size_t *used, struct err *err)
{
    CLEANUP(buf_done) struct buf accept;
    size_t end = span_search(bytes, SPAN_LITERAL("\r\n\r\n"));
    struct span rest = span_slice(bytes, 0, end), line = SPAN_NONE;
    buf_init(&accept, ACCEPT_BYTES);
    *used = 0;
    if (end + 4 > WEB_SOCKET_ANSWER_BYTES)
        return err_set(err, ERR_LIMIT, "the answer to the upgrade has more than %d bytes", WEB_SOCKET_ANSWER_BYTES);
    if (end == bytes.bytes)
        return OK;
    enum err_code code = write_accept(key, &accept, err);
    span_cut(&rest, '\n', &line);
    if (code == OK)
        code = read_status(span_trim(line), err);
    if (code == OK)
        code = read_fields(rest, buf_span(&accept), err);
    if (code == OK)
        *used = end + 4;
    return code;
}
