// Asks the browser for its WebAuthn credential, to make one (data-ask="create") or to answer with one ("get"), and sends what comes back with the form.
(function () {
  "use strict";
  var form = document.getElementById("webauthn"), status = document.getElementById("status");
  if (!form) return;
  var data = form.dataset, busy = false, AT_ONCE_MS = 1000;

  function say(words) { if (status) { status.className = "news"; status.textContent = words; } }

  function bytes(text) {
    var plain = atob(text.replace(/-/g, "+").replace(/_/g, "/")), out = new Uint8Array(plain.length);
    for (var i = 0; i < plain.length; i++) out[i] = plain.charCodeAt(i);
    return out;
  }

  function text(buffer) {
    var all = new Uint8Array(buffer || 0), plain = "";
    for (var i = 0; i < all.length; i++) plain += String.fromCharCode(all[i]);
    return btoa(plain).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  }

  function list(ids) {
    return (ids || "").split(" ").filter(Boolean).map(function (id) { return { type: "public-key", id: bytes(id), transports: ["internal"] }; });
  }

  function create() {
    return navigator.credentials.create({ publicKey: {
      challenge: bytes(data.challenge), rp: { id: data.rp, name: data.rpName },
      user: { id: new TextEncoder().encode(data.user), name: data.userName, displayName: data.userName },
      pubKeyCredParams: [{ type: "public-key", alg: -7 }, { type: "public-key", alg: -257 }, { type: "public-key", alg: -8 }],
      authenticatorSelection: { authenticatorAttachment: "platform", residentKey: "required", requireResidentKey: true, userVerification: "required" },
      excludeCredentials: list(data.exclude), attestation: "none", timeout: Number(data.timeout), hints: ["client-device"]
    } });
  }

  function get() {
    return navigator.credentials.get({ publicKey: {
      challenge: bytes(data.challenge), rpId: data.rp, allowCredentials: list(data.allow), userVerification: "required", timeout: Number(data.timeout), hints: ["client-device"]
    } });
  }

  function fill(name, value) {
    var field = document.createElement("input");
    field.type = "hidden";
    field.name = name;
    field.value = value;
    form.appendChild(field);
  }

  // A place on another site is reached by an address, not by the answer to a form: the page's own rule for forms holds for where they are sent on, too.
  function send() {
    if (data.ask === "create") return form.submit();
    fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "error", cache: "no-store" }).then(function (answer) {
      return answer.text();
    }).then(function (page) {
      var main = new DOMParser().parseFromString(page, "text/html").getElementById("main"), where = main && main.dataset.go;
      if (where && /^https?:\/\//.test(where)) location.replace(where);
      else location.reload();
    }).catch(function () { busy = false; say(data.failed); });
  }

  function answer(credential) {
    var r = credential.response;
    fill("id", text(credential.rawId));
    fill("attachment", credential.authenticatorAttachment || "");
    fill("client_data", text(r.clientDataJSON));
    if (r.attestationObject) {
      fill("attestation_object", text(r.attestationObject));
    } else {
      fill("authenticator_data", text(r.authenticatorData));
      fill("signature", text(r.signature));
      fill("user", text(r.userHandle));
    }
    send();
  }

  // A browser that wants a press of the button first says no at once: then nobody has done anything yet, and there is nothing to say.
  function ask(byItself) {
    if (busy) return;
    busy = true;
    var began = Date.now();
    (data.ask === "create" ? create() : get()).then(answer).catch(function (error) {
      busy = false;
      if (byItself && Date.now() - began < AT_ONCE_MS) return;
      say(error && error.name === "InvalidStateError" && data.known ? data.known : data.failed);
    });
  }

  function offer() {
    form.hidden = false;
    form.addEventListener("submit", function (event) { event.preventDefault(); ask(false); });
    if (data.ask === "get" && document.hasFocus()) ask(true);
  }

  if (!window.PublicKeyCredential || !navigator.credentials || !window.fetch) return say(data.unable);
  if (data.ask === "get") return offer();
  PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable().then(function (able) { if (able) offer(); else say(data.unable); });
})();
