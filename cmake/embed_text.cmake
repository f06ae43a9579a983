# Writes a C file that holds a text file as bytes, so that the binary needs no file beside it.
#   cmake -D INPUT=some.lua -D NAME=some_lua -D OUTPUT=some_lua.c -P cmake/embed_text.cmake
# It defines `const unsigned char NAME[]`, NUL-terminated, and `const size_t NAME_bytes` without the NUL.
cmake_minimum_required(VERSION 3.25)
file(READ ${INPUT} hex HEX)
string(LENGTH "${hex}" length)
math(EXPR length "${length} / 2")
string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
string(REGEX REPLACE "(................................................................................)" "\\1\n    " bytes "${bytes}")
# From unsigned char, because bytes over 0x7f do not fit a signed char's initialiser.
set(content "/* Made from ${INPUT} by embed_text.cmake. */
#include <stddef.h>
extern const unsigned char ${NAME}[];
extern const size_t ${NAME}_bytes;
const unsigned char ${NAME}[] = {
    ${bytes}0x00
};
const size_t ${NAME}_bytes = ${length};
")
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "@content@" @ONLY NEWLINE_STYLE UNIX) # leaves an unchanged file alone
