// Spares the reload while a device is asked: looks again, and shows what is new. Everything works without this file.
(function () {
  "use strict";
  var main = document.getElementById("main"), status = document.getElementById("status");
  var LIMIT_MS = 30 * 60 * 1000, started = Date.now(), timer = 0;
  if (!main || !status || !window.fetch || !window.DOMParser) return;

  // A live region speaks of changes only: what stood there at the start is put there once more.
  function say(words, kind) {
    if (status.textContent === words) return;
    status.className = kind;
    status.textContent = words;
  }

  function sayAgain() {
    var words = status.textContent;
    if (!words) return;
    status.textContent = "";
    setTimeout(function () { if (!status.textContent) status.textContent = words; }, 200);
  }

  function isBusy() {
    var at = document.activeElement, texts = main.querySelectorAll("textarea");
    return (at && main.contains(at) && /^(TEXTAREA|INPUT|SELECT)$/.test(at.tagName)) || Array.prototype.some.call(texts, function (text) { return text.value !== ""; });
  }

  function goOn() {
    var where = main.dataset.go;
    if (!where || !/^https?:\/\//.test(where)) return false;
    setTimeout(function () { location.assign(where); }, 1500);
    return true;
  }

  // The same words with new times.
  function freshenTimes(fresh) {
    var old = main.querySelectorAll("time"), now = fresh.querySelectorAll("time");
    for (var i = 0; old.length === now.length && i < old.length; i++) {
      if (old[i].textContent !== now[i].textContent) old[i].textContent = now[i].textContent;
    }
  }

  function show(page) {
    var fresh = page.getElementById("main"), news = page.getElementById("status");
    if (!fresh || !news) return;
    var focused = document.activeElement, inside = main.contains(focused) && focused !== main;
    say(news.textContent, news.className);
    main.dataset.poll = fresh.dataset.poll;
    if (fresh.dataset.go) main.dataset.go = fresh.dataset.go;
    if (fresh.dataset.state === main.dataset.state) {
      freshenTimes(fresh);
    } else if (!isBusy() || fresh.dataset.go) {
      main.dataset.state = fresh.dataset.state;
      main.replaceChildren.apply(main, Array.prototype.slice.call(document.adoptNode(fresh).childNodes));
      document.title = page.title;
      if (inside) main.focus({ preventScroll: true });
    }
  }

  function look() {
    if (document.hidden) return again();
    fetch(location.href, { cache: "no-store", redirect: "error", headers: { "X-Postern-Look": "1" } }).then(function (answer) {
      if (answer.status === 404 || answer.status === 410) { main.dataset.poll = "0"; return ""; }
      return answer.ok ? answer.text() : "";
    }).then(function (text) {
      if (text) show(new DOMParser().parseFromString(text, "text/html"));
      if (!goOn()) again();
    }).catch(again);
  }

  function again() {
    var seconds = Number(main.dataset.poll);
    clearTimeout(timer);
    if (seconds > 0 && Date.now() - started < LIMIT_MS) timer = setTimeout(look, seconds * 1000);
  }

  // The answer to a form may wait for the device: that it is asked is said at once.
  main.addEventListener("submit", function (event) {
    if (event.target.dataset.asking) say(event.target.dataset.asking, "news");
  });
  document.addEventListener("visibilitychange", function () { if (!document.hidden) { started = Date.now(); again(); } });
  sayAgain();
  if (!goOn()) again();
})();
