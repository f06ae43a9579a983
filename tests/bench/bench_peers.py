"""What others would build: nginx that answers at once, and nginx with Lua that reads the same question and looks person and device up in a Redis."""
import os

from bench_tools import Target
from harness import Process, Redis, free_port, wait_for

HEAD = """
worker_processes 1;
daemon off;
pid %(folder)s/nginx.pid;
error_log %(folder)s/error.log warn;
%(modules)s
events { worker_connections 1024; }
http {
    access_log off;
    keepalive_requests 100000000;
    client_body_temp_path %(folder)s/body;
    proxy_temp_path %(folder)s/proxy;
    fastcgi_temp_path %(folder)s/fastcgi;
    uwsgi_temp_path %(folder)s/uwsgi;
    scgi_temp_path %(folder)s/scgi;
%(http)s
}
"""
RETURN = """
    server { listen 127.0.0.1:%(port)d; default_type application/json; location / { return 200 '%(answer)s'; } }
"""
LUA = """
    lua_package_path "/usr/share/lua/5.1/?.lua;;";
    init_by_lua_block { cjson = require "cjson.safe"; redis = require "nginx.redis" }
    server {
        listen 127.0.0.1:%(port)d;
        default_type application/json;
        client_body_buffer_size 64k;
        location / { content_by_lua_block { %(answer_lua)s } }
    }
"""
# The least that decides: key check, person, device, its owner, its verdict, and the app's rule. Connections are kept, the three look-ups go in one pipeline.
ANSWER = """
if ngx.req.get_headers()["Authorization"] ~= "%(bearer)s" then return ngx.exit(401) end
ngx.req.read_body()
local q = cjson.decode(ngx.req.get_body_data() or "")
if not q or not q.subject or not q.resource or not q.context or not q.context.device then return ngx.exit(400) end
local r = redis:new()
r:set_timeout(1000)
if not r:connect("127.0.0.1", %(redis)d) then return ngx.exit(503) end
r:init_pipeline(3)
r:get("person:" .. string.lower(q.subject.id))
r:hmget("device:" .. q.context.device.id, "owner", "verdict", "failing")
r:hmget("app:" .. q.resource.id, "sensitivity", "closed")
local got, err = r:commit_pipeline()
if not got then return ngx.exit(503) end
r:set_keepalive(60000, 16)
local person, device, app = got[1], got[2], got[3]
local allowed = person ~= ngx.null and device[1] == person and device[2] == "pass" and app[1] ~= ngx.null and app[2] ~= "yes"
local answer = cjson.encode({ decision = allowed, context = { decision_id = ngx.var.request_id, outcome = allowed and "allow" or "deny", rule = allowed and "good" or "closed", failing = cjson.empty_array,
    device = q.context.device.id, valid_until = ngx.utctime(), stale = false, policy_version = "%(version)s" } })
ngx.header["Content-Length"] = #answer
ngx.print(answer)
"""


def start(scene, name, http, modules="", **values):
    folder = os.path.join(scene.world.folder, name)
    os.makedirs(folder, exist_ok=True)
    values = dict(values, folder=folder, port=free_port())
    path = os.path.join(folder, "nginx.conf")
    with open(path, "w") as f:
        f.write(HEAD % dict(values, http=http % values, modules=modules))
    process = Process(["nginx", "-c", path, "-p", folder], os.path.join(folder, "log"))
    return process.child.pid, values["port"]


def nginx_return(scene, request):
    pid, port = start(scene, "nginx-return", RETURN, answer="{" + " " * (scene.ask(request) - 2) + "}")
    wait_for("nginx", lambda: scene.ask(request, port) > 0)
    return Target(scene.machine, "nginx", port, [pid], request)


def nginx_lua(scene, request):
    store = Redis(os.path.join(scene.world.folder, "lua-redis"))
    store.start()
    person = "p_" + "a" * 26
    store.command("SET", "person:ana@acme.example", person)
    store.command("HSET", "device:" + scene.device, "owner", person, "verdict", "pass", "failing", "")
    store.command("HSET", "app:payroll", "sensitivity", "sensitive", "closed", "no")
    answer = ANSWER % {"bearer": scene.bearer["Authorization"], "redis": store.port, "version": "0" * 64}
    modules = "load_module /usr/lib/nginx/modules/ndk_http_module.so;\nload_module /usr/lib/nginx/modules/ngx_http_lua_module.so;"
    pid, port = start(scene, "nginx-lua", LUA, modules, answer_lua=answer)
    wait_for("nginx with Lua", lambda: scene.ask(request, port) > 0)
    return Target(scene.machine, "nginx+Lua+Redis", port, [pid, store.process.child.pid], request)
