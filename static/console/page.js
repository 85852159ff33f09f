// Shared by every page of the console: theme, and times that keep counting.
"use strict";

export function duration(seconds) {
  for (const [size, unit] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${Math.max(0, Math.floor(seconds))} s`;
}

export function tickTimes(root = document) {
  const now = Date.now();
  for (const node of root.querySelectorAll("time[data-ago]")) {
    node.textContent = `${duration((now - Date.parse(node.dateTime)) / 1000)} ago`;
  }
  for (const node of root.querySelectorAll("time[data-expires]")) {
    const left = (Date.parse(node.dateTime) - now) / 1000;
    const minutes = Math.floor(left / 60);
    const seconds = String(Math.floor(left % 60)).padStart(2, "0");
    node.textContent = left > 0 ? `${minutes}:${seconds} left` : "expired";
    node.classList.toggle("bad", left < 60);
  }
}

function toggleTheme() {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  window.localStorage.setItem("propbot-theme", root.dataset.theme);
}

document.getElementById("theme")?.addEventListener("click", toggleTheme);
tickTimes();
window.setInterval(tickTimes, 1000);
