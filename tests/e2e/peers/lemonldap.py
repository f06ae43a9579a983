"""LemonLDAP::NG as broker: its portal asks postern (authentication by OpenID Connect), its handler protects the company's pages. All of it lives in the
story's folder; nothing of /etc or /var/lib is read."""
import json
import os

from harness import Process, expect, free_port, request, wait_for

INI = """[all]
logLevel = notice
checkTime = 3600
[configuration]
type = File
dirName = %(folder)s/conf
localStorage = Cache::FileCache
localStorageOptions = { 'namespace' => 'conf', 'default_expires_in' => 600, 'cache_root' => '%(folder)s/cache', 'cache_depth' => 1 }
[portal]
staticPrefix = /static
templateDir = /usr/share/lemonldap-ng/portal/templates
languages = en
[handler]
status = 0
useRedirectOnError = 0
"""

# The pages behind the handler show what it tells an app.
PAGES = """use strict;
use JSON;
use Lemonldap::NG::Handler::Server;
my $handler = Lemonldap::NG::Handler::Server->run({});
sub {
    my $env = shift;
    return [200, ['Content-Type' => 'text/plain'], ['up']] if $env->{HTTP_HOST} =~ /^localhost/;
    my $answer = $handler->($env);
    return $answer unless $answer->[0] == 200;
    my %told = @{ $answer->[1] };
    return [200, ['Content-Type' => 'application/json'], [JSON->new->canonical->encode({ page => $env->{HTTP_HOST}, told => \\%told })]];
};
"""

PORTAL = """use strict;
use Lemonldap::NG::Portal::Main;
my $portal = Lemonldap::NG::Portal::Main->run({});
sub { $_[0]->{HTTP_HOST} =~ /^localhost/ ? [200, ['Content-Type' => 'text/plain'], ['up']] : $portal->($_[0]) };
"""

SERVE = ("use HTTP::Server::PSGI; use Plack::Util; HTTP::Server::PSGI->new(host => '127.0.0.1', port => %d, timeout => 60, ssl => 1, ssl_cert_file => '%s', ssl_key_file => '%s')"
         "->run(Plack::Util::load_psgi('%s'));")


class LemonLdap:
    """pages: names of protected hosts below the broker's domain."""

    def __init__(self, world, authority, domain="llng.example", pages=("wiki", "payroll")):
        self.world, self.domain = world, domain
        self.port, self.pages_port = free_port(), free_port()
        self.folder = os.path.join(world.folder, domain)
        self.pages = pages
        self.names = ["%s.%s" % (n, domain) for n in ("auth",) + tuple(pages)]
        self.tls = authority.server(*self.names, "localhost")
        self.trusted = authority.certificate
        self.portal = "https://auth.%s:%d/" % (domain, self.port)
        self.callback = self.portal + "?openidconnectcallback=1"

    def page(self, name):
        return "https://%s.%s:%d/" % (name, self.domain, self.pages_port)

    def provider(self, document, keys, client_id, secret, auth, rule):
        """Options of one provider: postern as one of its clients. rule: LemonLDAP's expression that chooses it."""
        return {"json": document, "jwks": keys, "variables": {"mail": "email", "name": "name", "device": "sub"},
                "options": {"oidcOPMetaDataOptionsClientID": client_id, "oidcOPMetaDataOptionsClientSecret": secret, "oidcOPMetaDataOptionsScope": "openid email profile",
                            "oidcOPMetaDataOptionsTokenEndpointAuthMethod": auth, "oidcOPMetaDataOptionsCheckJWTSignature": 1, "oidcOPMetaDataOptionsUseNonce": 1,
                            "oidcOPMetaDataOptionsStoreIDToken": 1, "oidcOPMetaDataOptionsIDTokenMaxAge": 120, "oidcOPMetaDataOptionsJWKSTimeout": 3600,
                            "oidcOPMetaDataOptionsResolutionRule": rule}}

    def configuration(self, providers, authentication):
        hosts = {"%s.%s" % (n, self.domain): n for n in self.pages}
        storage = {"Directory": self.folder + "/sessions", "LockDirectory": self.folder + "/lock", "generateModule": "Lemonldap::NG::Common::Apache::Session::Generate::SHA256"}
        base = {"cfgNum": 1, "cfgAuthor": "stories", "cfgDate": "1", "cfgVersion": "2.16.1", "domain": self.domain, "portal": self.portal, "cookieName": "llng", "securedCookie": 1,
                "https": 1, "port": self.pages_port, "trustedDomains": "*." + self.domain, "key": "of-the-stories-only", "authentication": "OpenIDConnect", "userDB": "Same",
                "whatToTrace": "_user", "globalStorage": "Apache::Session::File", "globalStorageOptions": storage, "localSessionStorage": "", "oidcRPCallbackGetParam": "openidconnectcallback",
                "portalSkin": "bootstrap", "cspFormAction": "'self' https:", "checkXSS": 1, "requireToken": 0, "exportedVars": {}, "macros": {}, "groups": {},
                "locationRules": {h: {"default": "accept"} for h in hosts}, "exportedHeaders": {h: {"Auth-User": "$_user", "Auth-Mail": "$mail", "Auth-Provider": "$_oidc_OP"} for h in hosts},
                "oidcOPMetaDataJSON": {n: json.dumps(p["json"]) for n, p in providers.items()}, "oidcOPMetaDataJWKS": {n: json.dumps(p["jwks"]) for n, p in providers.items()},
                "oidcOPMetaDataOptions": {n: p["options"] for n, p in providers.items()}, "oidcOPMetaDataExportedVars": {n: p["variables"] for n, p in providers.items()}}
        return dict(base, **authentication)

    def start(self, providers, trusted, authentication=None):
        """providers: {name: provider(...)}; authentication: further keys of the configuration, such as a Combination."""
        for name in ("conf", "cache", "sessions", "lock"):
            os.makedirs(os.path.join(self.folder, name))
        self.write("llng.ini", INI % {"folder": self.folder})
        self.write("conf/lmConf-1.json", json.dumps(self.configuration(providers, authentication or {})))
        self.processes = [self.serve("portal", PORTAL, self.port, trusted), self.serve("pages", PAGES, self.pages_port, trusted)]
        return self

    def serve(self, name, app, port, trusted):
        """One server of its own: the portal and the handler keep global state that does not share a process."""
        self.write(name + ".psgi", app)
        path = os.path.join(self.folder, name)
        process = Process(["perl", "-e", SERVE % (port, self.tls[0], self.tls[1], path + ".psgi")], path + ".log", cwd=self.folder,
                          env={"LLNG_DEFAULTCONFFILE": self.folder + "/llng.ini", "PERL_LWP_SSL_CA_FILE": trusted})

        def up():
            expect(process.alive(), "LemonLDAP::NG ended: " + process.text())
            return request("https://localhost:%d/" % port, ca=self.trusted).status == 200
        wait_for("LemonLDAP::NG's " + name, up)
        return process

    def write(self, path, text):
        with open(os.path.join(self.folder, path), "w") as f:
            f.write(text)

    @staticmethod
    def opened(page):
        """Whose the page behind the handler is; None when the browser is not there."""
        return json.loads(page.text)["told"].get("Auth-Mail") if page.status == 200 and page.text.startswith('{"page"') else None

    def stop(self):
        for process in self.processes:
            process.kill()

    def text(self):
        """What its processes said."""
        return "\n".join(p.text() for p in self.processes)
