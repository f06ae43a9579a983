/* os_version: dotted versions, made comparable: field by field as numbers ("10.15.0" > "10.14.6"); a letter suffix "(a)" or
 * "-rc1" of a field is compared after its number. Missing fields are 0. */
#ifndef POSTURE_OS_VERSION_H
#define POSTURE_OS_VERSION_H
#include "posture/base/span.h"
/* False when either has no leading digit in its first field; *order is <0, 0, >0. */
bool os_version_compare(struct span a, struct span b, int *order);
#endif
