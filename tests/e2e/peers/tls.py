"""Certificates for the peers of a story: a CA of its own, server certificates for names, client certificates for devices, keys that sign SAML."""
import os
import subprocess

from harness import expect


def openssl(*args, stdin=None):
    done = subprocess.run(["openssl"] + list(args), input=stdin, capture_output=True, text=True, timeout=60)
    expect(done.returncode == 0, "openssl %s: %s" % (" ".join(args), done.stderr))
    return done.stdout


def make_key(path):
    openssl("genrsa", "-out", path, "2048")
    return path


def self_signed(folder, name):
    """A key and a certificate for itself, as SAML peers sign with: (certificate file, key file)."""
    os.makedirs(folder, exist_ok=True)
    certificate, key = (os.path.join(folder, name + end) for end in (".crt", ".key"))
    openssl("req", "-x509", "-newkey", "rsa:2048", "-sha256", "-nodes", "-days", "30", "-subj", "/CN=" + name, "-keyout", key, "-out", certificate)
    return certificate, key


class Authority:
    """A CA. `certificate` is the file to trust."""

    def __init__(self, folder, name="authority of the stories"):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.certificate, self.key = os.path.join(folder, "ca.crt"), os.path.join(folder, "ca.key")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-sha256", "-nodes", "-days", "30", "-subj", "/CN=" + name, "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                "-keyout", self.key, "-out", self.certificate)

    def server(self, *names):
        """For a web server of these names: (certificate file, key file)."""
        return self.issue(names[0], names[0], "extendedKeyUsage=serverAuth\nsubjectAltName=" + ",".join("DNS:" + n for n in names))

    def client(self, file, common_name, serial=None, names=""):
        """For a device: common_name is its subject's CN; serial a number; names a subjectAltName value. (certificate file, key file)."""
        return self.issue(file, common_name, "extendedKeyUsage=clientAuth" + ("\nsubjectAltName=" + names if names else ""), serial)

    def issue(self, file, common_name, extensions, serial=None):
        certificate, key, request, text = (os.path.join(self.folder, file + end) for end in (".crt", ".key", ".csr", ".ext"))
        openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=" + common_name, "-keyout", key, "-out", request)
        with open(text, "w") as f:
            f.write("basicConstraints=critical,CA:FALSE\n" + extensions + "\n")
        openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key, "-sha256", "-days", "30", "-extfile", text,
                "-set_serial", str(serial if serial is not None else int.from_bytes(os.urandom(8), "big") >> 1), "-out", certificate)
        return certificate, key


def pem(path):
    with open(path) as f:
        return f.read()
