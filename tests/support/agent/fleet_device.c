#include "fleet_device.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { FLEET_FILE_BYTES = 256 * 1024 * 1024, DEVICES_MAX = 200000 };

static const struct {
    const char *name;
    unsigned defect;
} defects[] = {
    { "firewall", FIREWALL }, { "disk-encryption", DISK_ENCRYPTION }, { "screen-lock", SCREEN_LOCK },
    { "os-updates", OS_UPDATES }, { "automatic-updates", AUTOMATIC_UPDATES }, { "remote-login", REMOTE_LOGIN },
    { "ssh-keys", SSH_KEYS }, { "gatekeeper", GATEKEEPER }, { "sip", SIP }, { "antivirus", ANTIVIRUS },
    { "browser", BROWSER }, { "guest-account", GUEST_ACCOUNT }, { "secure-boot", SECURE_BOOT },
    { "docker-exposed", DOCKER_EXPOSED }, { "password-manager", PASSWORD_MANAGER }, { "file-sharing", FILE_SHARING },
    { "screen-sharing", SCREEN_SHARING }, { "internet-sharing", INTERNET_SHARING },
    { "automatic-login", AUTOMATIC_LOGIN }, { "restart-pending", RESTART_PENDING },
    { "sudo-password", SUDO_PASSWORD }, { "empty-password", EMPTY_PASSWORD }, { "swap-encryption", SWAP_ENCRYPTION },
    { "user-account-control", USER_ACCOUNT_CONTROL }, { "xprotect", XPROTECT }, { "tpm", TPM },
    { "mandatory-access", MANDATORY_ACCESS }, { "databases-exposed", DATABASES_EXPOSED }, { "containers-exposed", CONTAINERS_EXPOSED },
    { "silent", SILENT }, { "slow", SLOW },
};

enum { DEFECT_COUNT = sizeof defects / sizeof defects[0] };

unsigned defect_of(const char *name)
{
    for (size_t i = 0; i < DEFECT_COUNT; i++)
        if (strcmp(defects[i].name, name) == 0)
            return defects[i].defect;
    return 0;
}

void defect_names(unsigned set, struct text *out)
{
    for (size_t i = 0; i < DEFECT_COUNT; i++)
        if ((set & defects[i].defect) != 0)
            text_addf(out, "%s%s", out->size == 0 ? "" : ",", defects[i].name);
}

const char *platform_name(unsigned platform)
{
    return platform == PLATFORM_MACOS ? "macos" : platform == PLATFORM_WINDOWS ? "windows" : "linux";
}

/* osquery's bit mask: POSIX 1, Windows 2, BSD 4, Linux 8, macOS 16. */
const char *platform_type(unsigned platform)
{
    return platform == PLATFORM_MACOS ? "21" : platform == PLATFORM_WINDOWS ? "2" : "9";
}

static unsigned platform_of(const char *name)
{
    if (name == NULL)
        return 0;
    return strcmp(name, "macos") == 0 || strcmp(name, "darwin") == 0 ? PLATFORM_MACOS
           : strcmp(name, "windows") == 0                            ? PLATFORM_WINDOWS
           : strcmp(name, "linux") == 0                              ? PLATFORM_LINUX
                                                                     : 0;
}

/* A UUID that follows from words: the same device is the same in every run. */
static char *uuid_from(const char *words)
{
    char hex[65];
    sha256_hex(words, strlen(words), hex);
    for (char *at = hex; *at != '\0'; at++)
        if (*at >= 'a')
            *at = (char)(*at - 'a' + 'A');
    return must_format("%.8s-%.4s-4%.3s-A%.3s-%.12s", hex, hex + 8, hex + 13, hex + 17, hex + 20);
}

static char *member(const json_t *entry, const char *key)
{
    const char *value = json_string_value(json_object_get(entry, key));
    return value == NULL ? NULL : must_copy(value);
}

static const char *usual_model(unsigned platform)
{
    return platform == PLATFORM_MACOS ? "Mac14,2" : platform == PLATFORM_WINDOWS ? "Latitude 7440" : "20XWS1GP00";
}

