/* json_scan: steps over JSON in a copy that ends in NULs, for from_json and json_shape. The NUL behind the text is neither white space nor part of a text: no step passes it. */
#ifndef POSTURE_BASE_JSON_SCAN_H
#define POSTURE_BASE_JSON_SCAN_H
#include <endian.h>
#include <stdint.h>
#include <string.h>

enum { JSON_SCAN_PAD_BYTES = 8 /* NULs behind the copy, so that eight bytes can be read from anywhere in it */ };

/* Over bytes of a text that stand for themselves, eight at once; the byte that ends them is found by the lowest mark, which no other one can have caused. */
static inline char *json_skip_plain(char *at)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    for (;; at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        word = le64toh(word);
        uint64_t marks = ((word - each * 0x20) | ((word ^ each * '"') - each) | ((word ^ each * '\\') - each) | word) & each * 0x80;
        if (marks != 0)
            return at + __builtin_ctzll(marks) / 8;
    }
}

/* What is no white space is mostly above it: one comparison tells. */
static inline char *json_skip_space(char *at)
{
    while ((unsigned char)*at <= ' ' && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

#endif
