-- postern behind HAProxy (2.5 and newer, with Lua): one question to /forward-auth for each request.
--
--   global:    lua-load /etc/haproxy/postern.lua
--   frontend:  http-request lua.postern http://127.0.0.1:8445/forward-auth
--
-- Reads  txn.postern_person   who signed in; unset: nobody
--        txn.postern_app      the application's host, as the policy names it
--        txn.postern_cert     optional: the client certificate as DER in base64 (ssl_c_der,base64)
-- Sets   txn.postern_status   200 let in, 401 nobody signed in, 403 refused, 503 no answer
--        txn.postern_outcome  allow, warn or deny
--        txn.postern_page     where the person reads what to fix; unset when there is nothing to say
--        txn.postern_decision the decision's id
-- It never decides by itself: a frontend that does not look at txn.postern_status lets everybody in.

local TIMEOUT_MS = 2000 -- below tune.lua.session-timeout (4 s), so that a slow gateway ends in an answer of ours
local UNAVAILABLE = 503

local function first(headers, name)
    local values = headers and headers[name]
    return values and values[0]
end

local function question(txn)
    local headers = {
        ["x-postern-person"] = { txn:get_var("txn.postern_person") or "" },
        ["x-forwarded-host"] = { txn:get_var("txn.postern_app") or "" },
        ["x-forwarded-proto"] = { txn.f:ssl_fc() == 1 and "https" or "http" },
    }
    local certificate = txn:get_var("txn.postern_cert")
    if certificate and certificate ~= "" then
        headers["client-cert"] = { ":" .. certificate .. ":" } -- RFC 9440
    end
    return headers
end

local function ask(txn, url)
    -- Closed until a whole answer says otherwise; also on a request that follows on the same connection.
    txn:set_var("txn.postern_status", UNAVAILABLE)
    local answer = core.httpclient():get({ url = url, headers = question(txn), timeout = TIMEOUT_MS })
    local outcome = first(answer.headers, "x-postern-outcome")
    local decided = answer.status == 200 or answer.status == 403
    if decided and outcome == nil then
        return -- somebody else's answer: not from postern, or postern refuses to answer this proxy
    end
    if not decided and answer.status ~= 401 then
        return
    end
    txn:set_var("txn.postern_status", answer.status)
    if outcome then
        txn:set_var("txn.postern_outcome", outcome)
        txn:set_var("txn.postern_decision", first(answer.headers, "x-postern-decision") or "")
        local page = first(answer.headers, "x-postern-page")
        if page then
            txn:set_var("txn.postern_page", page)
        end
    end
end

core.register_action("postern", { "http-req" }, ask, 1)
