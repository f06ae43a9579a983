#include "posture/base/percent.h"

int percent_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool percent_decode(struct span text, bool form, struct buf *out)
{
    for (size_t i = 0; i < text.bytes; i++) {
        char c = text.at[i];
        if (c == '+' && form)
            c = ' ';
        if (text.at[i] == '%') {
            int high = i + 2 < text.bytes ? percent_digit(text.at[i + 1]) : -1, low = high >= 0 ? percent_digit(text.at[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (!buf_append_byte(out, c))
            return false;
    }
    return true;
}