/* Fills what the file leaves out. */
static void complete(struct device *device, const char *secret)
{
    if (device->serial == NULL) {
        char hex[65];
        sha256_hex(device->name, strlen(device->name), hex);
        for (char *at = hex; *at != '\0'; at++)
            if (*at >= 'a')
                *at = (char)(*at - 'a' + 'A');
        device->serial = must_format("PST%.9s", hex);
    }
    if (device->uuid == NULL)
        device->uuid = uuid_from(device->name);
    if (device->hostname == NULL)
        device->hostname = must_copy(device->name);
    if (device->model == NULL)
        device->model = must_copy(usual_model(device->platform));
    if (device->secret == NULL)
        device->secret = must_copy(secret == NULL ? "" : secret);
    if (device->username == NULL)
        device->username = must_copy("alex");
    char *instance = must_format("instance of %s", device->uuid), *uuid = uuid_from(instance);
    memcpy(device->instance_id, uuid, 37);
    free(uuid);
    free(instance);
    device->first_defects = device->defects;
    device->started_s = wall_s();
}

static bool read_device(struct device *device, const json_t *entry, const char *path, size_t index)
{
    size_t i;
    json_t *name;
    device->name = member(entry, "name");
    device->serial = member(entry, "serial");
    device->uuid = member(entry, "uuid");
    device->hostname = member(entry, "hostname");
    device->model = member(entry, "model");
    device->secret = member(entry, "enroll_secret");
    device->username = member(entry, "username");
    device->platform = platform_of(json_string_value(json_object_get(entry, "platform")));
    if (device->name == NULL || device->platform == 0) {
        complain("%s: device %zu needs a name and a platform of macos, windows or linux", path, index + 1);
        return false;
    }
    json_array_foreach(json_object_get(entry, "defects"), i, name) {
        unsigned defect = json_is_string(name) ? defect_of(json_string_value(name)) : 0;
        if (defect == 0) {
            complain("%s: device %s: no such defect: %s", path, device->name,
                     json_is_string(name) ? json_string_value(name) : "(not a string)");
            return false;
        }
        device->defects |= defect;
    }
    return true;
}

struct device *devices_load(const char *path, const char *secret, size_t *count)
{
    struct text content;
    if (!file_read(path, FLEET_FILE_BYTES, &content)) {
        complain("cannot read %s", path);
        return NULL;
    }
    json_error_t error;
    json_t *all = json_loadb(text_str(&content), content.size, JSON_REJECT_DUPLICATES, &error);
    text_done(&content);
    if (!json_is_array(all) || json_array_size(all) == 0 || json_array_size(all) > DEVICES_MAX) {
        complain("%s: not an array of 1 to %d devices: line %d: %s", path, DEVICES_MAX, error.line, error.text);
        json_decref(all);
        return NULL;
    }
    *count = json_array_size(all);
    struct device *devices = must_alloc(*count, sizeof *devices);
    bool fine = true;
    for (size_t i = 0; i < *count && fine; i++) {
        fine = read_device(&devices[i], json_array_get(all, i), path, i);
        if (fine)
            complete(&devices[i], secret);
    }
    json_decref(all);
    if (fine)
        return devices;
    devices_free(devices, *count);
    return NULL;
}

struct device *devices_make(size_t count, uint64_t seed, const char *secret)
{
    static const unsigned platforms[] = { PLATFORM_MACOS, PLATFORM_WINDOWS, PLATFORM_LINUX };
    struct device *devices = must_alloc(count, sizeof *devices);
    random_seed(seed);
    for (size_t i = 0; i < count; i++) {
        struct device *device = &devices[i];
        device->platform = platforms[i % 3];
        device->name = must_format("%s-%05zu", platform_name(device->platform), i + 1);
        char *words = must_format("%llu/%zu", (unsigned long long)seed, i);
        device->uuid = uuid_from(words);
        device->serial = must_format("PST%.4s%05zu", device->uuid, i + 1);
        free(words);
        if (random_below(6) == 0)
            device->defects |= defects[random_below(15)].defect;
        if (random_below(18) == 0)
            device->defects |= defects[random_below(15)].defect;
        complete(device, secret);
    }
    return devices;
}

void devices_free(struct device *devices, size_t count)
{
    for (size_t i = 0; devices != NULL && i < count; i++) {
        struct device *device = &devices[i];
        free(device->name);
        free(device->serial);
        free(device->uuid);
        free(device->hostname);
        free(device->model);
        free(device->secret);
        free(device->username);
    }
    free(devices);
}
