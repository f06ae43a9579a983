/* directory, for ThreadSanitizer: what it cannot see of liburcu's publication and reclamation. In every other build these are nothing.
 * Internal to directory. Reports from inside liburcu itself are left out by tests/tsan.supp; what is ours is told here. */
#ifndef POSTURE_DIRECTORY_SANITIZER_H
#define POSTURE_DIRECTORY_SANITIZER_H

/* liburcu orders memory with barriers of its own: freeing comes after the last reader has left. */
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#define READER_LEFT(d) __tsan_release((void *)(uintptr_t)(d))
#define READERS_GONE(d) __tsan_acquire((void *)(uintptr_t)(d))
#else
#define READER_LEFT(d) ((void)(d))
#define READERS_GONE(d) ((void)(d))
#endif

#endif
