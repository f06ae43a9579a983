# Writes a C file that holds every posture/check_library/<id>.yaml as bytes, so that the binary needs no files beside it.
#   cmake -D FOLDER=posture/check_library -D OUTPUT=check_library_entries.c -P posture/check_library.cmake
cmake_minimum_required(VERSION 3.25)
file(GLOB files LIST_DIRECTORIES false RELATIVE ${FOLDER} ${FOLDER}/*.yaml)
list(TRANSFORM files REPLACE "\\.yaml$" "")
list(SORT files COMPARE STRING) # by id, without the suffix: "a" comes before "a-b", and lookups are binary searches
list(LENGTH files count)

set(texts "")
set(table "")
foreach(id IN LISTS files)
    file(READ ${FOLDER}/${id}.yaml hex HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    string(REGEX REPLACE "(................................................................................)" "\\1\n    " bytes "${bytes}")
    string(MAKE_C_IDENTIFIER "text_${id}" name)
    string(LENGTH "${hex}" length)
    math(EXPR length "${length} / 2")
    string(LENGTH "${id}" id_length)
    string(APPEND texts "static const unsigned char ${name}[] = {\n    ${bytes}0x00\n};\n")
    string(APPEND table "    { { \"${id}\", ${id_length} }, { (const char *)${name}, ${length} } },\n")
endforeach()

set(content "/* Made from posture/check_library by check_library.cmake. */
#include \"posture/check_library_entries.h\"

${texts}
const struct library_check check_library_entries[] = {
${table}    { { 0, 0 }, { 0, 0 } }
};
const size_t check_library_entry_count = ${count};
")
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "@content@" @ONLY NEWLINE_STYLE UNIX) # leaves an unchanged file alone
