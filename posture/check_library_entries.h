/* check_library_entries: the files of posture/check_library as bytes. The source is made by check_library.cmake at build time. */
#ifndef POSTURE_CHECK_LIBRARY_ENTRIES_H
#define POSTURE_CHECK_LIBRARY_ENTRIES_H
#include "posture/check_library.h"
extern const struct library_check check_library_entries[]; /* ascending by id; one empty entry more than the count */
extern const size_t check_library_entry_count;
#endif
