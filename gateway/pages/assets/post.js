// Takes the answer of a login back to where it came from. Without this file the person presses the button.
(function () {
  "use strict";
  var form = document.getElementById("post");
  if (form) form.submit();
})();
