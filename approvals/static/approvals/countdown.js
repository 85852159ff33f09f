// How long a request stays valid. The server decides; this only tells.
(() => {
  "use strict";

  const spell = (seconds) => {
    if (seconds <= 0) return "expired";
    const rest = String(seconds % 60).padStart(2, "0");
    return `${Math.floor(seconds / 60)}:${rest} left`;
  };

  const tick = (node) => {
    const until = Date.parse(node.getAttribute("datetime"));
    node.textContent = spell(Math.floor((until - Date.now()) / 1000));
  };

  document.addEventListener("DOMContentLoaded", () => {
    for (const node of document.querySelectorAll("[data-countdown]")) {
      tick(node);
      window.setInterval(() => tick(node), 1000);
    }
  });
})();
