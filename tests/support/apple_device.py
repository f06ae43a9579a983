"""A simulated Mac that speaks Apple's MDM protocol to a server: it checks in with a client certificate, fetches commands and answers them.
Source: Apple, Device Management (Check-in; Commands and Queries). The certificate travels in a header, as behind a proxy that ended TLS."""
import os
import plistlib
import subprocess
import urllib.error
import urllib.parse
import urllib.request


def run(*arguments):
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_ca(folder):
    """ca.pem and ca.key."""
    key, cert = os.path.join(folder, "ca.key"), os.path.join(folder, "ca.pem")
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "30", "-subj", "/CN=Devices CA")
    return cert, key


def make_identity(folder, name, ca):
    """The PEM of a client certificate under that CA."""
    base = os.path.join(folder, name)
    ext = base + ".ext"
    with open(ext, "w") as f:
        f.write("extendedKeyUsage=clientAuth\n")
    run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", base + ".key", "-out", base + ".csr", "-subj", "/CN=" + name)
    run("openssl", "x509", "-req", "-in", base + ".csr", "-CA", ca[0], "-CAkey", ca[1], "-CAcreateserial", "-days", "30", "-extfile", ext, "-out", base + ".pem")
    with open(base + ".pem") as f:
        return f.read()


class Mac:
    def __init__(self, server, udid, serial, identity="", encrypted=True):
        self.server, self.udid, self.serial, self.identity, self.encrypted = server, udid, serial, identity, encrypted
        self.profiles = [{"PayloadIdentifier": "com.acme.enrolment", "PayloadUUID": "u-0", "PayloadDisplayName": "Enrolment", "PayloadVersion": 1}]
        self.seen = []

    def put(self, body, kind):
        request = urllib.request.Request(self.server + "/mdm", plistlib.dumps(body), {"Content-Type": kind}, method="PUT")
        if self.identity:
            request.add_header("X-Device-Certificate", urllib.parse.quote(self.identity))
        with urllib.request.urlopen(request, timeout=90) as answer:
            return answer.read()

    def checkin(self, message, **more):
        body = dict({"MessageType": message, "Topic": "com.apple.mgmt.External.test", "UDID": self.udid}, **more)
        self.put(body, "application/x-apple-aspen-mdm-checkin")

    def enrol(self):
        self.checkin("Authenticate", SerialNumber=self.serial, OSVersion="15.5", ProductName="Mac14,2", DeviceName="dover", Model="Z15T", BuildVersion="24F74")
        self.checkin("TokenUpdate", PushMagic="magic", Token=b"\x01" * 32, UnlockToken=b"", AwaitingConfiguration=False)

    def leave(self):
        self.checkin("CheckOut")

    def connect(self):
        """Fetches and answers until nothing is queued. Returns the request types."""
        answer, done = {"UDID": self.udid, "Status": "Idle"}, []
        for _ in range(500):
            raw = self.put(answer, "application/x-apple-aspen-mdm")
            if not raw:
                break
            command = plistlib.loads(raw)
            done.append(command["Command"]["RequestType"])
            answer = dict({"UDID": self.udid, "Status": "Acknowledged", "CommandUUID": command["CommandUUID"]}, **self.carry_out(command["Command"]))
        self.seen += done
        return done

    def carry_out(self, command):
        kind = command["RequestType"]
        if kind == "DeviceInformation":
            known = {"SerialNumber": self.serial, "OSVersion": "15.5", "DeviceName": "dover", "ProductName": "Mac14,2", "IsSupervised": False}
            return {"QueryResponses": {q: known[q] for q in command["Queries"] if q in known}}
        if kind == "SecurityInfo":
            return {"SecurityInfo": {"FDE_Enabled": self.encrypted, "FirewallSettings": {"FirewallEnabled": True}}}
        if kind == "ProfileList":
            return {"ProfileList": self.profiles}
        if kind == "InstallProfile":
            profile = plistlib.loads(command["Payload"])
            self.remove(profile["PayloadIdentifier"])
            self.profiles.append({k: profile[k] for k in ("PayloadIdentifier", "PayloadUUID", "PayloadVersion")})
            return {}
        if kind == "RemoveProfile":
            return {} if self.remove(command["Identifier"]) else {"Status": "Error", "ErrorChain": [{"ErrorCode": 89, "ErrorDomain": "MDMErrorDomain", "LocalizedDescription": "not installed"}]}
        return {"Status": "Error", "ErrorChain": [{"ErrorCode": 12021, "ErrorDomain": "MDMErrorDomain", "LocalizedDescription": "unknown command"}]}

    def remove(self, identifier):
        kept = [p for p in self.profiles if p["PayloadIdentifier"] != identifier]
        removed = len(kept) < len(self.profiles)
        self.profiles = kept
        return removed
