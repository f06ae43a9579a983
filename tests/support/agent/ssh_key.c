#include "ssh_key.h"

#include <stdint.h>
#include <string.h>

enum { DECODED_MAX = 256 };

static int base64_value(char c)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == '\0' ? NULL : strchr(letters, c);
    return at == NULL ? -1 : (int)(at - letters);
}

/* The first bytes of the text, line ends skipped; stops at anything else. */
static size_t decode(const char *text, size_t size, unsigned char out[DECODED_MAX])
{
    size_t count = 0;
    unsigned bits = 0, held = 0;
    for (size_t i = 0; i < size && count < DECODED_MAX; i++) {
        if (text[i] == '\n' || text[i] == '\r')
            continue;
        int value = base64_value(text[i]);
        if (value < 0)
            break;
        held = (held << 6 | (unsigned)value) & 0xffffu;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[count++] = (unsigned char)(held >> bits);
        }
    }
    return count;
}

/* "openssh-key-v1\0", then the cipher's name as a string with a 32-bit length. */
static bool openssh_encrypted(const char *text, size_t size)
{
    static const char magic[] = "openssh-key-v1";
    unsigned char bytes[DECODED_MAX];
    size_t count = decode(text, size, bytes);
    if (count < sizeof magic + 4 || memcmp(bytes, magic, sizeof magic) != 0)
        return false;
    const unsigned char *at = bytes + sizeof magic;
    uint32_t length = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    if (length > count - sizeof magic - 4)
        return false;
    return !(length == 4 && memcmp(at + 4, "none", 4) == 0);
}

bool ssh_key_read(const char *bytes, size_t size, struct ssh_key *out)
{
    static const struct {
        const char *begin, *type;
    } kinds[] = {
        { "-----BEGIN OPENSSH PRIVATE KEY-----", "" }, { "-----BEGIN ENCRYPTED PRIVATE KEY-----", "" },
        { "-----BEGIN RSA PRIVATE KEY-----", "rsa" },  { "-----BEGIN DSA PRIVATE KEY-----", "dsa" },
        { "-----BEGIN EC PRIVATE KEY-----", "ec" },    { "-----BEGIN PRIVATE KEY-----", "" },
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const char *at = memmem(bytes, size, kinds[i].begin, strlen(kinds[i].begin));
        if (at == NULL)
            continue;
        at += strlen(kinds[i].begin);
        size_t left = size - (size_t)(at - bytes);
        out->type = kinds[i].type;
        if (i == 0)
            out->encrypted = openssh_encrypted(at, left);
        else
            out->encrypted = i == 1 || memmem(at, left, "ENCRYPTED", 9) != NULL;
        return true;
    }
    return false;
}
