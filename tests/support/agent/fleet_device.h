/* fleet_device: the made-up devices of fleet mode: from FLEET.json, or made from a seed; and their defects by name. */
#ifndef AGENT_FLEET_DEVICE_H
#define AGENT_FLEET_DEVICE_H

#include "agent.h"
#include "text.h"

enum defect {
    FIREWALL = 1 << 0, DISK_ENCRYPTION = 1 << 1, SCREEN_LOCK = 1 << 2, OS_UPDATES = 1 << 3, AUTOMATIC_UPDATES = 1 << 4,
    REMOTE_LOGIN = 1 << 5, SSH_KEYS = 1 << 6, GATEKEEPER = 1 << 7, SIP = 1 << 8, ANTIVIRUS = 1 << 9, BROWSER = 1 << 10,
    GUEST_ACCOUNT = 1 << 11, SECURE_BOOT = 1 << 12, DOCKER_EXPOSED = 1 << 13, PASSWORD_MANAGER = 1 << 14,
    FILE_SHARING = 1 << 15, SCREEN_SHARING = 1 << 16, INTERNET_SHARING = 1 << 17, AUTOMATIC_LOGIN = 1 << 18,
    RESTART_PENDING = 1 << 19, SUDO_PASSWORD = 1 << 20, EMPTY_PASSWORD = 1 << 21, SWAP_ENCRYPTION = 1 << 22,
    USER_ACCOUNT_CONTROL = 1 << 23, XPROTECT = 1 << 24, TPM = 1 << 25, MANDATORY_ACCESS = 1 << 26,
    DATABASES_EXPOSED = 1 << 27, CONTAINERS_EXPOSED = 1 << 30,
    /* How it behaves rather than what it answers. */
    SILENT = 1 << 28, SLOW = 1 << 29,
    BEHAVIOUR = SILENT | SLOW,
};

struct fleet;

struct device {
    struct fleet *fleet;
    char *name, *serial, *uuid, *hostname, *model, *secret, *username;
    char instance_id[37];
    unsigned platform;   /* of schema.h */
    unsigned defects;    /* bits of enum defect */
    unsigned first_defects; /* as given in the file */
    int64_t started_s;
    struct agent *agent;
    uint64_t delivered;  /* distributed results */
};

/* 0 when there is none of that name. */
unsigned defect_of(const char *name);
/* The names of a set, separated by commas; "" when healthy. */
void defect_names(unsigned defects, struct text *out);
const char *platform_name(unsigned platform);
const char *platform_type(unsigned platform);

/* Reads the array of FLEET.json; `secret` serves devices without their own. Owned by the caller; NULL with a complaint. */
struct device *devices_load(const char *path, const char *secret, size_t *count);
/* The same `count` devices for the same seed: macos, windows, linux in turn, about one in six with a defect or two. */
struct device *devices_make(size_t count, uint64_t seed, const char *secret);
void devices_free(struct device *devices, size_t count);

#endif
