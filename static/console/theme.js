// Runs before the first paint: the page must not flash in the wrong colours.
"use strict";
(function () {
  const kept = window.localStorage.getItem("propbot-theme");
  const dark = kept ? kept === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
})();
