"""A plain Apache of a story's own: one https site on a free port, its configuration and files in the story's folder, nothing of /etc read or changed."""
import os

from harness import Process, expect, free_port, wait_for, request

MODULES = "/usr/lib/apache2/modules"
STRUCTURES = {"shib": "mod_shib"}  # modules whose structure is not called NAME_module
FILES = {"php": "libphp8.2.so"}    # and whose file is not called mod_NAME.so
ALWAYS = ["mpm_prefork", "authz_core", "authn_core", "authz_user", "ssl", "dir", "alias", "mime", "env", "setenvif", "headers"]

CONFIG = """
ServerRoot %(folder)s
ServerName %(name)s
Listen 127.0.0.1:%(port)d
PidFile %(folder)s/apache.pid
Mutex file:%(folder)s
ErrorLog %(folder)s/error.log
LogLevel %(log_level)s
StartServers 2
MinSpareServers 1
MaxRequestWorkers 8
TypesConfig /etc/mime.types
DocumentRoot %(folder)s/www
UseCanonicalName On
SSLEngine on
SSLCertificateFile %(certificate)s
SSLCertificateKeyFile %(key)s
<Directory />
  Require all granted
</Directory>
%(user)s
%(body)s
"""


class Apache:
    """modules: names without mod_ and .so. start() takes the rest of the configuration; %(folder)s and the like are not expanded in it."""

    def __init__(self, world, authority, host, modules=()):
        self.world, self.host, self.port = world, host, free_port()
        self.folder = os.path.join(world.folder, host)
        self.www = os.path.join(self.folder, "www")
        self.tls = authority.server(host)
        self.modules = ALWAYS + list(modules)
        self.base = "https://%s:%d" % (host, self.port)
        os.makedirs(self.www)
        # Started by root it answers as somebody else, who must find the site.
        os.chmod(world.folder, 0o711)
        os.chmod(self.folder, 0o777)

    def write(self, path, text):
        """A file below the site's folder."""
        path = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as f:
            f.write(text)
        return path

    def start(self, body, env=None, log_level="warn"):
        user = "User nobody\nGroup nogroup\n" if os.getuid() == 0 else ""
        loads = "".join("LoadModule %s %s/%s\n" % (STRUCTURES.get(name, name + "_module"), MODULES, FILES.get(name, "mod_%s.so" % name)) for name in self.modules)
        config = self.write("apache.conf", loads + CONFIG % {"folder": self.folder, "name": self.base, "port": self.port, "certificate": self.tls[0], "key": self.tls[1], "user": user,
                                                             "body": body, "log_level": log_level})
        self.log = os.path.join(self.folder, "error.log")
        self.process = Process(["/usr/sbin/apache2", "-f", config, "-D", "FOREGROUND"], os.path.join(self.folder, "apache.log"), env=env, own_group=True)

        def up():
            expect(self.process.alive(), "Apache ended: %s %s" % (self.process.text(), self.error_log()))
            return request("https://127.0.0.1:%d/" % self.port).status
        wait_for("Apache of " + self.host, up)
        return self

    def error_log(self):
        try:
            with open(self.log, errors="replace") as f:
                return f.read()
        except OSError:
            return ""

    def stop(self):
        return self.process.stop()
